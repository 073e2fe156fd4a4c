//! HTTP/1.0 and 1.1 as a server reads and writes it.
//!
//! * [`request`]: a head becomes CGI variables and framing facts, or a [`Reject`].
//! * [`target`]: the request target, its path decoded.
//! * [`chunked`]: chunked bodies, as they come.
//! * [`response`]: how an answer is framed, and its head on the wire.

pub mod chunked;
pub mod request;
pub mod response;
pub mod target;

pub(crate) use request::content_length;

/// What a request head may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Longest head, from the request line to the empty line, bytes.
    pub head: usize,
    /// Most header fields; never more than [`request::MAX_FIELDS`].
    pub fields: usize,
    /// What becomes of a header whose name has a `_`.
    pub underscores: Underscores,
}

impl Default for Limits {
    fn default() -> Self {
        Self { head: 64 * 1024, fields: 128, underscores: Underscores::Drop }
    }
}

/// What becomes of a header whose name has a `_`: as a CGI variable it looks like the one with `-`, which a proxy in front
/// may have checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Underscores {
    /// It is left out.
    #[default]
    Drop,
    /// The request is answered with 400.
    Refuse,
    /// It becomes a variable, unless that is the variable of a usual header ([`crate::names`]), which it could forge.
    Keep,
}

/// A request that is not served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{status}: {reason}")]
pub struct Reject {
    /// Status to answer with; the connection is closed after it.
    pub status: u16,
    /// What was wrong, for the log.
    pub reason: &'static str,
}

impl Reject {
    /// A refusal with `status`, because of `reason`.
    #[must_use]
    pub const fn new(status: u16, reason: &'static str) -> Self {
        Self { status, reason }
    }

    pub(crate) const fn bad(reason: &'static str) -> Self {
        Self::new(400, reason)
    }
}
