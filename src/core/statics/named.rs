//! Files that an application names in its answer, `X-Sendfile` or `X-Accel-Redirect`, and that answer in its place.
//!
//! Off unless directories are configured: a web server in front may be the one that has to see these headers.

use std::ffi::OsStr;
use std::fs::{File, Metadata};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use rsgi_abi::host::HeadView;
use rsgi_config::Config;
use rsgi_proto::http1::target::decode_path;

use super::beneath::{Links, Thing, Tree};
use super::mime::Types;
use super::{Ask, Reply, StaticsError, answer, base, beneath, is_plain};

/// Where applications may name files.
#[derive(Debug)]
pub struct Named {
    /// `x-sendfile`: the header is a path.
    directories: Vec<PathBuf>,
    /// `x-accel-redirect`: the header is a URI below a prefix.
    prefixes: Vec<(Vec<u8>, PathBuf)>,
    types: Types,
}

/// What a named file comes to.
#[derive(Debug)]
pub enum Instead {
    /// The file, with the application's other headers.
    Reply(Box<Reply>),
    /// A status: there is no such file, or not for this server.
    Refusal(u16),
}

/// Why there is nothing to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Trouble {
    #[error("lies in no directory of x-sendfile")]
    NoDirectory,
    #[error("begins like no prefix of x-accel-redirect")]
    NoPrefix,
    #[error("leads out of its directory")]
    Outside,
    #[error("may not be read by this server")]
    Forbidden,
    #[error("is not there")]
    Missing,
    #[error("cannot be opened for now")]
    NotNow(u16),
    #[error("is no file")]
    NoFile,
    #[error("is no path")]
    NoPath,
}

impl Trouble {
    const fn status(self) -> u16 {
        match self {
            Self::NotNow(status) => status,
            Self::NoDirectory | Self::Outside | Self::Forbidden => 403,
            Self::NoPrefix | Self::Missing | Self::NoFile | Self::NoPath => 404,
        }
    }
}

impl Named {
    /// Prepares what `config` says; `None` when applications may name no files.
    ///
    /// # Errors
    /// When a file of MIME types cannot be read, or the kernel is not up to it.
    pub fn of(config: &Config) -> Result<Option<Self>, StaticsError> {
        let statics = &config.statics;
        if statics.x_sendfile.is_empty() && statics.x_accel_redirect.is_empty() {
            return Ok(None);
        }
        beneath::probe().map_err(StaticsError::Kernel)?;
        let base = base(config);
        Ok(Some(Self {
            directories: statics.x_sendfile.iter().map(|directory| base.join(directory)).collect(),
            prefixes: statics
                .x_accel_redirect
                .iter()
                .map(|(prefix, directory)| (prefix.clone().into_bytes(), base.join(directory)))
                .collect(),
            types: Types::read(&statics.mime_files, &base)?,
        }))
    }

    /// What answers in place of an application that gave this head; `None`: the head names no file. Touches the file system.
    #[must_use]
    pub fn find(&self, ask: &Ask<'_>, head: &HeadView<'_>) -> Option<Instead> {
        let header = |name: &str| lines(head.lines).find(|line| is(line, name)).map(value);
        let sendfile = header("X-Sendfile").filter(|_| !self.directories.is_empty());
        let redirect = header("X-Accel-Redirect").filter(|_| !self.prefixes.is_empty());
        let (name, given, opened) = match (sendfile, redirect) {
            (Some(path), _) => ("X-Sendfile", path, self.by_path(path)),
            (None, Some(uri)) => ("X-Accel-Redirect", uri, self.by_uri(uri)),
            (None, None) => return None,
        };
        Some(match opened {
            Ok((file, facts, path)) => {
                Instead::Reply(Box::new(answer::in_place(ask, head, file, &facts, self.types.of(&path))))
            }
            Err(trouble) => {
                let (given, uri) = (String::from_utf8_lossy(given), String::from_utf8_lossy(ask.uri));
                let status = trouble.status();
                tracing::error!(
                    "the application named {given:?} in {name}, which {trouble} ({status}); asked for {uri:?}"
                );
                Instead::Refusal(status)
            }
        })
    }

