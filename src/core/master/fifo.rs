//! `master-fifo`: commands of one letter through a named pipe (fifo(7)).

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use rsgi_config::Config;
use tokio::io::unix::AsyncFd;

use super::errand::Errand;

/// A letter as an errand; letters that mean nothing, newlines among them, are passed over.
///
/// Source: uWSGI 2.0, "The Master FIFO".
fn errand(letter: u8) -> Option<Errand> {
    Some(match letter {
        b'0'..=b'9' => Errand::Slot(usize::from(letter - b'0')),
        b'+' => Errand::Grow,
        b'-' => Errand::Shrink,
        // Workers, mules and all are one generation here.
        b'r' | b'R' | b'w' | b'W' | b'f' => Errand::Reload,
        b'c' => Errand::RollingReload,
        b'l' => Errand::ReopenLog,
        b'L' => Errand::RotateLog,
        b'p' => Errand::Pause,
        b'P' => Errand::WritePids,
        b'q' => Errand::Stop,
        b'Q' => Errand::Quit,
        b's' => Errand::Status,
        b'C' => Errand::Rest,
        b'B' => Errand::Unknown("B (a call for reinforcements)"),
        b'E' => Errand::Look,
        b'S' => Errand::Unknown("S (subscriptions)"),
        _ => return None,
    })
}

/// The pipe that is read, one of those that the options name.
#[derive(Debug)]
pub(super) struct Fifo {
    path: PathBuf,
    pipe: AsyncFd<OwnedFd>,
}

/// Makes the pipe at `path`, for its owner only, when there is none.
///
/// # Errors
/// When it cannot be made, or something else is there.
pub(super) fn make(path: &Path) -> io::Result<()> {
    match mkfifo(path, Mode::S_IRUSR | Mode::S_IWUSR) {
        // A link may lead to a pipe that is somebody else's, and stays so.
        Err(Errno::EEXIST) if std::fs::symlink_metadata(path)?.file_type().is_fifo() => Ok(()),
        Err(Errno::EEXIST) => Err(io::Error::other("there is a file of that name that is no pipe")),
        made => Ok(made?),
    }
}

impl Fifo {
    /// Opens the pipe number `slot` of the options, which is made when it is missing. `None`: there is no such one.
    pub(super) fn open(config: &Config, slot: usize) -> io::Result<Option<Self>> {
        let Some(path) = config.process.master_fifo.get(slot) else { return Ok(None) };
        let path = config.start_dir.join(path);
        make(&path)?;
        // For writing too: so there is always a writer, and reading never finds the end.
        let pipe =
            open(&path, OFlag::O_RDWR | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW, Mode::empty())?;
        Ok(Some(Self { path, pipe: rsgi_sys::reactor::register(pipe)? }))
    }

    /// The pipe that another program in this process has read until now.
    pub(super) fn adopt(path: PathBuf, pipe: OwnedFd) -> io::Result<Self> {
        Ok(Self { path, pipe: rsgi_sys::reactor::register(pipe)? })
    }

    /// The pipe itself.
    pub(super) fn pipe(&self) -> BorrowedFd<'_> {
        self.pipe.get_ref().as_fd()
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The next errands.
    pub(super) async fn next(&self) -> Vec<Errand> {
        loop {
            let Ok(mut ready) = self.pipe.readable().await else { return std::future::pending().await };
            let mut letters = [0_u8; 64];
            let read = ready.try_io(|pipe| Ok(nix::unistd::read(pipe.get_ref().as_fd(), &mut letters)?));
            if let Ok(Ok(count)) = read {
                return letters.iter().take(count).filter_map(|&letter| errand(letter)).collect();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters() {
        let all: Vec<_> = (0..=u8::MAX).filter_map(|letter| Some((char::from(letter), errand(letter)?))).collect();
        insta::assert_debug_snapshot!(all);
    }

    #[test]
    fn only_a_pipe_is_taken_over() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("fifo");
        make(&path).unwrap();
        make(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, "").unwrap();
        insta::assert_snapshot!(make(&path).unwrap_err(), @"there is a file of that name that is no pipe");
        let link = directory.path().join("link");
        make(&directory.path().join("other")).unwrap();
        std::os::unix::fs::symlink("other", &link).unwrap();
        assert!(make(&link).is_err());
    }
}
