//! The request target: which forms are legal, and the path that an application sees.
//!
//! Source: RFC 9112 §3.2 (the four forms), RFC 3986 §5.2.4 (dot segments). As in nginx, decoding comes first: `%2F` separates
//! segments, and `%2e%2e` is one that goes up. uWSGI resolves only dots that are not escaped, so that its applications can
//! see `/../`. Repeated slashes stay, as in uWSGI.

use super::Reject;
use crate::names;
use crate::vars::{Piece, Span, Vars};

/// A target, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Target<'a> {
    /// Host and port of the absolute form; it counts instead of the Host header.
    pub authority: Option<&'a [u8]>,
    /// The path as sent: `/…`, or `*`.
    pub path: &'a [u8],
    /// What follows the first `?`.
    pub query: &'a [u8],
    /// The path has something to decode or to resolve.
    pub raw: bool,
}

/// Takes `target` apart, as the target of a request with `method`.
///
/// # Errors
/// 400 when this form is not legal for the method; 501 for CONNECT, which only a proxy can do.
pub fn split<'a>(method: &[u8], target: &'a [u8]) -> Result<Target<'a>, Reject> {
    match target {
        _ if method == b"CONNECT" => Err(connect(target)),
        [b'/', ..] => origin(target),
        b"*" if method == b"OPTIONS" => Ok(Target { path: target, ..Target::default() }),
        b"*" => Err(Reject::bad("target * with a method other than OPTIONS")),
        _ => absolute(target),
    }
}

/// Appends PATH_INFO and QUERY_STRING, in this order. `input` is what `target` was cut out of, or anything when the target
/// has been copied (then the variables are copied too).
///
/// # Errors
/// 400 when the path cannot be decoded.
pub fn push(vars: &mut Vars, input: &[u8], target: &Target<'_>) -> Result<(), Reject> {
    let path = if target.raw {
        let start = vars.scratch().len();
        decode_path(target.path, vars.scratch())?;
        vars.since(start)
    } else {
        place(vars, target.path, input)
    };
    vars.push_known(names::PATH_INFO, path);
    let query = place(vars, target.query, input);
    vars.push_known(names::QUERY_STRING, query);
    Ok(())
}

/// Appends `path` to `out`, percent-decoded and then without dot segments.
///
/// # Errors
/// 400 for a `%` without two hexadecimal digits, and for a NUL.
pub fn decode_path(path: &[u8], out: &mut Vec<u8>) -> Result<(), Reject> {
    let base = out.len();
    out.reserve(path.len());
    let mut rest = path;
    for at in memchr::memchr_iter(b'%', path) {
        let done = path.len() - rest.len();
        let (Some(plain), Some(&[high, low])) = (path.get(done..at), path.get(at + 1..at + 3)) else {
            return Err(BAD_ESCAPE);
        };
        let (Some(high), Some(low)) = (hex(high), hex(low)) else { return Err(BAD_ESCAPE) };
        let byte = high << 4 | low;
        if byte == 0 {
            return Err(Reject::bad("NUL in the path"));
        }
        out.extend_from_slice(plain);
        out.push(byte);
        rest = path.get(at + 3..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
    remove_dot_segments(out, base);
    Ok(())
}

const BAD_ESCAPE: Reject = Reject::bad("% without two hexadecimal digits in the path");

/// Resolves `.` and `..` in `out[base..]`, in place. What has no leading slash (the target `*`) has no segments.
fn remove_dot_segments(out: &mut Vec<u8>, base: usize) {
    let path = out.get(base..).unwrap_or_default();
    if path.first() != Some(&b'/') || !path.windows(2).any(|pair| pair == b"/.") {
        return;
    }
    // `read` and `write` stand on the slash that begins a segment; `write` never passes `read`.
    let (mut read, mut write) = (base, base);
    while read < out.len() {
        let after = read + 1;
        let end = out.get(after..).and_then(|tail| memchr::memchr(b'/', tail)).map_or(out.len(), |at| after + at);
        let last = end == out.len();
        let segment = out.get(after..end).unwrap_or_default();
        let parent = segment == b"..";
        if parent || segment == b"." {
            if parent {
                let kept = out.get(base..write).unwrap_or_default();
                write = base + memchr::memrchr(b'/', kept).unwrap_or(0);
            }
            if last {
                // A path that ends in a dot segment names a directory: its slash stays.
                if let Some(slot) = out.get_mut(write) {
                    *slot = b'/';
                }
                write += 1;
            }
        } else {
            out.copy_within(read..end, write);
            write += end - read;
        }
        read = end;
    }
    out.truncate(write);
}

fn origin(target: &[u8]) -> Result<Target<'_>, Reject> {
    let mut raw = false;
    let mut previous = 0;
    let mut query = None;
    for (at, &byte) in target.iter().enumerate() {
        match byte {
            b'?' => {
                query = Some(at);
                break;
            }
            b'%' => raw = true,
            b'.' => raw |= previous == b'/',
            b'#' => return Err(FRAGMENT),
            _ => {}
        }
        previous = byte;
    }
    let (path, query) = match query {
        None => (target, &[][..]),
        Some(at) => (target.get(..at).unwrap_or_default(), target.get(at + 1..).unwrap_or_default()),
    };
    if memchr::memchr(b'#', query).is_some() {
        return Err(FRAGMENT);
    }
    Ok(Target { authority: None, path, query, raw })
}

const FRAGMENT: Reject = Reject::bad("fragment in the request target");

fn absolute(target: &[u8]) -> Result<Target<'_>, Reject> {
    let colon = memchr::memchr(b':', target).ok_or(Reject::bad("request target does not start with /"))?;
    let (scheme, rest) = target.split_at(colon);
    if !(scheme.eq_ignore_ascii_case(b"http") || scheme.eq_ignore_ascii_case(b"https")) {
        return Err(Reject::bad("request target with a scheme other than http and https"));
    }
    let rest = rest.strip_prefix(b"://").ok_or(Reject::bad("request target without an authority"))?;
    let end = rest.iter().position(|&byte| matches!(byte, b'/' | b'?' | b'#')).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(end);
    if authority.is_empty() || !is_authority(authority) {
        return Err(Reject::bad("request target with an invalid host"));
    }
    match rest.first() {
        Some(b'/') => Ok(Target { authority: Some(authority), ..origin(rest)? }),
        Some(b'?') => {
            let query = rest.get(1..).unwrap_or_default();
            if memchr::memchr(b'#', query).is_some() {
                return Err(FRAGMENT);
            }
            Ok(Target { authority: Some(authority), path: b"/", query, raw: false })
        }
        Some(_) => Err(FRAGMENT),
        None => Ok(Target { authority: Some(authority), path: b"/", query: &[], raw: false }),
    }
}

