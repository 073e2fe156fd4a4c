//! Request heads: the bytes of a connection become CGI variables and the facts that framing needs.
//!
//! `httparse` finds lines, names and values; everything that it tolerates and RFC 9112 does not is refused here. Whatever
//! is refused ends the connection: after a framing error nothing that follows can be trusted.
//! Source: RFC 9112 §2, §3, §5, §6, §9; RFC 9110 §7.2, §8.6, §10.1.1.

mod fields;
#[cfg(test)]
mod tests;
mod value;

use std::mem::MaybeUninit;

use httparse::{Error, Header, Status};

use self::fields::{Facts, push_fields};
use super::{Limits, Reject, target};
use crate::names;
use crate::vars::{Piece, Span, Vars};
use crate::{Body, Progress, Version};

pub(crate) use self::value::content_length;

/// Most header fields that any limit allows.
pub const MAX_FIELDS: usize = 256;

/// What the server knows about the connection, for the variables that no header gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer<'a> {
    /// SERVER_NAME.
    pub server_name: &'a [u8],
    /// SERVER_PORT.
    pub server_port: &'a [u8],
    /// REMOTE_ADDR; empty for a unix socket.
    pub remote_addr: &'a [u8],
    /// REMOTE_PORT, left out when there is none (and by uWSGI's `http-socket` always).
    pub remote_port: Option<&'a [u8]>,
    /// The connection is TLS: `HTTPS=on`.
    pub https: bool,
}

/// The framing facts of a request, and what the answer depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Head {
    /// Bytes of the input that the head was, empty lines before it included. The body begins here.
    pub consumed: usize,
    /// The method.
    pub method: Method,
    /// The version.
    pub version: Version,
    /// How the body is delimited.
    pub body: Body,
    /// The client is willing to use the connection again.
    pub keep_alive: bool,
    /// The client waits for `100 Continue` before it sends the body.
    pub expect_continue: bool,
    /// The client offers another protocol (`Connection: upgrade` with an Upgrade field).
    pub upgrade: bool,
}

/// The methods that a server treats in their own way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs)]
pub enum Method {
    #[default]
    Get,
    Head,
    Post,
    Put,
    Delete,
    Options,
    Trace,
    Patch,
    /// Any other token; its text is REQUEST_METHOD.
    Other,
}

impl Method {
    /// The method with this name; names are case-sensitive.
    #[must_use]
    pub fn new(name: &[u8]) -> Self {
        match name {
            b"GET" => Self::Get,
            b"HEAD" => Self::Head,
            b"POST" => Self::Post,
            b"PUT" => Self::Put,
            b"DELETE" => Self::Delete,
            b"OPTIONS" => Self::Options,
            b"TRACE" => Self::Trace,
            b"PATCH" => Self::Patch,
            _ => Self::Other,
        }
    }

    /// Whether the answer has no body (RFC 9110 §9.3.2).
    #[must_use]
    pub const fn is_head(self) -> bool {
        matches!(self, Self::Head)
    }

    /// Whether the request may be sent once more when its first try got no answer (RFC 9110 §9.2.1).
    #[must_use]
    pub const fn is_safe(self) -> bool {
        matches!(self, Self::Get | Self::Head | Self::Options | Self::Trace)
    }
}

