//! What an instance leaves behind in the file system, and how it is cleaned up: sockets and pid files.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::libc;
use nix::unistd::geteuid;
use serde::{Deserialize, Serialize};

/// A file that this instance has made, recognised by its inode: whoever replaced it since keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Litter {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl Litter {
    /// The file that is at `path` now.
    #[must_use]
    pub fn of(path: &Path) -> Option<Self> {
        let path = std::path::absolute(path).ok()?;
        let found = std::fs::symlink_metadata(&path).ok()?;
        Some(Self { device: found.dev(), inode: found.ino(), path })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Removes the file if it is still the one that was made.
    pub fn remove(&self) {
        if Self::of(&self.path).as_ref() == Some(self) {
            // Somebody else may have removed it meanwhile, or the directory may be out of our rights by now.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Writes a process id to a file. The folder may be that of the user who is served: root does not write through a link there.
///
/// # Errors
/// When the file cannot be written.
pub fn write_pid(path: &Path, pid: u32) -> io::Result<Option<Litter>> {
    let mut how = File::options();
    how.write(true).create(true).truncate(true);
    if geteuid().is_root() {
        how.custom_flags(libc::O_NOFOLLOW);
    }
    let mut file = how.open(path).map_err(|error| match error.raw_os_error() {
        Some(libc::ELOOP) => io::Error::other("it is a link, through which root does not write"),
        _ => error,
    })?;
    writeln!(file, "{pid}")?;
    Ok(Litter::of(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_file_that_was_made_is_removed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pid");
        let first = write_pid(&path, 7).unwrap().unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "7\n");
        std::fs::rename(&path, directory.path().join("old")).unwrap();
        let second = write_pid(&path, 8).unwrap().unwrap();
        first.remove();
        assert!(path.exists());
        second.remove();
        assert!(!path.exists());
        second.remove();
    }

    #[test]
    fn root_writes_through_no_link() {
        let directory = tempfile::tempdir().unwrap();
        let (precious, link) = (directory.path().join("precious"), directory.path().join("pid"));
        std::fs::write(&precious, "data").unwrap();
        std::os::unix::fs::symlink(&precious, &link).unwrap();
        let written = write_pid(&link, 7);
        if geteuid().is_root() {
            assert!(written.unwrap_err().to_string().contains("is a link"));
            assert_eq!(std::fs::read_to_string(&precious).unwrap(), "data");
        } else {
            assert!(written.is_ok());
        }
    }
}
