//! Static files: from a request to the file that answers it, and from the file to the answer.
//!
//! * [`lookup`] knows which paths may be files and where; [`beneath`] opens them without ever leaving their directory.
//! * [`answer`] makes the answer, with the help of [`conditions`], [`ranges`], [`encoding`], [`expires`] and [`mime`].
//! * [`front`]: files that the web server in front is to send; [`named`]: files that an application names in its head.
//! * [`send`] is the way out of a worker; the router has its own, off its event loop.
//!
//! Both front doors share all of this: the router asks for what comes over `http`, workers for their own sockets.

mod answer;
mod ask;
mod beneath;
mod conditions;
mod encoding;
mod expires;
mod front;
mod lookup;
mod mime;
mod named;
mod ranges;
mod send;

use std::io;
use std::path::{Path, PathBuf};

use regex::bytes::Regex;
use rsgi_config::{Config, ServeMode};

pub use answer::{Piece, Reply};
pub use ask::Ask;
pub(crate) use beneath::without_waiting;
pub(crate) use encoding::accepts_gzip;
pub use named::{Instead, Named};

use encoding::Neighbours;
use expires::Expires;
use lookup::Places;
use mime::Types;

/// What a configuration says about static files, ready for use.
#[derive(Debug)]
pub struct Statics {
    places: Places,
    types: Types,
    expires: Expires,
    neighbours: Neighbours,
    /// Range requests are honoured.
    ranges: bool,
    /// The server in front sends the files.
    serve_mode: Option<ServeMode>,
}

/// A file that may be there, and cannot be opened for now; the log says why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the file cannot be opened ({0})")]
pub struct Unavailable(
    /// The status for that.
    pub u16,
);

/// Why static files cannot be served as configured.
#[derive(Debug, thiserror::Error)]
pub enum StaticsError {
    /// A pattern of an option is none.
    #[error("{option}: \"{pattern}\" is not a regular expression that rsgi knows")]
    Pattern {
        /// The option.
        option: &'static str,
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        source: Box<regex::Error>,
    },
    /// A file of MIME types cannot be read.
    #[error("mimefile: {} cannot be read", path.display())]
    Types {
        /// The file.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// The kernel cannot open files in the safe way.
    #[error("static files need the system call openat2: Linux 5.6 or later, and no filter that forbids it")]
    Kernel(#[source] nix::Error),
}

impl Statics {
    /// Prepares what `config` says; `None` when it says nothing about static files.
    ///
    /// # Errors
    /// When a pattern, a file of MIME types or the kernel is not up to it.
    pub fn of(config: &Config) -> Result<Option<Self>, StaticsError> {
        let statics = &config.statics;
        if statics.map.is_empty() && statics.map2.is_empty() && statics.check.is_empty() {
            return Ok(None);
        }
        beneath::probe().map_err(StaticsError::Kernel)?;
        let base = base(config);
        Ok(Some(Self {
            places: Places::new(statics, &base),
            types: Types::read(&statics.mime_files, &base)?,
            expires: Expires::new(statics)?,
            neighbours: Neighbours::new(statics)?,
            ranges: statics.honour_range,
            serve_mode: statics.serve_mode,
        }))
    }

    /// Whether a request may be one for a file. Costs no system call.
    #[must_use]
    pub fn claims(&self, method: &[u8], path: &[u8]) -> bool {
        matches!(method, b"GET" | b"HEAD") && self.places.of(path).next().is_some()
    }

    /// The answer to a request for a file; `None`: the application answers. Touches the file system.
    ///
    /// # Errors
    /// When the file cannot be opened for now. That there is none would be a lie, and the application's 404 one that caches keep.
    pub fn find(&self, ask: &Ask<'_>) -> Result<Option<Reply>, Unavailable> {
        if !matches!(ask.method, b"GET" | b"HEAD") {
            return Ok(None);
        }
        match self.places.find(ask.path) {
            Ok(found) => Ok(found.map(|found| answer::answer(self, ask, found))),
            Err(errno) => Err(Unavailable(beneath::refusal(errno).unwrap_or(500))),
        }
    }
}

/// Where relative paths begin: the directory in which workers are at home.
pub(crate) fn base(config: &Config) -> PathBuf {
    let process = &config.process;
    let start = if process.chroot.is_some() { Path::new("/") } else { config.start_dir.as_path() };
    let moves = [&process.chdir, &process.chdir2];
    moves.into_iter().flatten().fold(start.to_owned(), |base, directory| base.join(directory))
}

/// A path that can name a file: no NUL, no `..`.
fn is_plain(path: &[u8]) -> bool {
    !path.contains(&0) && path.split(|&byte| byte == b'/').all(|step| step != b"..")
}

fn pattern(option: &'static str, pattern: &str) -> Result<Regex, StaticsError> {
    Regex::new(pattern).map_err(|source| StaticsError::Pattern {
        option,
        pattern: pattern.to_owned(),
        source: Box::new(source),
    })
}

#[cfg(test)]
mod tests;
