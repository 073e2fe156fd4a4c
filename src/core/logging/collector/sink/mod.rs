//! The places that records end up in.

mod datagram;
mod file;

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use rsgi_config::{Config, LogTarget};

use datagram::Datagrams;
pub(super) use file::LogFile;
pub use file::give;

/// Where syslog listens on this machine (syslog(3)).
const SYSLOG: &str = "/dev/log";

/// Where the journal listens (systemd.journal-fields(7), "Native Journal Protocol").
const JOURNAL: &str = "/run/systemd/journal/socket";

/// Severity `info` (RFC 5424 §6.2.1).
const INFO: u8 = 6;

/// A place.
#[derive(Debug)]
pub(super) enum Sink {
    /// A file or a descriptor.
    File(Box<LogFile>),
    /// Datagrams of the record behind a prefix, which may be empty.
    Socket { to: Datagrams, prefix: String },
    /// Datagrams with priority, date and name in front (RFC 3164 §4.1).
    Syslog { to: Datagrams, priority: u8, name: String },
    /// Fields of the journal.
    Journal { to: Datagrams, name: String },
}

impl Sink {
    /// Opens the place; `original` is where the log went before it was collected.
    pub(super) fn open(target: &LogTarget, config: &Config, original: &LogFile) -> io::Result<Self> {
        Ok(match target {
            LogTarget::Stdio => Self::main(original)?,
            LogTarget::Fd(number) => {
                let number = rsgi_sys::inherit::take(*number).map_err(io::Error::other)?;
                Self::File(Box::new(LogFile::descriptor(File::from(number))))
            }
            LogTarget::File { path, .. } => {
                limited(LogFile::open(config.start_dir.join(path), config)?, target, config)
            }
            LogTarget::Socket { address, prefix } => {
                Self::Socket { to: Datagrams::to(address)?, prefix: prefix.clone() }
            }
            LogTarget::Syslog { ident, facility } => Self::Syslog {
                to: Datagrams::local(Path::new(SYSLOG)),
                priority: facility | INFO,
                name: format!("{ident}[{}]", std::process::id()),
            },
            LogTarget::Rsyslog { address, ident, priority } => {
                let host = || nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
                let name = if ident.is_empty() { host().unwrap_or_else(|| "rsgi".into()) } else { ident.clone() };
                Self::Syslog { to: Datagrams::to(address)?, priority: *priority, name }
            }
            LogTarget::Journal => Self::Journal { to: Datagrams::local(Path::new(JOURNAL)), name: "rsgi".into() },
        })
    }

    /// The log itself.
    pub(super) fn main(main: &LogFile) -> io::Result<Self> {
        main.share().map(|file| Self::File(Box::new(file)))
    }

    /// Goes on with the descriptor of a place that was opened before.
    pub(super) fn take_up(target: &LogTarget, fd: OwnedFd, config: &Config) -> io::Result<Self> {
        let file = File::from(fd);
        Ok(match target {
            LogTarget::File { path, .. } => {
                limited(LogFile::known(file, config.start_dir.join(path), config)?, target, config)
            }
            _ => Self::File(Box::new(LogFile::descriptor(file))),
        })
    }

    /// The descriptor of a file.
    pub(super) fn into_descriptor(self) -> Option<OwnedFd> {
        match self {
            Self::File(file) => Some(file.into_file().into()),
            _ => None,
        }
    }

    /// Writes a record, which comes without its last newline.
    pub(super) fn write(&mut self, now: Duration, record: &[u8]) -> io::Result<()> {
        match self {
            Self::File(file) => file.write(now, record),
            Self::Socket { to, prefix } => to.send(&[prefix.as_bytes(), record, b"\n"].concat()),
            Self::Syslog { to, priority, name } => {
                let date = rsgi_sys::date::local("%b %e %H:%M:%S", i64::try_from(now.as_secs()).unwrap_or(0));
                let head = format!("<{priority}>{date} {name}: ");
                to.send(&[head.as_bytes(), record].concat())
            }
            Self::Journal { to, name } => to.send(&journal_fields(name, record)),
        }
    }

    /// Opens a file anew.
    pub(super) fn reopen(&mut self) -> io::Result<()> {
        match self {
            Self::File(file) => file.reopen(),
            _ => Ok(()),
        }
    }
}

/// A file with the bounds that its logger sets.
fn limited(mut file: LogFile, target: &LogTarget, config: &Config) -> Sink {
    if let LogTarget::File { max_size, backup_name, .. } = target {
        file.limit(*max_size, backup_name.as_ref().map(|name| config.start_dir.join(name)));
    }
    Sink::File(Box::new(file))
}

/// A record with several lines is given with its length, as the protocol wants it.
fn journal_fields(name: &str, record: &[u8]) -> Vec<u8> {
    let mut fields = format!("PRIORITY={INFO}\nSYSLOG_IDENTIFIER={name}\nMESSAGE").into_bytes();
    if record.contains(&b'\n') {
        fields.push(b'\n');
        fields.extend_from_slice(&(record.len() as u64).to_le_bytes());
    } else {
        fields.push(b'=');
    }
    fields.extend_from_slice(record);
    fields.push(b'\n');
    fields
}

/// A second handle on the same open file.
fn share(file: &File) -> io::Result<File> {
    file.as_fd().try_clone_to_owned().map(File::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixDatagram;

    #[test]
    fn syslog_and_journal() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let socket = UnixDatagram::bind(&path).unwrap();
        let received = |sink: &mut Sink, record: &str| {
            sink.write(Duration::from_secs(1_795_374_121), record.as_bytes()).unwrap();
            let mut buffer = [0; 1024];
            let length = socket.recv(&mut buffer).unwrap();
            String::from_utf8_lossy(&buffer[..length]).into_owned()
        };
        let mut syslog = Sink::Syslog { to: Datagrams::local(&path), priority: 3 << 3 | INFO, name: "shop[7]".into() };
        let line = received(&mut syslog, "a\n b");
        let form = regex::Regex::new(r"^<30>\w{3} [ \d]\d \d\d:\d\d:\d\d shop\[7\]: a\n b$").unwrap();
        assert!(form.is_match(&line), "{line}");
        let mut journal = Sink::Journal { to: Datagrams::local(&path), name: "shop".into() };
        assert_eq!(received(&mut journal, "a"), "PRIORITY=6\nSYSLOG_IDENTIFIER=shop\nMESSAGE=a\n");
        assert_eq!(
            received(&mut journal, "a\nb"),
            "PRIORITY=6\nSYSLOG_IDENTIFIER=shop\nMESSAGE\n\u{3}\0\0\0\0\0\0\0a\nb\n"
        );
    }
}
