//! What the packet protocols of web servers (uwsgi, SCGI, FastCGI) have in common: they send CGI variables themselves, so
//! nothing is made of headers here, and whoever can reach such a socket may send any variable.
//!
//! Those that make uWSGI load code or open files are left out unless the configuration wants them.

use crate::http1::request::Method;
use crate::names::{self, KnownId};
use crate::vars::{Piece, Span, Vars};
use crate::{Body, Version};

/// What a request's variables may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Longest block of variables, bytes (`buffer-size`).
    pub block: usize,
    /// Most variables (`max-vars`).
    pub vars: usize,
    /// Variables that load code are kept.
    pub code_loading: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self { block: 65535, vars: 1024, code_loading: false }
    }
}

/// What some variables say to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Facts {
    /// CONTENT_LENGTH.
    pub body: Body,
    /// REQUEST_METHOD.
    pub method: Method,
    /// What to put before the status: SERVER_PROTOCOL when that is a version of HTTP/1, else HTTP/1.0 as uWSGI does.
    pub version: Version,
    /// The first variable that was left out because it would load code.
    pub refused: Option<KnownId>,
}

/// A variable that is not taken, and with it the whole request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A key of no bytes.
    #[error("a variable without a name")]
    EmptyKey,
    /// A variable that runs past the end of the block.
    #[error("a variable that runs past its end")]
    Overrun,
    /// More variables than allowed.
    #[error("more than {0} variables; raise max-vars to take it")]
    TooMany(usize),
    /// A CONTENT_LENGTH that is not a number, or two that differ.
    #[error("an invalid CONTENT_LENGTH")]
    ContentLength,
}

impl Fault {
    /// Status to answer with.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::TooMany(_) => 431,
            _ => 400,
        }
    }
}

/// Variables that make uWSGI load code, or open a file that the sender names.
pub const CODE_LOADING: [KnownId; 10] = [
    names::UWSGI_FILE,
    names::UWSGI_MODULE,
    names::UWSGI_SCRIPT,
    names::UWSGI_CALLABLE,
    names::UWSGI_HOME,
    names::UWSGI_PYHOME,
    names::UWSGI_CHDIR,
    names::UWSGI_SETENV,
    names::UWSGI_POSTFILE,
    names::UWSGI_TOUCH_RELOAD,
];

/// Takes the variables of one request.
pub(crate) struct Intake<'a> {
    limits: &'a Limits,
    input: &'a [u8],
    place: fn(Span) -> Piece,
    vars: &'a mut Vars,
    count: usize,
    facts: Facts,
}

impl<'a> Intake<'a> {
    /// Empties `vars`. Keys and values must be slices of `input`; `place` says what that is to `vars`.
    pub(crate) fn new(limits: &'a Limits, input: &'a [u8], place: fn(Span) -> Piece, vars: &'a mut Vars) -> Self {
        vars.clear();
        Self { limits, input, place, vars, count: 0, facts: Facts { version: Version::Http10, ..Facts::default() } }
    }

    /// Takes the next variable. Repeated keys are kept; the last one counts.
    pub(crate) fn take(&mut self, key: &[u8], value: &[u8]) -> Result<(), Fault> {
        if key.is_empty() {
            return Err(Fault::EmptyKey);
        }
        self.count += 1;
        if self.count > self.limits.vars {
            return Err(Fault::TooMany(self.limits.vars));
        }
        let place = (self.place)(Span::of(value, self.input));
        match names::from_key(key) {
            None => self.vars.push_piece((self.place)(Span::of(key, self.input)), place),
            Some(id) if !self.limits.code_loading && CODE_LOADING.contains(&id) => {
                self.facts.refused = self.facts.refused.or(Some(id));
            }
            Some(id) => {
                self.facts.note(id, value)?;
                self.vars.push_known(id, place);
            }
        }
        Ok(())
    }

    pub(crate) const fn facts(self) -> Facts {
        self.facts
    }
}

impl Facts {
    fn note(&mut self, id: KnownId, value: &[u8]) -> Result<(), Fault> {
        match id {
            names::CONTENT_LENGTH => {
                // nginx sends it empty when there is no body.
                let body = match value {
                    b"" => Body::None,
                    _ => Body::Length(crate::http1::content_length(value).ok_or(Fault::ContentLength)?),
                };
                if self.body != Body::None && self.body != body {
                    return Err(Fault::ContentLength);
                }
                self.body = body;
            }
            names::REQUEST_METHOD => self.method = Method::new(value),
            names::SERVER_PROTOCOL => {
                self.version = match value {
                    b"HTTP/1.0" => Version::Http10,
                    _ if value.starts_with(b"HTTP/") => Version::Http11,
                    _ => Version::Http10,
                };
            }
            _ => {}
        }
        Ok(())
    }
}
