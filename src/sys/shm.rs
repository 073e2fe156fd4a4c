//! Shared memory as a slice of atomic words: every process of an instance may write to it, none can be surprised by it.
#![allow(unsafe_code)]

use std::num::NonZeroUsize;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::AtomicU64;

use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::mman::{MapFlags, ProtFlags, mmap};

/// Makes anonymous shared memory of `words` zeroed words. The descriptor is close-on-exec.
///
/// # Errors
/// When the kernel has no memory or descriptors left.
pub fn create(name: &std::ffi::CStr, words: usize) -> nix::Result<OwnedFd> {
    let fd = memfd_create(name, MFdFlags::MFD_CLOEXEC)?;
    let bytes = words.checked_mul(8).and_then(|bytes| i64::try_from(bytes).ok()).ok_or(nix::Error::EOVERFLOW)?;
    nix::unistd::ftruncate(fd.as_fd(), bytes)?;
    Ok(fd)
}

/// Maps memory made by [`create`] for the rest of the process's life (and of its forks).
///
/// # Errors
/// When the descriptor is smaller than `words` or cannot be mapped.
pub fn map(fd: BorrowedFd<'_>, words: usize) -> nix::Result<&'static [AtomicU64]> {
    let bytes = words.checked_mul(8).and_then(NonZeroUsize::new).ok_or(nix::Error::EINVAL)?;
    let size = nix::sys::stat::fstat(fd)?.st_size;
    if u64::try_from(size).unwrap_or(0) < bytes.get() as u64 {
        return Err(nix::Error::EINVAL);
    }
    // SAFETY: a fresh mapping of a descriptor that is large enough; it is never unmapped.
    let start =
        unsafe { mmap(None, bytes, ProtFlags::PROT_READ | ProtFlags::PROT_WRITE, MapFlags::MAP_SHARED, fd, 0)? };
    // SAFETY: page-aligned, `words` long, lives for ever, and only ever accessed as atomics.
    Ok(unsafe { std::slice::from_raw_parts(start.as_ptr().cast::<AtomicU64>(), words) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::Ordering::Relaxed;

    #[test]
    fn two_mappings_see_one_memory() {
        let fd = create(c"test", 4).unwrap();
        let (first, second) = (map(fd.as_fd(), 4).unwrap(), map(fd.as_fd(), 4).unwrap());
        first[3].store(7, Relaxed);
        assert_eq!(second[3].load(Relaxed), 7);
    }

    #[test]
    fn a_mapping_never_exceeds_its_memory() {
        let fd = create(c"test", 1).unwrap();
        assert!(map(fd.as_fd(), 4).is_err());
        assert!(map(fd.as_fd(), 0).is_err());
    }
}
