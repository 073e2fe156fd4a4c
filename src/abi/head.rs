//! Response heads: checks what the application gave and serialises it once, into a buffer that is used again.
//!
//! The plugin calls this inside `start_response`, so that a wrong header is an exception where it was made.
//! Source: RFC 9110 §5 (fields), RFC 9112 §4 (status line), PEP 3333 "The start_response() Callable".

use crate::types::{HEAD_CHUNKED, HEAD_CLOSE, HEAD_DATE, HEAD_SERVER, ResponseHead, Slice};

/// A head in the making.
#[derive(Debug, Default)]
pub struct Head {
    code: u16,
    flags: u16,
    count: u32,
    content_length: Option<u64>,
    status: Vec<u8>,
    lines: Vec<u8>,
}

/// What is wrong with a head. The text is for the application's author.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HeadError {
    /// The status does not start with three digits from 100 to 999.
    #[error("the status must start with a three-digit code, like \"200 OK\"")]
    Status,
    /// An interim answer (1xx), which is the server's to give.
    #[error("1xx is no final answer: the client would wait for another one")]
    Interim,
    /// The status has a control character.
    #[error("the status must not have control characters")]
    StatusControl,
    /// A header name is empty or has a character that no token has.
    #[error("a header name must be a token: letters, digits and !#$%&'*+-.^_`|~")]
    Name,
    /// A header value has a control character.
    #[error("a header value must not have control characters such as CR, LF or NUL")]
    Value,
    /// Content-Length is not a plain number, or was given twice with different numbers.
    #[error("Content-Length must be one plain number")]
    ContentLength,
}

/// A header that a WSGI application may not send (PEP 3333 "Other HTTP Features") and that was left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accepted {
    /// The header is part of the head.
    Kept,
    /// A hop-by-hop header: the connection is the server's; it was left out, its meaning honoured where it has one.
    HopByHop,
}

impl Head {
    /// Starts over with `status` (`b"200 OK"`; a bare code gets its standard reason).
    ///
    /// # Errors
    /// When the status line would be malformed. The head is then empty.
    pub fn start(&mut self, status: &[u8]) -> Result<(), HeadError> {
        self.clear();
        let (&[a, b, c], rest) = status.split_first_chunk().ok_or(HeadError::Status)?;
        let digit = |byte: u8| byte.is_ascii_digit().then(|| u16::from(byte - b'0'));
        let (Some(a), Some(b), Some(c)) = (digit(a), digit(b), digit(c)) else { return Err(HeadError::Status) };
        if a == 0 || !(rest.is_empty() || rest.starts_with(b" ")) {
            return Err(HeadError::Status);
        }
        // An interim answer (1xx) ends nothing: the client would wait for another one, or take the next for it.
        if a == 1 {
            return Err(HeadError::Interim);
        }
        if rest.iter().any(|&byte| is_control(byte)) {
            return Err(HeadError::StatusControl);
        }
        self.status.extend_from_slice(status);
        self.code = a * 100 + b * 10 + c;
        if rest.trim_ascii().is_empty() {
            self.status.truncate(3);
            self.status.push(b' ');
            self.status.extend_from_slice(reason(self.code).as_bytes());
        }
        Ok(())
    }

    /// Adds one header.
    ///
    /// # Errors
    /// When name or value must not go on the wire. The head is unchanged then.
    pub fn header(&mut self, name: &[u8], value: &[u8]) -> Result<Accepted, HeadError> {
        if name.is_empty() || !name.iter().all(|&byte| is_token(byte)) {
            return Err(HeadError::Name);
        }
        if value.iter().any(|&byte| is_control(byte)) {
            return Err(HeadError::Value);
        }
        let value = value.trim_ascii();
        match special(name) {
            Special::None => {}
            Special::Date => self.flags |= HEAD_DATE,
            Special::Server => self.flags |= HEAD_SERVER,
            Special::ContentLength => {
                let length = parse_length(value).ok_or(HeadError::ContentLength)?;
                match self.content_length {
                    Some(known) if known == length => return Ok(Accepted::Kept),
                    Some(_) => return Err(HeadError::ContentLength),
                    None => self.content_length = Some(length),
                }
            }
            Special::Connection => {
                if value.split(|&byte| byte == b',').any(|word| word.trim_ascii().eq_ignore_ascii_case(b"close")) {
                    self.flags |= HEAD_CLOSE;
                }
                return Ok(Accepted::HopByHop);
            }
            Special::TransferEncoding if value.eq_ignore_ascii_case(b"chunked") => {
                // A second one would say that the body was made chunks of twice.
                if self.flags & HEAD_CHUNKED != 0 {
                    return Ok(Accepted::Kept);
                }
                self.flags |= HEAD_CHUNKED;
            }
            Special::TransferEncoding | Special::HopByHop => return Ok(Accepted::HopByHop),
        }
        self.lines.reserve(name.len() + value.len() + 4);
        self.lines.extend_from_slice(name);
        self.lines.extend_from_slice(b": ");
        self.lines.extend_from_slice(value);
        self.lines.extend_from_slice(b"\r\n");
        self.count += 1;
        Ok(Accepted::Kept)
    }

