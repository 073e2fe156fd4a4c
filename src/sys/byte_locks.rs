//! Locks between processes: one byte each of an empty file in memory, locked through a description that is the process's own
//! (open file description locks, fcntl_locking(2)). The kernel frees what a process has held when it dies.
//!
//! Threads of one process share its description, and with it each lock: they have to exclude each other by other means. So do
//! forks that go on with the description of their parent: each process opens its own.

use std::ffi::CStr;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use nix::sys::memfd::{MFdFlags, memfd_create};

/// The locks of one memory, as this process has opened them.
#[derive(Debug)]
pub struct ByteLocks(File);

/// Makes the memory, for any number of locks. The descriptor is close-on-exec.
///
/// # Errors
/// When the kernel has no memory or descriptors left.
pub fn create(name: &CStr) -> io::Result<OwnedFd> {
    Ok(memfd_create(name, MFdFlags::MFD_CLOEXEC)?)
}

impl ByteLocks {
    /// Opens memory made by [`create`] for this process.
    ///
    /// # Errors
    /// When `/proc` is not there, or descriptors are short.
    pub fn open(memory: BorrowedFd<'_>) -> io::Result<Self> {
        let path = format!("/proc/self/fd/{}", memory.as_raw_fd());
        Ok(Self(OpenOptions::new().read(true).write(true).open(path)?))
    }

    /// Takes a lock, waiting for it.
    ///
    /// # Errors
    /// [`io::ErrorKind::Interrupted`] when a signal was handled meanwhile; others when the kernel has no room for locks.
    pub fn lock(&self, number: u32) -> io::Result<()> {
        fcntl(self.0.as_fd(), FcntlArg::F_OFD_SETLKW(&byte(number, libc::F_WRLCK)))?;
        Ok(())
    }

    /// Gives a lock back; nothing when this process does not hold it.
    ///
    /// # Errors
    /// When the kernel has no room for locks.
    pub fn unlock(&self, number: u32) -> io::Result<()> {
        fcntl(self.0.as_fd(), FcntlArg::F_OFD_SETLK(&byte(number, libc::F_UNLCK)))?;
        Ok(())
    }

    /// Whether another process holds a lock.
    ///
    /// # Errors
    /// When the kernel cannot tell.
    pub fn is_locked_elsewhere(&self, number: u32) -> io::Result<bool> {
        let mut found = byte(number, libc::F_WRLCK);
        fcntl(self.0.as_fd(), FcntlArg::F_OFD_GETLK(&mut found))?;
        Ok(i32::from(found.l_type) != libc::F_UNLCK)
    }
}

fn byte(number: u32, kind: i32) -> libc::flock {
    // Both constants are small numbers.
    let (kind, whence) = (kind as libc::c_short, libc::SEEK_SET as libc::c_short);
    libc::flock { l_type: kind, l_whence: whence, l_start: number.into(), l_len: 1, l_pid: 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_exclude_each_other_and_their_end_frees() {
        let memory = create(c"test").unwrap();
        let (one, other) = (ByteLocks::open(memory.as_fd()).unwrap(), ByteLocks::open(memory.as_fd()).unwrap());
        one.lock(7).unwrap();
        assert!(other.is_locked_elsewhere(7).unwrap() && !other.is_locked_elsewhere(6).unwrap());
        assert!(!one.is_locked_elsewhere(7).unwrap());
        one.unlock(7).unwrap();
        one.unlock(7).unwrap();
        assert!(!other.is_locked_elsewhere(7).unwrap());
        one.lock(u32::MAX).unwrap();
        let waiting = std::thread::spawn(move || other.lock(u32::MAX).map(|()| other));
        drop(one);
        assert!(waiting.join().unwrap().is_ok());
    }
}
