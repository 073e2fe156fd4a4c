//! Reading what the kernel has in memory, and nothing else.
#![allow(unsafe_code)]

use std::os::fd::{AsRawFd, BorrowedFd};

use bytes::BytesMut;

/// Reads up to `most` bytes from `offset` into the spare capacity of `buffer`, without ever waiting for a disk; returns how many
/// bytes were there. Fewer than asked for and fitting mean that the rest is not in memory, or that the file ends.
///
/// Source: preadv2(2), `RWF_NOWAIT` (Linux 4.14).
///
/// # Errors
/// `EAGAIN` when nothing is in memory; `EOPNOTSUPP` where the file system cannot tell.
pub fn read_cached(file: BorrowedFd<'_>, offset: u64, buffer: &mut BytesMut, most: usize) -> nix::Result<usize> {
    let offset = libc::off_t::try_from(offset).map_err(|_| nix::Error::EOVERFLOW)?;
    let spare = buffer.spare_capacity_mut();
    let part = libc::iovec { iov_base: spare.as_mut_ptr().cast(), iov_len: spare.len().min(most) };
    // SAFETY: one iovec over spare bytes (or fewer) that we may write, which lives longer than the call.
    let len = unsafe { libc::preadv2(file.as_raw_fd(), &raw const part, 1, offset, libc::RWF_NOWAIT) };
    let len = usize::try_from(len).map_err(|_| nix::Error::last())?;
    // SAFETY: the kernel has written `len` bytes, never more than the spare capacity it was given.
    unsafe { buffer.set_len(buffer.len() + len) };
    Ok(len)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::fd::AsFd;

    #[test]
    fn what_was_just_written_is_in_memory() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"0123456789").unwrap();
        let mut buffer = BytesMut::with_capacity(64);
        buffer.extend_from_slice(b"ab");
        match read_cached(file.as_fd(), 3, &mut buffer, 5) {
            Ok(count) => assert_eq!((count, &*buffer), (5, &b"ab34567"[..])),
            // Some file systems cannot say.
            Err(error) => assert_eq!((error, &*buffer), (nix::Error::EOPNOTSUPP, &b"ab"[..])),
        }
        assert_eq!(read_cached(file.as_fd(), u64::MAX, &mut buffer, 5), Err(nix::Error::EOVERFLOW));
    }
}
