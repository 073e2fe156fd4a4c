//! Values of the header fields that the server itself acts on. Source: RFC 9110 §5.6, §7.6.1, §8.6, §10.1.1; RFC 9112 §6.

use crate::Version;
use crate::http1::Reject;

/// A Content-Length: 1 to 19 digits and nothing else, at most `i64::MAX`.
pub(crate) fn content_length(value: &[u8]) -> Option<u64> {
    if value.is_empty() || value.len() > 19 {
        return None;
    }
    let mut length = 0_u64;
    for byte in value {
        if !byte.is_ascii_digit() {
            return None;
        }
        // 19 digits fit into 64 bits.
        length = length * 10 + u64::from(byte - b'0');
    }
    i64::try_from(length).is_ok().then_some(length)
}

/// Checks a Transfer-Encoding: `chunked` alone.
pub(crate) fn transfer_encoding(value: &[u8], version: Version) -> Result<(), Reject> {
    if version == Version::Http10 {
        return Err(Reject::bad("Transfer-Encoding in an HTTP/1.0 request"));
    }
    if value.eq_ignore_ascii_case(b"chunked") {
        return Ok(());
    }
    if !value.is_empty() && value.iter().all(u8::is_ascii_alphabetic) {
        return Err(Reject::new(501, "Transfer-Encoding other than chunked"));
    }
    Err(Reject::bad("Transfer-Encoding other than exactly chunked"))
}

/// Checks an Expect: `100-continue` alone.
pub(crate) fn expect(value: &[u8]) -> Result<(), Reject> {
    if value.eq_ignore_ascii_case(b"100-continue") {
        return Ok(());
    }
    Err(Reject::new(417, "Expect other than 100-continue"))
}

/// What Connection fields ask for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Connection {
    pub(crate) close: bool,
    pub(crate) keep_alive: bool,
    pub(crate) upgrade: bool,
}

impl Connection {
    /// Adds the options of one Connection field.
    pub(crate) fn add(&mut self, value: &[u8]) {
        // The usual ones, without a search for commas.
        if value.eq_ignore_ascii_case(b"keep-alive") {
            self.keep_alive = true;
        } else if value.eq_ignore_ascii_case(b"close") {
            self.close = true;
        } else {
            for option in value.split(|&byte| byte == b',').map(trim) {
                self.close |= option.eq_ignore_ascii_case(b"close");
                self.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
                self.upgrade |= option.eq_ignore_ascii_case(b"upgrade");
            }
        }
    }
}

/// Without the blanks around it: SP and HTAB, no other byte.
fn trim(text: &[u8]) -> &[u8] {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = text.iter().position(|byte| !blank(byte)).unwrap_or(text.len());
    let end = text.iter().rposition(|byte| !blank(byte)).map_or(start, |at| at + 1);
    text.get(start..end).unwrap_or_default()
}
