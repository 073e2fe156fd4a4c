//! `rsgi --reload PIDFILE` and its kin: a word to an instance that runs already.

use std::io;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rsgi_config::Message;

/// Why an instance could not be told.
#[derive(Debug, thiserror::Error)]
pub enum TellError {
    /// No such file, or no right to read it.
    #[error("{}: the pid file cannot be read", .0.display())]
    Unreadable(PathBuf, #[source] io::Error),
    /// The file holds something else.
    #[error("{}: expected the number of a process in the pid file, found \"{found}\"", path.display())]
    NoPid {
        /// The file.
        path: PathBuf,
        /// Its beginning.
        found: String,
    },
    /// The process does not exist, or belongs to somebody else.
    #[error("{}: the process {pid} cannot be told", path.display())]
    Process {
        /// The file.
        path: PathBuf,
        /// The process.
        pid: i32,
        /// What the kernel said.
        source: Errno,
    },
}

/// Sends the signal for `message` to the process whose id `pidfile` holds.
///
/// # Errors
/// When there is no such file or process.
pub fn tell(message: Message, pidfile: &Path) -> Result<(), TellError> {
    let path = || pidfile.to_owned();
    let text = std::fs::read_to_string(pidfile).map_err(|error| TellError::Unreadable(path(), error))?;
    let found = text.trim();
    // 0 and negative numbers would mean whole groups of processes.
    let Some(pid) = found.parse().ok().filter(|pid: &i32| *pid > 0) else {
        return Err(TellError::NoPid { path: path(), found: found.chars().take(32).collect() });
    };
    let signal = match message {
        Message::Stop => Signal::SIGINT,
        Message::Reload => Signal::SIGHUP,
        Message::Pause => Signal::SIGTSTP,
    };
    kill(Pid::from_raw(pid), signal).map_err(|source| TellError::Process { path: path(), pid, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_process_is_not_told() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pid");
        let told = |text: Option<&str>| {
            if let Some(text) = text {
                std::fs::write(&path, text).unwrap();
            }
            let error = tell(Message::Stop, &path).unwrap_err();
            crate::logging::chain(&error).replace(&*directory.path().to_string_lossy(), "DIR")
        };
        insta::assert_snapshot!(told(None), @"DIR/pid: the pid file cannot be read: No such file or directory (os error 2)");
        insta::assert_snapshot!(told(Some("-1\n")), @r#"DIR/pid: expected the number of a process in the pid file, found "-1""#);
        insta::assert_snapshot!(told(Some("2147483647")), @"DIR/pid: the process 2147483647 cannot be told: ESRCH: No such process");
    }
}