fn connect(target: &[u8]) -> Reject {
    let port = memchr::memrchr(b':', target).map(|at| target.get(at + 1..).unwrap_or_default());
    match port {
        Some([_, ..]) if !target.starts_with(b":") && is_authority(target) => {
            Reject::new(501, "CONNECT, which only a proxy does")
        }
        _ => Reject::bad("CONNECT with a target other than host:port"),
    }
}

/// Whether `text` is `host [":" port]` as RFC 3986 §3.2.2 has it, without user information; an empty host is one.
#[must_use]
pub fn is_authority(text: &[u8]) -> bool {
    if let Some(literal) = text.strip_prefix(b"[") {
        let Some(end) = memchr::memchr(b']', literal) else { return false };
        let (address, tail) = literal.split_at(end);
        return is_literal(address) && is_port(tail.get(1..).unwrap_or_default());
    }
    // By hand and in one pass: every request has a Host.
    let mut rest = text;
    loop {
        let plain = rest.iter().position(|&byte| !is_in(byte, &PLAIN_HOST)).unwrap_or(rest.len());
        match rest.split_at(plain).1 {
            [b'%', high, low, tail @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => rest = tail,
            tail => return is_port(tail),
        }
    }
}

/// Whether `text` is nothing, or `:` and a port; RFC 3986 lets the port be empty.
fn is_port(text: &[u8]) -> bool {
    match text {
        [] => true,
        [b':', digits @ ..] => {
            digits.iter().all(u8::is_ascii_digit)
                && digits.iter().fold(0_u32, |n, d| n.saturating_mul(10).saturating_add(u32::from(d - b'0'))) <= 65535
        }
        _ => false,
    }
}

/// An IPv6 address, or an address of the future (`v1.…`), as written between brackets.
fn is_literal(text: &[u8]) -> bool {
    match text {
        [b'v' | b'V', rest @ ..] => match memchr::memchr(b'.', rest) {
            Some(dot) => {
                let (version, tail) = rest.split_at(dot);
                let tail = tail.get(1..).unwrap_or_default();
                !version.is_empty()
                    && version.iter().all(u8::is_ascii_hexdigit)
                    && !tail.is_empty()
                    && tail.iter().all(|&byte| is_plain_host(byte) || byte == b':')
            }
            None => false,
        },
        _ => std::str::from_utf8(text).is_ok_and(|text| text.parse::<std::net::Ipv6Addr>().is_ok()),
    }
}

#[expect(clippy::indexing_slicing, reason = "a table of all bytes")]
const fn is_in(byte: u8, table: &[bool; 256]) -> bool {
    table[byte as usize]
}

/// unreserved / sub-delims: the bytes that a registered name has as they are.
#[expect(clippy::indexing_slicing, reason = "made when this is compiled")]
static PLAIN_HOST: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = is_plain_host(byte as u8);
        byte += 1;
    }
    table
};

