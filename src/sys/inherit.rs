//! Descriptors that this process was born with, by number.
#![allow(unsafe_code)]

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};

pub use command_fds::inherited::InheritedFdError;

/// Registers every open descriptor from 3 up as inherited and makes it close-on-exec. The first act of `main`: before any
/// other descriptor is opened and any thread is started.
///
/// # Errors
/// When `/proc` cannot be read, or on a second call.
pub fn register() -> io::Result<()> {
    static DONE: AtomicBool = AtomicBool::new(false);
    if DONE.swap(true, Relaxed) {
        return Err(io::Error::other("inherited descriptors are registered already"));
    }
    // SAFETY: called first in `main`, so that no descriptor from 3 up has an owner in this process yet.
    unsafe { command_fds::inherited::init_inherited_fds() }
}

/// Takes the inherited descriptor `number`, once.
///
/// # Errors
/// When no such descriptor was inherited, or it was taken before.
pub fn take(number: RawFd) -> Result<OwnedFd, InheritedFdError> {
    command_fds::inherited::take_fd_ownership(number)
}

/// Lets a descriptor outlive the exec that makes another program of this process, or keeps it from that again.
///
/// # Errors
/// Never for an open descriptor.
pub fn bequeath(fd: impl AsFd, outlives: bool) -> nix::Result<()> {
    let flags = if outlives { FdFlag::empty() } else { FdFlag::FD_CLOEXEC };
    fcntl(fd, FcntlArg::F_SETFD(flags)).map(drop)
}

/// A copy of a descriptor with the number `least` or a higher one. Close-on-exec.
///
/// # Errors
/// When there are no descriptors left.
pub fn copy_above(fd: impl AsFd, least: RawFd) -> nix::Result<OwnedFd> {
    let number = fcntl(fd, FcntlArg::F_DUPFD_CLOEXEC(least))?;
    // SAFETY: the kernel has just opened it for us.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Takes a variable out of the environment, so that no program started from here finds it. To be called in `main`, before
/// any thread is started.
#[must_use]
pub fn take_variable(name: &str) -> Option<OsString> {
    let value = std::env::var_os(name)?;
    // SAFETY: by the contract above nobody else can be reading the environment.
    unsafe { std::env::remove_var(name) };
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsRawFd;

    #[test]
    fn a_copy_keeps_out_of_the_way() {
        let (reader, _writer) = std::io::pipe().unwrap();
        let copy = copy_above(&reader, 200).unwrap();
        assert!(copy.as_raw_fd() >= 200);
        let flags = || FdFlag::from_bits_retain(fcntl(&copy, FcntlArg::F_GETFD).unwrap());
        assert_eq!(flags(), FdFlag::FD_CLOEXEC);
        bequeath(&copy, true).unwrap();
        assert_eq!(flags(), FdFlag::empty());
        bequeath(&copy, false).unwrap();
        assert_eq!(flags(), FdFlag::FD_CLOEXEC);
    }
}
