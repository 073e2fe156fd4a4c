//! Where lines go: standard error, which `logto` and `daemonize` turn into a file.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use nix::errno::Errno;
use nix::unistd::{dup2_stderr, dup2_stdout};
use rsgi_config::Logging;

use super::packet;

/// Where request lines go in place of standard error (`req-logger`).
static REQUESTS: OnceLock<OwnedFd> = OnceLock::new();

/// Whether standard error is a pipe of the collector, in this process and in its forks.
static IS_COLLECTED: AtomicBool = AtomicBool::new(false);

/// Says whether records are to be packets for the collector.
pub fn set_collected(is_so: bool) {
    IS_COLLECTED.store(is_so, Relaxed);
}

/// Sends request lines to `fd` from now on; the first one stays.
pub fn set_requests(fd: OwnedFd) {
    REQUESTS.get_or_init(|| fd);
}

/// Writes a request's line, in one write: lines of several processes never mix.
pub fn write_request(line: &[u8]) {
    match REQUESTS.get() {
        Some(fd) => packet::write(fd.as_fd(), line),
        None => write(line),
    }
}

/// Writes all bytes; a log that cannot be written to is nothing a server may stop for.
pub fn write(bytes: &[u8]) {
    let stderr = io::stderr();
    if IS_COLLECTED.load(Relaxed) {
        packet::write(stderr.as_fd(), bytes);
    } else {
        write_to(stderr.as_fd(), bytes);
    }
}

fn write_to(fd: BorrowedFd<'_>, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        match nix::unistd::write(fd, bytes) {
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(Errno::EINTR) => {}
            Err(_) => return,
        }
    }
}

/// Opens a log file for appending, as the options of the log say.
///
/// # Errors
/// When the file cannot be opened or its mode not be set.
pub fn open_file(path: &Path, logging: &Logging) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let file = options.append(true).create(true).mode(0o640).open(path)?;
    if logging.truncate {
        file.set_len(0)?;
    }
    if let Some(mode) = logging.file_mode {
        file.set_permissions(std::fs::Permissions::from_mode(mode))?;
    }
    Ok(file)
}

/// Makes `file` the standard output and standard error of this process (and of those started from here).
///
/// # Errors
/// When the descriptors cannot be replaced.
pub fn redirect(file: impl AsFd) -> io::Result<()> {
    dup2_stdout(&file)?;
    dup2_stderr(&file)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_log_file_is_appended_to_unless_it_is_to_be_emptied() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let mut logging = Logging { file_mode: Some(0o600), ..Logging::default() };
        for text in ["one\n", "two\n"] {
            open_file(&path, &logging).unwrap().write_all(text.as_bytes()).unwrap();
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "one\ntwo\n");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        logging.truncate = true;
        open_file(&path, &logging).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "");
    }
}
