//! Documents in memory that are handed to another program and that nobody can change on the way: sealed memfds.

use std::ffi::CStr;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, OwnedFd};

use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};

/// Seals that make content and size final.
const FINAL: SealFlag =
    SealFlag::F_SEAL_WRITE.union(SealFlag::F_SEAL_GROW).union(SealFlag::F_SEAL_SHRINK).union(SealFlag::F_SEAL_SEAL);

/// A sealed descriptor that holds `content`. Close-on-exec.
///
/// # Errors
/// When the kernel has no memory or descriptors left.
pub fn sealed(name: &CStr, content: &[u8]) -> io::Result<OwnedFd> {
    let mut file = File::from(memfd_create(name, MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING)?);
    file.write_all(content)?;
    fcntl(file.as_fd(), FcntlArg::F_ADD_SEALS(FINAL))?;
    Ok(file.into())
}

/// Reads a descriptor made by [`sealed`].
///
/// # Errors
/// When it is none, or not sealed.
pub fn read(fd: OwnedFd) -> io::Result<Vec<u8>> {
    let seals = fcntl(fd.as_fd(), FcntlArg::F_GET_SEALS)?;
    if !SealFlag::from_bits_truncate(seals).contains(FINAL) {
        return Err(io::Error::other("the descriptor is not sealed"));
    }
    let mut file = File::from(fd);
    file.seek(SeekFrom::Start(0))?;
    let mut content = Vec::new();
    file.read_to_end(&mut content)?;
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_comes_back_and_cannot_be_changed() {
        let fd = sealed(c"test", b"content").unwrap();
        assert!(File::from(fd.try_clone().unwrap()).write_all(b"x").is_err());
        assert_eq!(read(fd).unwrap(), b"content");
    }

    #[test]
    fn what_is_not_sealed_is_refused() {
        let open = memfd_create(c"test", MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING).unwrap();
        assert!(read(open).is_err());
        assert!(read(std::io::pipe().unwrap().0.into()).is_err());
    }
}