/// Decodes the head at the start of `input` into `vars` (emptied first) and `head`. Of both, spans and counts refer to this
/// `input`; on `NeedMore` and on errors their content means nothing.
///
/// Variables come in uWSGI's order: REQUEST_METHOD, REQUEST_URI, PATH_INFO, QUERY_STRING, SERVER_PROTOCOL, SCRIPT_NAME, those
/// of `peer`, then one for each header in the order of its first appearance.
///
/// # Errors
/// A [`Reject`]: answer it, close the connection, and parse nothing more of it.
pub fn decode(
    input: &[u8],
    peer: &Peer<'_>,
    limits: &Limits,
    vars: &mut Vars,
    head: &mut Head,
) -> Result<Progress, Reject> {
    let whole = input;
    let input = whole.get(..limits.head.min(u32::MAX as usize)).unwrap_or(whole);
    let room = input.len() == whole.len() && whole.len() < limits.head;
    let skipped = skip_empty_lines(input)?;
    let text = input.get(skipped..).unwrap_or_default();

    let mut fields = [const { MaybeUninit::<Header<'_>>::uninit() }; MAX_FIELDS];
    let fields = fields.get_mut(..limits.fields.min(MAX_FIELDS)).unwrap_or_default();
    let mut request = httparse::Request::new(&mut []);
    let length = match request.parse_with_uninit_headers(text, fields) {
        Ok(Status::Complete(length)) => length,
        Ok(Status::Partial) => return incomplete(text, room),
        // Only a whole line shows whether it names another version or is malformed.
        Err(Error::Version) if room && !text.contains(&b'\n') => return Ok(Progress::NeedMore),
        Err(error) => return Err(explain(error, text)),
    };
    let (Some(method), Some(uri), Some(version)) = (request.method, request.path, request.version) else {
        return Err(Reject::bad("malformed request line"));
    };
    let fields: &[Header<'_>] = request.headers;
    let version = if version == 0 { Version::Http10 } else { Version::Http11 };
    check_line_ends(text, length, fields)?;

    vars.clear();
    let uri_target = target::split(method.as_bytes(), uri.as_bytes())?;
    vars.push_known(names::REQUEST_METHOD, Piece::Input(Span::of(method.as_bytes(), whole)));
    vars.push_known(names::REQUEST_URI, Piece::Input(Span::of(uri.as_bytes(), whole)));
    target::push(vars, whole, &uri_target)?;
    vars.push_known(names::SERVER_PROTOCOL, Piece::Static(version.name().as_bytes()));
    vars.push_known(names::SCRIPT_NAME, Piece::Static(b""));
    push_peer(vars, peer);

    let mut facts = Facts::new(version);
    push_fields(fields, uri_target.authority, whole, limits.underscores, vars, &mut facts)?;
    facts.finish(vars, whole, uri_target.authority)?;

    let connection = facts.connection;
    head.consumed = skipped + length;
    head.method = Method::new(method.as_bytes());
    head.version = version;
    head.body = if facts.chunked { Body::Chunked } else { facts.length.map_or(Body::None, Body::Length) };
    head.keep_alive = !connection.close && (version == Version::Http11 || connection.keep_alive);
    head.expect_continue =
        facts.expect && version == Version::Http11 && !matches!(head.body, Body::None | Body::Length(0));
    head.upgrade = connection.upgrade && facts.upgrade && version == Version::Http11;
    Ok(Progress::Done)
}

/// Empty lines before a request line, which some old clients send after a body (RFC 9112 §2.2). A few are enough.
fn skip_empty_lines(input: &[u8]) -> Result<usize, Reject> {
    const MOST: usize = 8;
    let mut at = 0;
    while let Some(b'\r' | b'\n') = input.get(at) {
        match (input.get(at), input.get(at + 1)) {
            (Some(b'\r'), Some(b'\n')) if at < 2 * MOST => at += 2,
            (Some(b'\r'), None) => return Ok(at),
            _ => return Err(Reject::bad("stray line ends before the request line")),
        }
    }
    Ok(at)
}

/// The head is not complete: wait, unless it is too long already or can no longer become proper.
fn incomplete(text: &[u8], room: bool) -> Result<Progress, Reject> {
    let line_end = memchr::memchr(b'\n', text);
    if line_end.is_some_and(|at| at == 0 || text.get(at - 1) != Some(&b'\r')) {
        return Err(BARE_LF);
    }
    match (room, line_end) {
        (true, _) => Ok(Progress::NeedMore),
        (false, None) => Err(Reject::new(414, "request line longer than the limit of a head")),
        (false, Some(_)) => Err(Reject::new(431, "request head longer than the limit")),
    }
}

const BARE_LF: Reject = Reject::bad("line that ends in LF without CR");

/// `httparse` takes a lone LF as a line end. It refuses LF everywhere else, so it is enough to look at the byte that
/// stands two before each line's start.
fn check_line_ends(text: &[u8], length: usize, fields: &[Header<'_>]) -> Result<(), Reject> {
    let crlf_before = |at: usize| at.checked_sub(2).is_some_and(|at| text.get(at) == Some(&b'\r'));
    let starts = fields.iter().map(|field| (field.name.as_ptr() as usize).wrapping_sub(text.as_ptr() as usize));
    let last_line = length.checked_sub(2).is_some_and(crlf_before);
    if starts.chain([length]).all(crlf_before) && last_line { Ok(()) } else { Err(BARE_LF) }
}

/// Says what `httparse` stumbled over.
fn explain(error: Error, text: &[u8]) -> Reject {
    match error {
        Error::TooManyHeaders => Reject::new(431, "more header fields than the limit"),
        Error::HeaderName => Reject::bad("malformed header name, or a folded line"),
        Error::HeaderValue => Reject::bad("control character in a header value"),
        Error::NewLine => Reject::bad("line that does not end in CRLF"),
        Error::Token if text.starts_with(&[0x16, 0x03]) => Reject::bad("TLS on a socket that speaks plain HTTP"),
        Error::Token => Reject::bad("malformed request line"),
        Error::Version => version_of(text),
        Error::Status => Reject::bad("a response where a request belongs"),
    }
}

/// 505 for a request line that is proper but for a version that HTTP could have, else 400.
fn version_of(text: &[u8]) -> Reject {
    let line = text.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let mut words = line.split(|&byte| byte == b' ');
    match (words.nth(2), words.next()) {
        (Some([b'H', b'T', b'T', b'P', b'/', major, b'.', minor]), None)
            if major.is_ascii_digit() && minor.is_ascii_digit() =>
        {
            Reject::new(505, "HTTP version other than 1.0 and 1.1")
        }
        _ => Reject::bad("malformed HTTP version"),
    }
}

fn push_peer(vars: &mut Vars, peer: &Peer<'_>) {
    vars.push_text(names::SERVER_NAME, peer.server_name);
    vars.push_text(names::SERVER_PORT, peer.server_port);
    vars.push_text(names::REMOTE_ADDR, peer.remote_addr);
    if let Some(port) = peer.remote_port {
        vars.push_text(names::REMOTE_PORT, port);
    }
    if peer.https {
        vars.push_known(names::HTTPS, Piece::Static(b"on"));
    }
}
