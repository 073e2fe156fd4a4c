//! Descriptors of any kind in tokio's reactor.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::OwnedFd;

use tokio::io::unix::AsyncFd;

/// Registers `fd`, which must be non-blocking, with the runtime of the caller.
///
/// # Errors
/// When the kernel does not poll this kind of descriptor, or has no memory left.
///
/// # Panics
/// Outside of a tokio runtime with I/O.
pub fn register(fd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an OwnedFd is open, the only owner, and names the same description until it is dropped.
    Ok(unsafe { AsyncFd::register(fd) }?)
}