    /// Forgets everything, keeps the memory.
    pub fn clear(&mut self) {
        self.code = 0;
        self.flags = 0;
        self.count = 0;
        self.content_length = None;
        self.status.clear();
        self.lines.clear();
    }

    /// Whether `start` has succeeded since the last `clear`.
    #[must_use]
    pub const fn is_started(&self) -> bool {
        self.code != 0
    }

    /// The status code, 0 before `start`.
    #[must_use]
    pub const fn code(&self) -> u16 {
        self.code
    }

    /// Content-Length, when the application gave one.
    #[must_use]
    pub const fn content_length(&self) -> Option<u64> {
        self.content_length
    }

    /// Whether the application makes chunks itself (`Transfer-Encoding: chunked`).
    #[must_use]
    pub const fn is_chunked(&self) -> bool {
        self.flags & HEAD_CHUNKED != 0
    }

    /// Code and reason.
    #[must_use]
    pub fn status(&self) -> &[u8] {
        &self.status
    }

    /// The headers, each `Name: value\r\n`.
    #[must_use]
    pub fn lines(&self) -> &[u8] {
        &self.lines
    }

    /// The head as it crosses the border; it borrows from `self`.
    #[must_use]
    pub fn as_abi(&self) -> ResponseHead {
        ResponseHead {
            size: u32::try_from(size_of::<ResponseHead>()).unwrap_or(0),
            code: self.code,
            flags: self.flags,
            count: self.count,
            status: Slice::new(&self.status),
            lines: Slice::new(&self.lines),
            content_length: self.content_length.and_then(|length| i64::try_from(length).ok()).unwrap_or(-1),
        }
    }
}

enum Special {
    None,
    Date,
    Server,
    ContentLength,
    Connection,
    TransferEncoding,
    HopByHop,
}

/// Recognises the names that mean something to the server. The length decides first: most names are none of these.
fn special(name: &[u8]) -> Special {
    let is = |other: &str| name.eq_ignore_ascii_case(other.as_bytes());
    match name.len() {
        2 if is("te") => Special::HopByHop,
        4 if is("date") => Special::Date,
        6 if is("server") => Special::Server,
        7 if is("upgrade") || is("trailer") => Special::HopByHop,
        8 if is("trailers") => Special::HopByHop,
        10 if is("connection") => Special::Connection,
        10 if is("keep-alive") => Special::HopByHop,
        14 if is("content-length") => Special::ContentLength,
        16 if is("proxy-connection") => Special::HopByHop,
        17 if is("transfer-encoding") => Special::TransferEncoding,
        18 if is("proxy-authenticate") => Special::HopByHop,
        19 if is("proxy-authorization") => Special::HopByHop,
        _ => Special::None,
    }
}

/// Digits only, at most 18 of them (below 2^63).
fn parse_length(value: &[u8]) -> Option<u64> {
    if value.is_empty() || value.len() > 18 {
        return None;
    }
    value.iter().try_fold(0_u64, |sum, &byte| byte.is_ascii_digit().then(|| sum * 10 + u64::from(byte - b'0')))
}

const fn is_control(byte: u8) -> bool {
    (byte < 0x20 && byte != b'\t') || byte == 0x7f
}

/// The characters of a token, by code.
#[expect(clippy::indexing_slicing, reason = "made when this is compiled")]
const TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut code: u8 = 0;
    while code < 128 {
        table[code as usize] = matches!(code, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'0'..=b'9' | b'A'..=b'Z' | b'^'..=b'z' | b'|' | b'~');
        code += 1;
    }
    table
};

#[expect(clippy::indexing_slicing, reason = "a table of all bytes")]
const fn is_token(byte: u8) -> bool {
    TOKEN[byte as usize]
}

