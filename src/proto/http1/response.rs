//! Answers: how each is framed on its connection, and its head on the wire.
//!
//! [`plan`] decides before the first byte leaves; [`encode_head`] writes the head; the caller sends the body as the plan
//! says. Source: RFC 9112 §6, §7, §9; RFC 9110 §6.4, §8.6, §15.

use crate::Version;

/// What the request says about its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// Version of the request.
    pub version: Version,
    /// The method is HEAD.
    pub is_head: bool,
    /// The client is willing to keep the connection ([`super::request::Head::keep_alive`]).
    pub keep_alive: bool,
}

/// What the application's head says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Given {
    /// Status code.
    pub code: u16,
    /// Its Content-Length.
    pub content_length: Option<u64>,
    /// It frames its own body as chunked (`Transfer-Encoding: chunked` is among its lines).
    pub chunked: bool,
    /// It asked for the connection to be closed.
    pub close: bool,
}

/// How the body goes over the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// Not at all: what the application sends as a body is dropped.
    None,
    /// Exactly so many bytes. More are dropped; with fewer the connection must be closed at once.
    Length(u64),
    /// In chunks made by us ([`chunk_prefix`], [`CHUNK_END`], [`LAST_CHUNK`]).
    Chunked,
    /// As it comes, then the connection is closed.
    UntilClose,
    /// As it comes: the application has made chunks of it.
    AppChunked,
}

/// How an answer is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// The body's framing.
    pub framing: Framing,
    /// The connection serves another request after this answer.
    pub keep_alive: bool,
    /// The head gets this Content-Length (the application gave none).
    pub add_content_length: Option<u64>,
    /// The head gets `Transfer-Encoding: chunked`.
    pub add_chunked: bool,
    /// The head gets this Connection option.
    pub add_connection: Option<&'static str>,
}

/// Decides how to answer over HTTP/1.
///
/// `total`: size of the body, when it is known because head and last piece are there together. `must_close`: the connection
/// cannot be used again whatever the parties wish (the body was not read, the worker ends, …).
#[must_use]
pub fn plan(asked: Asked, given: Given, total: Option<u64>, must_close: bool) -> Plan {
    let http11 = asked.version != Version::Http10;
    let wish = asked.keep_alive && !given.close && !must_close;
    let no_body = asked.is_head || matches!(given.code, 100..=199 | 204 | 304);
    let (framing, add_content_length) = if no_body {
        (Framing::None, None)
    } else if given.chunked && http11 {
        (Framing::AppChunked, None)
    } else if given.chunked {
        // An HTTP/1.0 client cannot read chunks; its head must not promise them either, so the caller's lines win and
        // the connection closes.
        (Framing::UntilClose, None)
    } else if let Some(length) = given.content_length {
        (Framing::Length(length), None)
    } else if let Some(length) = total {
        (Framing::Length(length), Some(length))
    } else if http11 {
        (Framing::Chunked, None)
    } else {
        (Framing::UntilClose, None)
    };
    let keep_alive = wish && framing != Framing::UntilClose;
    let add_connection = match (keep_alive, http11) {
        (true, true) => None,
        (true, false) => Some("keep-alive"),
        (false, _) => Some("close"),
    };
    Plan { framing, keep_alive, add_content_length, add_chunked: framing == Framing::Chunked, add_connection }
}

/// How to answer where the protocol has its own end of the answer (uwsgi, SCGI, FastCGI): nothing is added, nothing framed.
/// `clamp`: the body is still held to its Content-Length, and left out where there must be none.
#[must_use]
pub fn plan_bare(is_head: bool, given: Given) -> Plan {
    let no_body = is_head || matches!(given.code, 100..=199 | 204 | 304);
    let framing = match given.content_length {
        _ if no_body => Framing::None,
        Some(length) if !given.chunked => Framing::Length(length),
        _ => Framing::UntilClose,
    };
    Plan { framing, keep_alive: false, add_content_length: None, add_chunked: false, add_connection: None }
}

/// The first line of a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirstLine {
    /// `HTTP/1.1 200 OK`
    Http(Version),
    /// `Status: 200 OK` (FastCGI, SCGI, `cgi-mode`)
    Cgi,
}

/// Appends a head. `status`: code and reason; `lines`: the application's, each `Name: value\r\n`, checked before; `date`: the
/// value of a Date field to add.
pub fn encode_head(out: &mut Vec<u8>, first: FirstLine, status: &[u8], lines: &[u8], plan: &Plan, date: Option<&[u8]>) {
    out.reserve(status.len() + lines.len() + 128);
    out.extend_from_slice(match first {
        FirstLine::Http(Version::Http10) => b"HTTP/1.0 ",
        FirstLine::Http(_) => b"HTTP/1.1 ",
        FirstLine::Cgi => b"Status: ",
    });
    out.extend_from_slice(status);
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(lines);
    if let Some(date) = date {
        put_line(out, b"Date: ", date);
    }
    if let Some(length) = plan.add_content_length {
        put_line(out, b"Content-Length: ", itoa::Buffer::new().format(length).as_bytes());
    }
    if plan.add_chunked {
        out.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
    }
    if let Some(option) = plan.add_connection {
        put_line(out, b"Connection: ", option.as_bytes());
    }
    out.extend_from_slice(b"\r\n");
}

/// Appends what goes before `len` bytes of a chunk. Not for 0: that would end the body.
pub fn chunk_prefix(out: &mut Vec<u8>, len: usize) {
    let mut digits = [0_u8; 16];
    let mut at = digits.len();
    let mut rest = len;
    while rest > 0 || at == digits.len() {
        at -= 1;
        digits[at] = b"0123456789abcdef"[rest & 15];
        rest >>= 4;
    }
    out.extend_from_slice(&digits[at..]);
    out.extend_from_slice(b"\r\n");
}

/// What goes after the bytes of a chunk.
pub const CHUNK_END: &[u8] = b"\r\n";

/// What ends a chunked body.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// The interim answer to `Expect: 100-continue`.
pub const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// A whole answer that the server itself gives, with `Connection: close`. Codes other than those of [`super::Reject`] and of
/// an overloaded or failing server get the answer of 500.
#[must_use]
pub fn canned(code: u16) -> &'static [u8] {
    macro_rules! answers {
        ($($code:literal $reason:literal $length:literal),*) => {
            match code {
                $($code => concat!(
                    "HTTP/1.1 ", $code, " ", $reason, "\r\n",
                    "Content-Type: text/plain\r\nContent-Length: ", $length, "\r\nConnection: close\r\n\r\n",
                    $reason, "\n",
                ).as_bytes(),)*
                _ => canned(500),
            }
        };
    }
    answers! {
        400 "Bad Request" 12,
        403 "Forbidden" 10,
        404 "Not Found" 10,
        408 "Request Timeout" 16,
        413 "Content Too Large" 18,
        414 "URI Too Long" 13,
        417 "Expectation Failed" 19,
        429 "Too Many Requests" 18,
        431 "Request Header Fields Too Large" 32,
        500 "Internal Server Error" 22,
        501 "Not Implemented" 16,
        502 "Bad Gateway" 12,
        503 "Service Unavailable" 20,
        504 "Gateway Timeout" 16,
        505 "HTTP Version Not Supported" 27
    }
}

fn put_line(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.extend_from_slice(name);
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}
