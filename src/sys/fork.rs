//! Births and deaths of processes: `fork`, a descriptor for a process, the end without clean-up.
#![allow(unsafe_code)]

use std::os::fd::{FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::unistd::{ForkResult, Pid};

/// Which side of a [`fork`] this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fork {
    /// The process that called, with the id of the new one.
    Parent(Pid),
    /// The new process.
    Child,
}

/// Divides the process. Only the calling thread lives on in the child: locks that other threads hold stay locked there.
///
/// The callers are the zygote, which runs one thread of ours, and the start of a detached master, which has one.
/// Threads that an application starts while it is imported are its own risk, as with any forking server.
///
/// # Errors
/// When the kernel's limits on processes or memory forbid it.
pub fn fork() -> nix::Result<Fork> {
    // SAFETY: by the contract above no lock of ours is held by another thread, so the child may go on as usual.
    match unsafe { nix::unistd::fork() }? {
        ForkResult::Parent { child } => Ok(Fork::Parent(child)),
        ForkResult::Child => Ok(Fork::Child),
    }
}

/// A descriptor that becomes readable when process `pid` has ended. Close-on-exec.
///
/// # Errors
/// When there is no such process, or the kernel (before Linux 5.3) has no such descriptors.
pub fn pidfd(pid: Pid) -> nix::Result<OwnedFd> {
    // SAFETY: a system call with two integers.
    let fd = Errno::result(unsafe { libc::syscall(libc::SYS_pidfd_open, pid.as_raw(), 0) })?;
    let fd = RawFd::try_from(fd).map_err(|_| Errno::EOVERFLOW)?;
    // SAFETY: the kernel has just opened it for us.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Ends the process without running exit handlers of the C library, which belong to whoever was forked from.
pub fn exit_now(code: i32) -> ! {
    // SAFETY: takes an integer and does not return.
    unsafe { libc::_exit(code) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    use nix::sys::wait::{WaitStatus, waitpid};
    use std::os::fd::AsFd;

    #[test]
    fn a_child_is_seen_to_end() {
        let child = match fork().unwrap() {
            Fork::Child => exit_now(7),
            Fork::Parent(child) => child,
        };
        let ended = pidfd(child).unwrap();
        let mut polled = [PollFd::new(ended.as_fd(), PollFlags::POLLIN)];
        assert_eq!(poll(&mut polled, PollTimeout::from(5000_u16)), Ok(1));
        assert_eq!(waitpid(child, None), Ok(WaitStatus::Exited(child, 7)));
    }
}