/// The standard reason of a status code (IANA HTTP status code registry), `Unknown` for others.
#[must_use]
pub const fn reason(code: u16) -> &'static str {
    match code {
        100 => "Continue",
        101 => "Switching Protocols",
        103 => "Early Hints",
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        203 => "Non-Authoritative Information",
        204 => "No Content",
        205 => "Reset Content",
        206 => "Partial Content",
        207 => "Multi-Status",
        300 => "Multiple Choices",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Range Not Satisfiable",
        417 => "Expectation Failed",
        421 => "Misdirected Request",
        422 => "Unprocessable Content",
        423 => "Locked",
        424 => "Failed Dependency",
        425 => "Too Early",
        426 => "Upgrade Required",
        428 => "Precondition Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        451 => "Unavailable For Legal Reasons",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        507 => "Insufficient Storage",
        508 => "Loop Detected",
        511 => "Network Authentication Required",
        _ => "Unknown",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn head(status: &str, headers: &[(&str, &str)]) -> Result<(Head, Vec<Accepted>), HeadError> {
        let mut head = Head::default();
        head.start(status.as_bytes())?;
        let accepted =
            headers.iter().map(|(n, v)| head.header(n.as_bytes(), v.as_bytes())).collect::<Result<_, _>>()?;
        Ok((head, accepted))
    }

    #[test]
    fn an_interim_status_is_refused() {
        for status in ["100 Continue", "101 Switching Protocols", "103", "199 X"] {
            assert_eq!(head(status, &[]).unwrap_err(), HeadError::Interim, "{status}");
        }
    }

    #[test]
    fn serialises_what_it_accepts() {
        let (head, _) = head("200 OK", &[("Content-Type", "text/html"), ("X-A", " b ")]).unwrap();
        assert_eq!(head.status, b"200 OK");
        assert_eq!(head.lines, b"Content-Type: text/html\r\nX-A: b\r\n");
        assert_eq!((head.code, head.count, head.content_length), (200, 2, None));
    }

    #[test]
    fn a_bare_code_gets_its_reason() {
        assert_eq!(head("404", &[]).unwrap().0.status, b"404 Not Found");
        assert_eq!(head("204 ", &[]).unwrap().0.status, b"204 No Content");
        assert_eq!(head("299", &[]).unwrap().0.status, b"299 Unknown");
    }

    #[test]
    fn refuses_malformed_status_lines() {
        for status in ["", "2", "20", "2x0 OK", "099 no", "200OK", "OK 200"] {
            assert_eq!(head(status, &[]).err(), Some(HeadError::Status), "{status:?}");
        }
        assert_eq!(head("200 O\r\nK", &[]).err(), Some(HeadError::StatusControl));
    }

    #[test]
    fn refuses_splitting_and_bad_names() {
        assert_eq!(head("200 OK", &[("X", "a\r\nSet-Cookie: b")]).err(), Some(HeadError::Value));
        assert_eq!(head("200 OK", &[("X", "a\0")]).err(), Some(HeadError::Value));
        for name in ["", "a b", "a:", "é", "a\r\n"] {
            assert_eq!(head("200 OK", &[(name, "v")]).err(), Some(HeadError::Name), "{name:?}");
        }
    }

    #[test]
    fn content_length_is_one_plain_number() {
        assert_eq!(head("200 OK", &[("content-length", "12")]).unwrap().0.content_length, Some(12));
        let (twice, _) = head("200 OK", &[("Content-Length", "3"), ("Content-Length", "3")]).unwrap();
        assert_eq!(twice.lines, b"Content-Length: 3\r\n");
        for value in ["", "+3", "-3", "3a", "0x3", "3, 3", "9999999999999999999"] {
            assert_eq!(head("200 OK", &[("Content-Length", value)]).err(), Some(HeadError::ContentLength), "{value:?}");
        }
        let differing = [("Content-Length", "3"), ("Content-Length", "4")];
        assert_eq!(head("200 OK", &differing).err(), Some(HeadError::ContentLength));
    }

    #[test]
    fn hop_by_hop_headers_stay_here() {
        let (head, accepted) = head("200 OK", &[("Connection", "Keep-Alive, close"), ("Upgrade", "h2c")]).unwrap();
        assert_eq!(accepted, [Accepted::HopByHop, Accepted::HopByHop]);
        assert_eq!((head.lines.len(), head.flags), (0, HEAD_CLOSE));
    }

    #[test]
    fn a_body_that_the_app_chunks_itself_is_marked() {
        let (head, _) = head("200 OK", &[("Transfer-Encoding", "chunked")]).unwrap();
        assert_eq!((head.lines.as_slice(), head.flags), (b"Transfer-Encoding: chunked\r\n".as_slice(), HEAD_CHUNKED));
    }

    #[test]
    fn chunks_that_are_announced_twice_are_announced_once() {
        let (head, _) = head("200 OK", &[("Transfer-Encoding", "chunked"), ("transfer-encoding", "Chunked")]).unwrap();
        assert_eq!((head.lines.as_slice(), head.flags), (b"Transfer-Encoding: chunked\r\n".as_slice(), HEAD_CHUNKED));
    }

    #[test]
    fn starting_again_forgets_the_first_head() {
        let (mut head, _) = head("500 No", &[("Content-Length", "3")]).unwrap();
        head.start(b"200 OK").unwrap();
        assert_eq!((head.code, head.count, head.content_length, head.lines.len()), (200, 0, None, 0));
    }
}
