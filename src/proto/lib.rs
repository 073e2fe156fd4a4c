//! Decoders and encoders of the protocols that rsgi speaks, without any I/O: bytes in, facts out.
//!
//! * [`names`]: the CGI keys that requests usually have, numbered.
//! * [`vars`]: a request's CGI variables, as spans into the bytes they came from.
//! * [`http1`]: HTTP/1.0 and 1.1: request heads, chunked bodies, response heads.
//! * [`uwsgi`], [`scgi`], [`fastcgi`]: the packets of web servers; [`cgi`]: what these have in common.
//! * [`proxy`]: what a proxy says of its client before the first byte.
//! * [`link`]: frames between the router and a worker's core.
//! * [`websocket`]: frames of websockets, and the key of their handshake.
//!
//! Everything here is fed by strangers. Decoders are incremental (call again with more bytes), bounded, and never panic.

#![forbid(unsafe_code)]

pub mod cgi;
pub mod fastcgi;
pub mod http1;
pub mod link;
pub mod names;
pub mod proxy;
#[cfg(test)]
mod random;
pub mod scgi;
pub mod uwsgi;
pub mod vars;
pub mod websocket;

/// How a request's body is delimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Body {
    /// There is none.
    #[default]
    None,
    /// So many bytes follow (at most `i64::MAX`).
    Length(u64),
    /// Its end is marked in the body itself.
    Chunked,
}

/// The version of HTTP that a request speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Version {
    /// HTTP/1.0
    Http10,
    /// HTTP/1.1
    #[default]
    Http11,
    /// HTTP/2; only the router meets it.
    Http2,
}

impl Version {
    /// The value of SERVER_PROTOCOL.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http10 => "HTTP/1.0",
            Self::Http11 => "HTTP/1.1",
            Self::Http2 => "HTTP/2.0",
        }
    }
}

/// What a decoder made of the bytes so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// They are a proper beginning; call again when there are more.
    NeedMore,
    /// The outputs are filled in.
    Done,
}