    fn by_path(&self, path: &[u8]) -> Result<(File, Metadata, PathBuf), Trouble> {
        if path.is_empty() {
            return Err(Trouble::NoPath);
        }
        if !is_plain(path) {
            return Err(Trouble::Outside);
        }
        let named = Path::new(OsStr::from_bytes(path));
        let below = |root: &Path| match named.is_absolute() {
            true => named.strip_prefix(root).ok().map(Path::to_owned),
            false => Some(named.to_owned()),
        };
        let mut trouble = Trouble::NoDirectory;
        for root in &self.directories {
            // The application may know a directory by its real name.
            let Some(below) = below(root).or_else(|| below(&root.canonicalize().ok()?)) else { continue };
            match self.open(root, &below) {
                Ok(found) => return Ok(found),
                Err(other) => trouble = other,
            }
        }
        Err(trouble)
    }

    fn by_uri(&self, uri: &[u8]) -> Result<(File, Metadata, PathBuf), Trouble> {
        let path = uri.split(|&byte| byte == b'?').next().unwrap_or_default();
        let mut decoded = Vec::new();
        decode_path(path, &mut decoded).map_err(|_| Trouble::NoPath)?;
        let mut trouble = Trouble::NoPrefix;
        for (prefix, root) in &self.prefixes {
            let Some(rest) = decoded.strip_prefix(prefix.as_slice()) else { continue };
            if !prefix.ends_with(b"/") && !rest.starts_with(b"/") {
                continue;
            }
            let start = rest.iter().position(|&byte| byte != b'/').unwrap_or(rest.len());
            match self.open(root, Path::new(OsStr::from_bytes(rest.get(start..).unwrap_or_default()))) {
                Ok(found) => return Ok(found),
                Err(other) => trouble = other,
            }
        }
        Err(trouble)
    }

    fn open(&self, root: &Path, below: &Path) -> Result<(File, Metadata, PathBuf), Trouble> {
        let name = below.as_os_str().as_bytes();
        if name.is_empty() {
            return Err(Trouble::NoFile);
        }
        let opened = Tree::open(root).and_then(|tree| tree.get(name, Links::Beneath));
        let thing = match opened {
            Err(Errno::EXDEV) => self.follow(&root.join(below))?,
            Err(Errno::EACCES | Errno::EPERM) => return Err(Trouble::Forbidden),
            Err(errno) if let Some(status) = beneath::refusal(errno) => return Err(Trouble::NotNow(status)),
            Err(_) => return Err(Trouble::Missing),
            Ok(thing) => thing,
        };
        match thing {
            Thing::File(file, facts) => Ok((file, facts, root.join(below))),
            Thing::Directory | Thing::Other => Err(Trouble::NoFile),
        }
    }

    /// Follows a link that is absolute or leads out: to another of the directories, and there without any further link.
    fn follow(&self, path: &Path) -> Result<Thing, Trouble> {
        let real = path.canonicalize().map_err(|_| Trouble::Missing)?;
        for root in self.directories.iter().chain(self.prefixes.iter().map(|(_, root)| root)) {
            let Ok(root) = root.canonicalize() else { continue };
            let Ok(below) = real.strip_prefix(&root) else { continue };
            let opened = Tree::open(&root).and_then(|tree| tree.get(below.as_os_str().as_bytes(), Links::None));
            return opened.map_err(|_| Trouble::Missing);
        }
        Err(Trouble::Outside)
    }
}

/// Header lines without their ends.
pub(super) fn lines(lines: &[u8]) -> impl Iterator<Item = &[u8]> {
    lines.split_inclusive(|&byte| byte == b'\n').map(<[u8]>::trim_ascii_end)
}

/// Whether a line has this name.
pub(super) fn is(line: &[u8], name: &str) -> bool {
    let at = name.len();
    line.get(at) == Some(&b':') && line.get(..at).is_some_and(|found| found.eq_ignore_ascii_case(name.as_bytes()))
}

pub(super) fn value(line: &[u8]) -> &[u8] {
    let colon = line.iter().position(|&byte| byte == b':').unwrap_or(line.len());
    line.get(colon + 1..).unwrap_or_default().trim_ascii()
}
