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
    /// As it comes: the application has made chunks of it. Run a [`super::chunked::Chunked`] over it beside: unless that
    /// is done exactly at the end, the connection must be closed.
    AppChunked,
    /// The application has made chunks of it, and the client, which speaks HTTP/1.0, cannot read them: send what
    /// [`super::chunked::Chunked`] finds in it, then close.
    Unchunk,
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
    /// The application's Content-Length is left out: it contradicts the framing, or must not be there at all.
    pub drop_content_length: bool,
    /// The application's Transfer-Encoding is left out.
    pub drop_transfer_encoding: bool,
}

/// Decides how to answer over HTTP/1.
///
/// `total`: size of the body, when it is known because head and last piece are there together. `must_close`: the connection
/// cannot be used again whatever the parties wish (the body was not read, the worker ends, …).
#[must_use]
pub fn plan(asked: Asked, given: Given, total: Option<u64>, must_close: bool) -> Plan {
    let http11 = asked.version != Version::Http10;
    let (framing, add_content_length) = match given.code {
        _ if asked.is_head || forbids_body(given.code) => (Framing::None, None),
        // Reset Content has no body, but is framed as if it could have one.
        205 => (Framing::Length(0), Some(0)),
        _ if given.chunked && http11 => (Framing::AppChunked, None),
        _ if given.chunked => (Framing::Unchunk, None),
        _ => match (given.content_length, total) {
            (Some(length), _) => (Framing::Length(length), None),
            (None, Some(length)) => (Framing::Length(length), Some(length)),
            (None, None) if http11 => (Framing::Chunked, None),
            (None, None) => (Framing::UntilClose, None),
        },
    };
    let ends_itself = !matches!(framing, Framing::UntilClose | Framing::Unchunk);
    // After an interim answer the client still waits for a final one, which the application did not give.
    let final_answer = given.code >= 200;
    let keep_alive = asked.keep_alive && !given.close && !must_close && ends_itself && final_answer;
    let add_connection = match (keep_alive, http11) {
        (true, true) => None,
        (true, false) => Some("keep-alive"),
        (false, _) => Some("close"),
    };
    let unframed = matches!(given.code, 100..=199 | 204 | 205);
    Plan {
        framing,
        keep_alive,
        add_content_length,
        add_chunked: framing == Framing::Chunked,
        add_connection,
        drop_content_length: given.content_length.is_some() && (unframed || given.chunked),
        drop_transfer_encoding: given.chunked && (unframed || !http11),
    }
}

/// Codes whose answers never have a body (RFC 9110 §6.4.1).
const fn forbids_body(code: u16) -> bool {
    matches!(code, 100..=199 | 204 | 304)
}

/// How to answer where the protocol has its own end of the answer (uwsgi, SCGI, FastCGI): nothing is added, nothing framed.
/// The body is still held to its Content-Length, left out where there must be none, and taken out of the application's
/// chunks.
#[must_use]
pub fn plan_bare(is_head: bool, given: Given) -> Plan {
    let framing = match given.content_length {
        _ if is_head || forbids_body(given.code) => Framing::None,
        _ if given.chunked => Framing::Unchunk,
        Some(length) => Framing::Length(length),
        None => Framing::UntilClose,
    };
    Plan {
        framing,
        keep_alive: false,
        add_content_length: None,
        add_chunked: false,
        add_connection: None,
        drop_content_length: given.content_length.is_some() && given.chunked,
        drop_transfer_encoding: given.chunked,
    }
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
    if plan.drop_content_length || plan.drop_transfer_encoding {
        put_remaining(out, lines, plan);
    } else {
        out.extend_from_slice(lines);
    }
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
#[expect(clippy::indexing_slicing, reason = "16 digits are all that a number of 64 bits has")]
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
                    $reason,
                ).as_bytes(),)*
                // What is wanted instead belongs to this answer (RFC 9110 §15.5.22, RFC 6455 §4.4).
                426 => b"HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                    Content-Type: text/plain\r\nContent-Length: 16\r\nConnection: close\r\n\r\nUpgrade Required",
                // It passes, and who comes back later is served.
                503 => b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\n\
                    Content-Type: text/plain\r\nContent-Length: 19\r\nConnection: close\r\n\r\nService Unavailable",
                _ => canned(500),
            }
        };
    }
    answers! {
        400 "Bad Request" 11,
        403 "Forbidden" 9,
        404 "Not Found" 9,
        408 "Request Timeout" 15,
        413 "Content Too Large" 17,
        414 "URI Too Long" 12,
        417 "Expectation Failed" 18,
        421 "Misdirected Request" 19,
        429 "Too Many Requests" 17,
        431 "Request Header Fields Too Large" 31,
        500 "Internal Server Error" 21,
        501 "Not Implemented" 15,
        502 "Bad Gateway" 11,
        504 "Gateway Timeout" 15,
        505 "HTTP Version Not Supported" 26
    }
}

