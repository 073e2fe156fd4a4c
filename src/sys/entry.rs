//! Sockets and pipes in folders that others may change: what is given away is what was looked at, and never what a link names.

use std::fs::Permissions;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, open};
use nix::sys::stat::{Mode, SFlag, fstat};
use nix::unistd::{Gid, Uid, fchownat};

/// A socket or a pipe, held fast: what takes its place is another one.
#[derive(Debug)]
pub struct Entry(OwnedFd);

impl Entry {
    /// Takes hold of the socket or pipe at `path`.
    ///
    /// # Errors
    /// `ELOOP` for a link, `EPERM` for anything else that is neither or has another name as well, and what the kernel says.
    pub fn at(path: &Path) -> nix::Result<Self> {
        let fd = open(path, OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC, Mode::empty())?;
        let found = fstat(&fd)?;
        match SFlag::from_bits_truncate(found.st_mode) & SFlag::S_IFMT {
            SFlag::S_IFSOCK | SFlag::S_IFIFO if found.st_nlink <= 1 => Ok(Self(fd)),
            SFlag::S_IFLNK => Err(Errno::ELOOP),
            _ => Err(Errno::EPERM),
        }
    }

    /// Gives it to a user and a group; `None` leaves the one that is.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn give(&self, user: Option<Uid>, group: Option<Gid>) -> nix::Result<()> {
        fchownat(&self.0, "", user, group, AtFlags::AT_EMPTY_PATH)
    }

    /// Sets its mode.
    ///
    /// # Errors
    /// When the kernel refuses, or there is no /proc.
    pub fn permit(&self, mode: u32) -> std::io::Result<()> {
        // The one way before Linux 6.6: fchmod(2) takes no such descriptor.
        std::fs::set_permissions(format!("/proc/self/fd/{}", self.0.as_raw_fd()), Permissions::from_mode(mode))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{MetadataExt, symlink};

    #[test]
    fn neither_links_nor_files_are_given_away() {
        let dir = tempfile::tempdir().unwrap();
        let (socket, link, file) = (dir.path().join("socket"), dir.path().join("link"), dir.path().join("file"));
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        symlink(&socket, &link).unwrap();
        std::fs::write(&file, "precious").unwrap();
        assert_eq!(Entry::at(&link).map(drop), Err(Errno::ELOOP));
        assert_eq!(Entry::at(&file).map(drop), Err(Errno::EPERM));
        assert_eq!(Entry::at(&dir.path().join("nothing")).map(drop), Err(Errno::ENOENT));
        std::fs::hard_link(&socket, dir.path().join("other")).unwrap();
        assert_eq!(Entry::at(&socket).map(drop), Err(Errno::EPERM));
    }

    #[test]
    fn what_took_its_place_stays_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let (path, moved) = (dir.path().join("pipe"), dir.path().join("moved"));
        nix::unistd::mkfifo(&path, Mode::S_IRUSR).unwrap();
        let entry = Entry::at(&path).unwrap();
        std::fs::rename(&path, &moved).unwrap();
        std::fs::write(&path, "precious").unwrap();
        let before = std::fs::metadata(&path).unwrap();
        entry.permit(0o620).unwrap();
        entry.give(None, None).unwrap();
        let is_root = Uid::effective().is_root();
        if is_root {
            entry.give(Some(Uid::from_raw(54321)), Some(Gid::from_raw(54322))).unwrap();
        }
        let (kept, given) = (std::fs::metadata(&path).unwrap(), std::fs::metadata(&moved).unwrap());
        assert_eq!((kept.uid(), kept.gid(), kept.mode()), (before.uid(), before.gid(), before.mode()));
        assert_eq!(given.mode() & 0o777, 0o620);
        assert!(!is_root || (given.uid(), given.gid()) == (54321, 54322));
    }
}
