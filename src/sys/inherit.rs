//! Descriptors that this process was born with, by number.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

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