/// Appends the lines that the plan does not leave out.
fn put_remaining(out: &mut Vec<u8>, lines: &[u8], plan: &Plan) {
    for line in lines.split_inclusive(|&byte| byte == b'\n') {
        let name = line.split(|&byte| byte == b':').next().unwrap_or_default();
        let dropped = plan.drop_content_length && name.eq_ignore_ascii_case(b"content-length")
            || plan.drop_transfer_encoding && name.eq_ignore_ascii_case(b"transfer-encoding");
        if !dropped {
            out.extend_from_slice(line);
        }
    }
}

fn put_line(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.extend_from_slice(name);
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEEP: Asked = Asked { version: Version::Http11, is_head: false, keep_alive: true };
    const OLD: Asked = Asked { version: Version::Http10, is_head: false, keep_alive: false };
    const OK: Given = Given { code: 200, content_length: None, chunked: false, close: false };
    const OK5: Given = Given { content_length: Some(5), ..OK };
    const LINES: &[u8] = b"Content-Type: text/plain\r\n";

    /// The head for these facts with the lines that belong to `given`, and how the body goes.
    fn answer(asked: Asked, given: Given, total: Option<u64>, must_close: bool) -> String {
        let plan = plan(asked, given, total, must_close);
        let mut lines = LINES.to_vec();
        if let Some(length) = given.content_length {
            lines.extend_from_slice(format!("content-length: {length}\r\n").as_bytes());
        }
        if given.chunked {
            lines.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
        }
        let mut out = Vec::new();
        let status = format!("{} Word", given.code);
        encode_head(&mut out, FirstLine::Http(asked.version), status.as_bytes(), &lines, &plan, None);
        let head = String::from_utf8(out).expect("a head of ASCII");
        let head = head.strip_suffix("\r\n\r\n").expect("a head ends in an empty line");
        let head = head.replace("\r\n", " | ").replace(" | Content-Type: text/plain", "");
        format!("{head} > {:?}, {}", plan.framing, if plan.keep_alive { "keep" } else { "close" })
    }

    #[test]
    fn each_rule_of_framing() {
        let close = |given| Given { close: true, ..given };
        let code = |code, given| Given { code, ..given };
        let chunked = Given { chunked: true, ..OK };
        let head = Asked { is_head: true, ..KEEP };
        let old_keep = Asked { keep_alive: true, ..OLD };
        type Case = (&'static str, Asked, Given, Option<u64>, bool, &'static str);
        let cases: &[Case] = &[
            ("1.1 whole", KEEP, OK, Some(3), false, "HTTP/1.1 200 Word | Content-Length: 3 > Length(3), keep"),
            ("1.1 whole, empty", KEEP, OK, Some(0), false, "HTTP/1.1 200 Word | Content-Length: 0 > Length(0), keep"),
            ("1.1 stream", KEEP, OK, None, false, "HTTP/1.1 200 Word | Transfer-Encoding: chunked > Chunked, keep"),
            ("1.1 length given", KEEP, OK5, None, false, "HTTP/1.1 200 Word | content-length: 5 > Length(5), keep"),
            ("length given wins", KEEP, OK5, Some(7), false, "HTTP/1.1 200 Word | content-length: 5 > Length(5), keep"),
            (
                "client closes",
                Asked { keep_alive: false, ..KEEP },
                OK5,
                None,
                false,
                "HTTP/1.1 200 Word | content-length: 5 | Connection: close > Length(5), close",
            ),
            (
                "stream then close is still chunked",
                KEEP,
                close(OK),
                None,
                false,
                "HTTP/1.1 200 Word | Transfer-Encoding: chunked | Connection: close > Chunked, close",
            ),
            (
                "must close",
                KEEP,
                OK5,
                None,
                true,
                "HTTP/1.1 200 Word | content-length: 5 | Connection: close > Length(5), close",
            ),
            (
                "app chunks",
                KEEP,
                chunked,
                None,
                false,
                "HTTP/1.1 200 Word | Transfer-Encoding: chunked > AppChunked, keep",
            ),
            (
                "app chunks and a length",
                KEEP,
                Given { chunked: true, ..OK5 },
                None,
                false,
                "HTTP/1.1 200 Word | Transfer-Encoding: chunked > AppChunked, keep",
            ),
            (
                "app chunks to 1.0",
                old_keep,
                chunked,
                None,
                false,
                "HTTP/1.0 200 Word | Connection: close > Unchunk, close",
            ),
            ("1.0 stream", old_keep, OK, None, false, "HTTP/1.0 200 Word | Connection: close > UntilClose, close"),
            (
                "1.0 plain",
                OLD,
                OK5,
                None,
                false,
                "HTTP/1.0 200 Word | content-length: 5 | Connection: close > Length(5), close",
            ),
            (
                "1.0 keep-alive",
                old_keep,
                OK,
                Some(2),
                false,
                "HTTP/1.0 200 Word | Content-Length: 2 | Connection: keep-alive > Length(2), keep",
            ),
            ("HEAD with length", head, OK5, None, false, "HTTP/1.1 200 Word | content-length: 5 > None, keep"),
            ("HEAD without", head, OK, Some(4), false, "HTTP/1.1 200 Word > None, keep"),
            (
                "HEAD, chunked",
                head,
                chunked,
                None,
                false,
                "HTTP/1.1 200 Word | Transfer-Encoding: chunked > None, keep",
            ),
            ("204", KEEP, code(204, OK), Some(9), false, "HTTP/1.1 204 Word > None, keep"),
            ("204 with length", KEEP, code(204, OK5), None, false, "HTTP/1.1 204 Word > None, keep"),
            ("204 chunked", KEEP, code(204, chunked), None, false, "HTTP/1.1 204 Word > None, keep"),
            (
                "304 keeps its length",
                KEEP,
                code(304, OK5),
                None,
                false,
                "HTTP/1.1 304 Word | content-length: 5 > None, keep",
            ),
            ("205", KEEP, code(205, OK5), Some(5), false, "HTTP/1.1 205 Word | Content-Length: 0 > Length(0), keep"),
            (
                "1xx is no answer",
                KEEP,
                code(103, OK),
                None,
                false,
                "HTTP/1.1 103 Word | Connection: close > None, close",
            ),
        ];
        for &(name, asked, given, total, must_close, expected) in cases {
            assert_eq!(answer(asked, given, total, must_close), expected, "{name}");
        }
    }

    #[test]
    fn no_answer_has_both_lengths_and_none_keeps_a_connection_it_cannot_end() {
        let booleans = [false, true];
        for code in [100, 101, 103, 200, 204, 205, 206, 304, 404, 500] {
            for (content_length, total) in [(None, None), (None, Some(3)), (Some(3), None), (Some(4), Some(3))] {
                for version in [Version::Http10, Version::Http11] {
                    for bits in 0..32_u8 {
                        let bit = |n: u8| booleans[usize::from(bits >> n & 1)];
                        let asked = Asked { version, is_head: bit(0), keep_alive: bit(1) };
                        let given = Given { code, content_length, chunked: bit(2), close: bit(3) };
                        let shown = answer(asked, given, total, bit(4)).to_lowercase();
                        let lengths = shown.matches("content-length:").count();
                        let codings = shown.matches("transfer-encoding:").count();
                        assert!(lengths + codings <= 1, "{shown}");
                        assert!(codings == 0 || version == Version::Http11, "{shown}");
                        if shown.ends_with("keep") {
                            assert!(lengths + codings == 1 || shown.contains("> none"), "{shown}");
                            assert!(asked.keep_alive && !given.close && !bit(4), "{shown}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn uwsgi_answers_get_nothing_added() {
        let bare = |is_head, given| {
            let plan = plan_bare(is_head, given);
            let mut out = Vec::new();
            encode_head(&mut out, FirstLine::Cgi, b"200 OK", LINES, &plan, Some(b"today"));
            (plan.framing, String::from_utf8(out).expect("ASCII"))
        };
        let head = "Status: 200 OK\r\nContent-Type: text/plain\r\nDate: today\r\n\r\n".to_owned();
        assert_eq!(bare(false, OK), (Framing::UntilClose, head.clone()));
        assert_eq!(bare(false, OK5), (Framing::Length(5), head.clone()));
        assert_eq!(bare(true, OK5), (Framing::None, head.clone()));
        assert_eq!(bare(false, Given { chunked: true, ..OK }), (Framing::Unchunk, head));
    }

    #[test]
    fn chunk_prefixes_are_hexadecimal() {
        for len in [1, 9, 10, 15, 16, 255, 4096, 65535, usize::MAX] {
            let mut out = Vec::new();
            chunk_prefix(&mut out, len);
            assert_eq!(out, format!("{len:x}\r\n").as_bytes());
        }
    }

    #[test]
    fn canned_answers_have_the_length_they_say() {
        for code in [400, 403, 404, 408, 413, 414, 417, 426, 429, 431, 500, 501, 502, 503, 504, 505] {
            let text = std::str::from_utf8(canned(code)).expect("ASCII");
            let (head, body) = text.split_once("\r\n\r\n").expect("a head");
            assert!(head.starts_with(&format!("HTTP/1.1 {code} ")), "{head}");
            assert!(head.contains(&format!("\r\nContent-Length: {}\r\n", body.len())), "{code}: {}", body.len());
            assert!(head.ends_with("\r\nConnection: close"));
        }
        assert_eq!(canned(999), canned(500));
    }
}
