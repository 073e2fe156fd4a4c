//! What an instance leaves behind in the file system, and how it is cleaned up: sockets and pid files.

use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

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

/// Writes a process id to a file.
///
/// # Errors
/// When the file cannot be written.
pub fn write_pid(path: &Path, pid: u32) -> io::Result<Option<Litter>> {
    let mut file = std::fs::File::create(path)?;
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
}
