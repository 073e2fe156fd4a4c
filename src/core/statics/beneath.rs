//! Opens files below a directory and nowhere else: the kernel refuses every step out, however the path is written and
//! whoever changes the tree meanwhile.
//!
//! Source: openat2(2), `RESOLVE_BENEATH` and `RESOLVE_NO_MAGICLINKS`.

use std::cell::Cell;
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

/// Look at nothing that is not in the kernel's memory: `RESOLVE_CACHED` of openat2(2), Linux 5.12.
const CACHED: ResolveFlag = ResolveFlag::from_bits_retain(0x20);

thread_local! {
    /// How a search on this thread goes about it.
    static MANNER: Cell<Manner> = const { Cell::new(Manner::Waiting) };
}

/// Whether a search may wait for a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    /// It may.
    Waiting,
    /// It may not.
    Quick,
    /// It may not, and has met something that is not in memory: what it finds is of no use.
    Missed,
}

/// Runs a search that looks at nothing but the kernel's memory. `None`: it would have to wait for a disk.
pub(crate) fn without_waiting<T>(search: impl FnOnce() -> T) -> Option<T> {
    struct Reset;
    impl Drop for Reset {
        fn drop(&mut self) {
            MANNER.set(Manner::Waiting);
        }
    }
    let _reset = Reset;
    MANNER.set(Manner::Quick);
    let found = search();
    (MANNER.get() == Manner::Quick).then_some(found)
}

/// Whether the search has come to where it would have to wait, and may not.
pub(super) fn must_not_wait() -> bool {
    let is_quick = MANNER.get() != Manner::Waiting;
    if is_quick {
        MANNER.set(Manner::Missed);
    }
    is_quick
}

fn manner() -> ResolveFlag {
    if MANNER.get() == Manner::Waiting { ResolveFlag::empty() } else { CACHED }
}

/// What an old kernel, or one that would have to wait, says to a quick search is no answer.
fn known<T>(result: nix::Result<T>) -> nix::Result<T> {
    match result {
        Err(Errno::EAGAIN | Errno::EINVAL) if must_not_wait() => Err(Errno::ENOENT),
        known => known,
    }
}

/// Whether the kernel has the system call.
pub(super) fn probe() -> nix::Result<()> {
    let how = OpenHow::new().flags(OFlag::O_PATH | OFlag::O_CLOEXEC).resolve(ResolveFlag::RESOLVE_BENEATH);
    let root = open(c"/", OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())?;
    openat2(&root, c".", how).map(drop)
}

/// The status that an error stands for when the file may well be there, and cannot be opened for now; `None`: there is none for us.
pub(super) const fn refusal(errno: Errno) -> Option<u16> {
    match errno {
        Errno::EMFILE | Errno::ENFILE | Errno::ENOMEM | Errno::ENOBUFS => Some(503),
        Errno::EIO => Some(500),
        _ => None,
    }
}

/// What may be opened without waiting for anybody: a pipe without a writer, a terminal.
fn reading() -> OFlag {
    OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC
}

impl Tree {
    /// # Errors
    /// When `directory` cannot be opened or is none.
    pub(super) fn open(directory: &Path) -> nix::Result<Self> {
        let how = OpenHow::new().flags(OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC).resolve(manner());
        known(openat2(AT_FDCWD, directory, how)).map(Self)
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
        let how = OpenHow::new().flags(reading()).resolve(resolve | manner());
        let mut result = Err(Errno::EAGAIN);
        for _ in 0..TRIES {
            result = known(openat2(&self.0, path, how));
            // EAGAIN: the kernel cannot tell, because of a rename at this very moment.
            if !matches!(result, Err(Errno::EAGAIN | Errno::EINTR)) {
                break;
            }
        }
        thing(File::from(result?))
    }
}

/// Opens a path without following any link: what lies beneath a directory by its name does so then in truth. One system call
/// in place of the three that a [`Tree`] takes.
///
/// # Errors
/// `ELOOP` when there is a link on the way; others as of open(2).
pub(super) fn straight(path: &Path) -> nix::Result<Thing> {
    let how = OpenHow::new().flags(reading()).resolve(ResolveFlag::RESOLVE_NO_SYMLINKS | manner());
    thing(File::from(known(openat2(AT_FDCWD, path, how))?))
}

/// Opens a path that the configuration names, a file or a directory.
///
/// # Errors
/// As of open(2).
pub(super) fn named(path: &Path) -> nix::Result<Thing> {
    let how = OpenHow::new().flags(reading()).resolve(manner());
    thing(File::from(known(openat2(AT_FDCWD, path, how))?))
}

fn thing(file: File) -> nix::Result<Thing> {
    let facts = file.metadata().map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or(0)))?;
    Ok(match facts.file_type() {
        kind if kind.is_file() => Thing::File(file, facts),
        kind if kind.is_dir() => Thing::Directory,
        _ => Thing::Other,
    })
}
