//! What a generation says of its trouble while it comes up. Kept beside the log, so that whoever asked for a reload can be told
//! why it failed: a traceback, an address in use, what a check was answered.
//!
//! A memory file of the master's, which its zygote and that one's forks append to. It outlives them, however they end.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::OwnedFd;
use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};

use super::Weight;

/// Bytes that are kept; the first trouble is mostly the cause of the others.
const ROOM: u64 = 64 << 10;

/// The memo of this process's generation.
static MEMO: OnceLock<File> = OnceLock::new();

/// Whether this process is coming up.
static IS_KEEPING: AtomicBool = AtomicBool::new(false);

/// Makes an empty memo.
///
/// # Errors
/// When descriptors or memory are short.
pub fn create() -> io::Result<OwnedFd> {
    let file = memfd_create(c"rsgi-memo", MFdFlags::MFD_CLOEXEC)?;
    // Several processes write: each write goes to the end.
    fcntl(&file, FcntlArg::F_SETFL(OFlag::O_APPEND))?;
    Ok(file)
}

/// Keeps what this process says from now on.
pub fn open(memo: OwnedFd) {
    MEMO.get_or_init(|| memo.into());
    keep(true);
}

/// Keeps what is said from now on, or does so no longer. Without a memo nothing is kept.
pub fn keep(is_so: bool) {
    IS_KEEPING.store(is_so, Relaxed);
}

/// Keeps a record when it tells of trouble.
pub(super) fn note(weight: Weight, text: &[u8]) {
    if weight == Weight::Info || !IS_KEEPING.load(Relaxed) {
        return;
    }
    let Some(mut memo) = MEMO.get() else { return };
    if memo.metadata().is_ok_and(|found| found.len() < ROOM) {
        // Nothing depends on it but the answer to a question.
        let _ = memo.write_all(&[text, b"\n"].concat());
    }
}

/// What a memo holds, without its last newline.
#[must_use]
pub fn read(memo: &OwnedFd) -> String {
    let mut text = Vec::new();
    let mut read = || -> io::Result<usize> {
        let mut file = File::from(memo.try_clone()?);
        file.seek(SeekFrom::Start(0))?;
        file.take(ROOM).read_to_end(&mut text)
    };
    // What cannot be read tells nothing.
    let _ = read();
    String::from_utf8_lossy(&text).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_is_kept_and_only_while_coming_up() {
        let memo = create().unwrap();
        note(Weight::Error, b"before there is a memo");
        open(memo.try_clone().unwrap());
        note(Weight::Error, b"Traceback\n  ValueError");
        note(Weight::Info, b"fine");
        note(Weight::Warning, b"no application loaded");
        keep(false);
        note(Weight::Error, b"of a request");
        assert_eq!(read(&memo), "Traceback\n  ValueError\nno application loaded");
        assert_eq!(read(&memo), "Traceback\n  ValueError\nno application loaded", "as often as it is asked for");
    }
}
