//! A log file: appended to, opened anew, rotated.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rsgi_config::{Config, Logging};

use super::share;
use crate::logging::sink::open_file;
use crate::privileges::Rights;

/// A file, or a descriptor whose file nobody knows.
#[derive(Debug)]
pub(in super::super) struct LogFile {
    file: File,
    /// `None`: a descriptor, which can neither be opened anew nor rotated.
    path: Option<PathBuf>,
    options: Logging,
    /// Bytes in it.
    size: u64,
    max_size: Option<u64>,
    backup_name: Option<PathBuf>,
}

impl LogFile {
    /// Opens `path` for appending, as the options of the log say.
    pub(super) fn open(path: PathBuf, config: &Config) -> io::Result<Self> {
        let file = open_file(&path, &config.log)?;
        give(&path, config)?;
        Self::known(file, path, config)
    }

    /// An open file with a path.
    pub(in super::super) fn known(file: File, path: PathBuf, config: &Config) -> io::Result<Self> {
        let size = file.metadata()?.len();
        let options = Logging { truncate: false, ..config.log.clone() };
        Ok(Self { file, path: Some(path), options, size, max_size: None, backup_name: None })
    }

    /// A descriptor.
    pub(in super::super) fn descriptor(file: File) -> Self {
        Self { file, path: None, options: Logging::default(), size: 0, max_size: None, backup_name: None }
    }

    /// Rotates at this many bytes, to this name.
    pub(in super::super) fn limit(&mut self, max_size: Option<u64>, backup_name: Option<PathBuf>) {
        (self.max_size, self.backup_name) = (max_size, backup_name);
    }

    /// A second handle on the same file, which is not rotated by it.
    pub(super) fn share(&self) -> io::Result<Self> {
        share(&self.file).map(Self::descriptor)
    }

    /// The file alone.
    pub(super) fn into_file(self) -> File {
        self.file
    }

    /// Appends a record and a newline, in one write.
    pub(in super::super) fn write(&mut self, now: Duration, record: &[u8]) -> io::Result<()> {
        let line = [record, b"\n"].concat();
        self.file.write_all(&line)?;
        self.size = self.size.saturating_add(line.len() as u64);
        if self.max_size.is_some_and(|most| self.size >= most) { self.rotate(now) } else { Ok(()) }
    }

    /// Opens the file anew, after it was moved away.
    pub(in super::super) fn reopen(&mut self) -> io::Result<()> {
        let Some(path) = &self.path else { return Ok(()) };
        self.file = open_file(path, &self.options)?;
        self.size = self.file.metadata()?.len();
        Ok(())
    }

    /// Moves the file away and begins a new one. Without a name for it, the time is appended to its own, and a number if that is
    /// taken.
    pub(in super::super) fn rotate(&mut self, now: Duration) -> io::Result<()> {
        let Some(path) = &self.path else { return Ok(()) };
        let aside = self.backup_name.clone().unwrap_or_else(|| dated(path, now));
        // The next look is after as many bytes again, also when this one fails.
        let size = std::mem::take(&mut self.size);
        std::fs::rename(path, &aside)?;
        self.reopen()?;
        let line = format!("log size: {size} bytes, rotated to {}\n", aside.display());
        self.size = self.size.saturating_add(line.len() as u64);
        self.file.write_all(line.as_bytes())
    }
}

fn dated(path: &Path, now: Duration) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}", now.as_secs()));
    let numbered = |number: u32| {
        let mut name = name.clone();
        name.push(format!(".{number}"));
        PathBuf::from(name)
    };
    let is_free = |path: &PathBuf| path.symlink_metadata().is_err();
    let plain = PathBuf::from(name.clone());
    std::iter::once(plain.clone()).chain((1..u32::MAX).map(numbered)).find(is_free).unwrap_or(plain)
}

/// Gives a log file to the user of the workers (`logfile-chown`).
///
/// # Errors
/// When it cannot be given away.
pub fn give(path: &Path, config: &Config) -> io::Result<()> {
    if config.log.file_chown {
        let rights = Rights::of(&config.process).map_err(io::Error::other)?;
        rights.own(path.to_owned()).map_err(io::Error::other)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(path: PathBuf) -> String {
        std::fs::read_to_string(path).unwrap()
    }

    #[test]
    fn rotates_when_it_is_large() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        let mut file = LogFile::open(path("log"), &Config::default()).unwrap();
        file.limit(Some(400), None);
        let long = "x".repeat(199);
        for record in [&long, &long, "next"] {
            file.write(Duration::from_secs(7), record.as_bytes()).unwrap();
        }
        assert_eq!(read(path("log.7")), format!("{long}\n{long}\n"));
        let log = read(path("log"));
        assert_eq!(log, format!("log size: 400 bytes, rotated to {}\nnext\n", path("log.7").display()));
        // However often in a second.
        for text in ["second", "third"] {
            file.rotate(Duration::from_secs(7)).unwrap();
            file.write(Duration::from_secs(7), text.as_bytes()).unwrap();
        }
        assert_eq!(read(path("log.7")), format!("{long}\n{long}\n"));
        assert!(read(path("log.7.1")).ends_with("next\n") && read(path("log.7.2")).ends_with("second\n"));
        file.limit(None, Some(path("old")));
        file.rotate(Duration::ZERO).unwrap();
        assert!(read(path("old")).ends_with("third\n"));
    }

    #[test]
    fn is_opened_anew() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        let mut file = LogFile::open(path("log"), &Config::default()).unwrap();
        file.write(Duration::ZERO, b"one").unwrap();
        std::fs::rename(path("log"), path("moved")).unwrap();
        file.write(Duration::ZERO, b"two").unwrap();
        file.reopen().unwrap();
        file.write(Duration::ZERO, b"three").unwrap();
        assert_eq!((read(path("moved")), read(path("log"))), ("one\ntwo\n".into(), "three\n".into()));
    }

    #[test]
    fn a_descriptor_stays() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let mut file = LogFile::descriptor(File::create(&path).unwrap());
        file.limit(Some(1), None);
        file.write(Duration::ZERO, b"one").unwrap();
        file.reopen().unwrap();
        assert_eq!(read(path), "one\n");
    }
}
