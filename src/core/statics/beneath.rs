//! Opens files below a directory and nowhere else: the kernel refuses every step out, however the path is written and
//! whoever changes the tree meanwhile.
//!
//! Source: openat2(2), `RESOLVE_BENEATH` and `RESOLVE_NO_MAGICLINKS`.

use std::fs::{File, Metadata};
use std::os::fd::OwnedFd;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, OpenHow, ResolveFlag, open, openat2};
use nix::sys::stat::Mode;

/// Times that a path is walked again when the tree changes under it.
const TRIES: usize = 8;

/// A directory that nothing leads out of.
#[derive(Debug)]
pub(super) struct Tree(OwnedFd);

/// What a path leads to.
#[derive(Debug)]
pub(super) enum Thing {
    /// A regular file.
    File(File, Metadata),
    Directory,
    /// A device, a pipe, a socket: never served.
    Other,
}

/// Which links are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Links {
    /// Those that stay beneath.
    Beneath,
    None,
}

/// Whether the kernel has the system call.
pub(super) fn probe() -> nix::Result<()> {
    let how = OpenHow::new().flags(OFlag::O_PATH | OFlag::O_CLOEXEC).resolve(ResolveFlag::RESOLVE_BENEATH);
    let root = open(c"/", OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())?;
    openat2(&root, c".", how).map(drop)
}

/// What may be opened without waiting for anybody: a pipe without a writer, a terminal.
fn reading() -> OFlag {
    OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC
}

impl Tree {
    /// # Errors
    /// When `directory` cannot be opened or is none.
    pub(super) fn open(directory: &Path) -> nix::Result<Self> {
        open(directory, OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty()).map(Self)
    }

    /// Opens what `path` leads to.
    ///
    /// # Errors
    /// `EXDEV` when it leads out of the tree, or through an absolute link; others as of open(2).
    pub(super) fn get(&self, path: &[u8], links: Links) -> nix::Result<Thing> {
        let mut resolve = ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_MAGICLINKS;
        if links == Links::None {
            resolve |= ResolveFlag::RESOLVE_NO_SYMLINKS;
        }
        let how = OpenHow::new().flags(reading()).resolve(resolve);
        let mut result = Err(Errno::EAGAIN);
        for _ in 0..TRIES {
            result = openat2(&self.0, path, how);
            // EAGAIN: the kernel cannot tell, because of a rename at this very moment.
            if !matches!(result, Err(Errno::EAGAIN | Errno::EINTR)) {
                break;
            }
        }
        thing(File::from(result?))
    }
}

/// Opens a path that the configuration names, a file or a directory.
///
/// # Errors
/// As of open(2).
pub(super) fn named(path: &Path) -> nix::Result<Thing> {
    thing(File::from(nix::fcntl::openat(AT_FDCWD, path, reading(), Mode::empty())?))
}

fn thing(file: File) -> nix::Result<Thing> {
    let facts = file.metadata().map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or(0)))?;
    Ok(match facts.file_type() {
        kind if kind.is_file() => Thing::File(file, facts),
        kind if kind.is_dir() => Thing::Directory,
        _ => Thing::Other,
    })
}
