//! The program that this process runs, and the one that lies where it was started from: after an update that is another.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

/// What tells one build from the next: programs with the same fingerprint understand what their processes tell each other.
pub const FINGERPRINT: &str = env!("RSGI_FINGERPRINT");

/// The hidden argument that prints [`FINGERPRINT`].
pub const FINGERPRINT_ARGUMENT: &str = "--rsgi-fingerprint";

/// What this process runs, whatever has become of the file.
const OWN: &str = "/proc/self/exe";

static PATH: OnceLock<Option<PathBuf>> = OnceLock::new();

/// What tells a file from the one that replaced it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    device: u64,
    inode: u64,
}

/// A program that processes of an instance are started from.
#[derive(Debug, Clone)]
pub struct Program {
    identity: Identity,
    /// `None`: the one that this process runs.
    file: Option<Rc<OwnedFd>>,
}

impl Identity {
    /// Of the file that is at `path` now.
    ///
    /// # Errors
    /// When there is none.
    pub fn of(path: &Path) -> io::Result<Self> {
        std::fs::metadata(path).map(|found| Self { device: found.dev(), inode: found.ino() })
    }

    /// Of the program that this process runs.
    ///
    /// # Errors
    /// Without `/proc`.
    pub fn own() -> io::Result<Self> {
        Self::of(Path::new(OWN))
    }
}

/// Where this process was started from, as whoever started it has named it: a link stays a link, so that it may lead elsewhere
/// later. To be asked for before a title takes the place of the command line.
pub fn path() -> Option<&'static Path> {
    let find = || {
        let own = Identity::own().ok()?;
        let named = std::env::args_os().next().map(PathBuf::from)?;
        let folders = std::env::var_os("PATH").unwrap_or_default();
        let candidates: Vec<_> = if named.components().count() > 1 {
            vec![named]
        } else {
            std::env::split_paths(&folders).map(|folder| folder.join(&named)).collect()
        };
        let found = candidates.into_iter().find(|path| Identity::of(path).is_ok_and(|found| found == own));
        found.and_then(|path| std::path::absolute(path).ok()).or_else(|| std::env::current_exe().ok())
    };
    PATH.get_or_init(find).as_deref()
}

impl Program {
    /// The one that this process runs.
    ///
    /// # Errors
    /// Without `/proc`.
    pub fn own() -> io::Result<Self> {
        Ok(Self { identity: Identity::own()?, file: None })
    }

    /// The one that this process runs, in place of one that is gone and understood everything just so.
    #[must_use]
    pub const fn in_place_of(identity: Identity) -> Self {
        Self { identity, file: None }
    }

    /// The one that is at `path` now, whatever will be there later.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn at(path: &Path) -> io::Result<Self> {
        let file = std::fs::File::open(path)?;
        let found = file.metadata()?;
        let identity = Identity { device: found.dev(), inode: found.ino() };
        Ok(Self { identity, file: Some(Rc::new(file.into())) })
    }

    /// What tells it from others.
    #[must_use]
    pub const fn identity(&self) -> Identity {
        self.identity
    }

    /// A command that runs it with descriptors up to (and without) `end`. What is returned beside it has to live until it was
    /// started.
    ///
    /// # Errors
    /// When there are no descriptors left.
    pub fn command(&self, end: RawFd) -> io::Result<(Command, Option<OwnedFd>)> {
        let Some(file) = &self.file else { return Ok((Command::new(OWN), None)) };
        // Out of the way of what the new process gets.
        let copy = rsgi_sys::inherit::copy_above(file, end)?;
        Ok((Command::new(format!("/proc/self/fd/{}", copy.as_raw_fd())), Some(copy)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn what_was_found_is_run_whatever_is_there_later() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("program");
        std::fs::copy("/bin/true", &path).unwrap();
        let program = Program::at(&path).unwrap();
        assert_eq!(program.identity(), Identity::of(&path).unwrap());
        std::fs::remove_file(&path).unwrap();
        let mut file = std::fs::File::create(&path).unwrap();
        file.write_all(b"#!/bin/false\n").unwrap();
        file.set_permissions(std::fs::Permissions::from_mode(0o755)).unwrap();
        assert_ne!(program.identity(), Identity::of(&path).unwrap());
        let (mut command, copy) = program.command(100).unwrap();
        assert!(copy.as_ref().is_some_and(|copy| copy.as_raw_fd() >= 100));
        assert!(command.status().unwrap().success());
    }

    #[test]
    fn this_program_knows_where_it_is() {
        assert_eq!(Identity::of(path().unwrap()).unwrap(), Identity::own().unwrap());
        let (mut command, copy) = Program::own().unwrap().command(100).unwrap();
        assert!(copy.is_none() && command.arg("--list").output().unwrap().status.success());
    }
}
