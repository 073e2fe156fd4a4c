//! Which thread this is, and signals to a certain thread.
#![allow(unsafe_code)]

use std::ffi::c_int;

use nix::errno::Errno;

/// The calling thread: as the threading library names it (and tracebacks of Python do), and as the kernel does.
#[must_use]
pub fn this() -> (u64, u64) {
    // SAFETY: always succeeds.
    let name = unsafe { libc::pthread_self() };
    (name as u64, u64::from(nix::unistd::gettid().as_raw().unsigned_abs()))
}

/// Sends a signal to one thread of a process.
///
/// # Errors
/// `ESRCH` when there is no such thread, `EPERM` when it is not ours to signal.
pub fn signal(process: u32, thread: u64, signal: c_int) -> nix::Result<()> {
    let no_such = |_| Errno::ESRCH;
    let process = c_int::try_from(process).map_err(no_such)?;
    let thread = c_int::try_from(thread).map_err(no_such)?;
    // SAFETY: a system call on numbers; those that name nothing of ours are refused by the kernel.
    Errno::result(unsafe { libc::syscall(libc::SYS_tgkill, process, thread, signal) }).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_are_told_apart_and_found() {
        let here = this();
        let there = std::thread::spawn(this).join().unwrap();
        assert!(here.0 != there.0 && here.1 != there.1);
        assert_eq!(signal(std::process::id(), here.1, 0), Ok(()));
        assert_eq!(signal(std::process::id(), 0, 0), Err(Errno::EINVAL));
        assert_eq!(signal(u32::MAX, 1, 0), Err(Errno::ESRCH));
    }
}