const fn is_plain_host(byte: u8) -> bool {
    matches!(byte,
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~'
        | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=')
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// Points into `input` when `part` lies there, and copies it otherwise.
fn place(vars: &mut Vars, part: &[u8], input: &[u8]) -> Piece {
    if part.is_empty() {
        return Piece::Static(b"");
    }
    let span = Span::of(part, input);
    if input.as_ptr_range().contains(&part.as_ptr()) && span.get(input).len() == part.len() {
        Piece::Input(span)
    } else {
        vars.copy(part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(path: &str) -> Result<String, u16> {
        let mut out = b"kept".to_vec();
        decode_path(path.as_bytes(), &mut out).map_err(|reject| reject.status)?;
        Ok(out.strip_prefix(b"kept").expect("only appended").escape_ascii().to_string())
    }

    #[test]
    fn paths_are_decoded_first_and_resolved_then() {
        let cases = [
            ("/", "/"),
            ("/a/b", "/a/b"),
            ("/a/b/", "/a/b/"),
            ("//", "//"),
            ("/a//b", "/a//b"),
            ("/.", "/"),
            ("/./", "/"),
            ("/..", "/"),
            ("/../", "/"),
            ("/../../a", "/a"),
            ("/a/.", "/a/"),
            ("/a/..", "/"),
            ("/a/../", "/"),
            ("/a/b/..", "/a/"),
            ("/a/b/../c", "/a/c"),
            ("/a/./b", "/a/b"),
            ("/a//../b", "/a/b"),
            ("/a/..b/.c/...", "/a/..b/.c/..."),
            ("/a%2f..%2Fb", "/b"),
            ("/%2e%2e/a", "/a"),
            ("/a/%2E", "/a/"),
            ("/a%20b%2Fc/../d//e", "/a b/d//e"),
            ("/%e4", "/\\xe4"),
            ("/%25%32%65", "/%2e"),
            ("/%252e%252e/a", "/%2e%2e/a"),
            ("/a\\..\\b", "/a\\\\..\\\\b"),
            ("/%0a", "/\\n"),
        ];
        for (path, expected) in cases {
            assert_eq!(decoded(path).as_deref(), Ok(expected), "{path}");
        }
        for path in ["/%", "/%4", "/%4g", "/%g4", "/% 4", "/%00", "/a%", "/%%41"] {
            assert_eq!(decoded(path), Err(400), "{path}");
        }
    }

    /// RFC 3986 §5.2.4 as it is written there, over a path that begins with a slash.
    fn by_the_rfc(path: &str) -> String {
        let (mut input, mut output) = (path.to_owned(), String::new());
        while !input.is_empty() {
            if input.starts_with("/./") {
                input.drain(..2);
            } else if input == "/." {
                input = "/".to_owned();
            } else if input.starts_with("/../") || input == "/.." {
                input = format!("/{}", input.get(4..).unwrap_or_default());
                output.truncate(output.rfind('/').unwrap_or(0));
            } else {
                let end = input[1..].find('/').map_or(input.len(), |at| at + 1);
                output.push_str(&input[..end]);
                input.drain(..end);
            }
        }
        output
    }

    #[test]
    fn every_short_path_is_resolved_as_the_rfc_says() {
        let letters = ['/', '.', 'a'];
        for length in 0..=9 {
            for number in 0..3_usize.pow(length) {
                let mut path = "/".to_owned();
                path.extend((0..length).map(|place| letters[number / 3_usize.pow(place) % 3]));
                assert_eq!(decoded(&path).as_deref(), Ok(by_the_rfc(&path).as_str()), "{path}");
            }
        }
    }

    #[test]
    fn targets_copied_from_elsewhere_work_as_well() {
        let target = split(b"GET", b"/a?b").expect("legal");
        let mut vars = Vars::new();
        push(&mut vars, b"", &target).expect("legal");
        let shown: Vec<_> = vars.iter(b"").map(|var| (var.key.to_vec(), var.value.to_vec())).collect();
        assert_eq!(shown, [(b"PATH_INFO".to_vec(), b"/a".to_vec()), (b"QUERY_STRING".to_vec(), b"b".to_vec())]);
    }
}
