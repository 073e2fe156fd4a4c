//! The lock on a task that runs, by which spoolers know of each other, those of uWSGI too.

use std::fs::File;
use std::os::fd::AsFd;

use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;

/// A locked file. The lock belongs to this opening of it: whoever else opens and closes the file in this process, the task
/// itself say, takes nothing away, as it would with a lock of the process (`fcntl(2)`). The two kinds keep each other out.
#[derive(Debug)]
pub(super) struct Hold<'a>(&'a File);

impl<'a> Hold<'a> {
    /// Locks the file, open for writing; `None` when another one has it, or it cannot be locked.
    pub(super) fn take(file: &'a File) -> Option<Self> {
        fcntl(file.as_fd(), FcntlArg::F_OFD_SETLK(&whole(libc::F_WRLCK))).ok()?;
        Some(Self(file))
    }
}

impl Drop for Hold<'_> {
    fn drop(&mut self) {
        // Closing is not enough: a process that the task has left behind has the opening too.
        let _ = fcntl(self.0.as_fd(), FcntlArg::F_OFD_SETLK(&whole(libc::F_UNLCK)));
    }
}

fn whole(kind: libc::c_int) -> libc::flock {
    // Both constants are small numbers.
    let (kind, whence) = (kind as libc::c_short, libc::SEEK_SET as libc::c_short);
    libc::flock { l_type: kind, l_whence: whence, l_start: 0, l_len: 0, l_pid: 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(path: &std::path::Path) -> File {
        File::options().read(true).write(true).open(path).expect("a file")
    }

    #[test]
    fn a_file_stays_locked_whoever_closes_it_meanwhile() {
        let made = tempfile::NamedTempFile::new().expect("a file");
        let (file, other) = (open(made.path()), open(made.path()));
        let hold = Hold::take(&file).expect("nobody has it");
        drop(std::fs::read(made.path()).expect("readable"));
        assert!(Hold::take(&other).is_none());
        // As uWSGI locks.
        assert!(fcntl(other.as_fd(), FcntlArg::F_SETLK(&whole(libc::F_WRLCK))).is_err());
        let left_behind = file.try_clone().expect("a copy");
        drop(hold);
        assert!(Hold::take(&other).is_some());
        drop(left_behind);
    }

    #[test]
    fn a_lock_of_a_process_keeps_it_out() {
        let made = tempfile::NamedTempFile::new().expect("a file");
        let (file, other) = (open(made.path()), open(made.path()));
        fcntl(other.as_fd(), FcntlArg::F_SETLK(&whole(libc::F_WRLCK))).expect("nobody has it");
        assert!(Hold::take(&file).is_none());
    }
}
