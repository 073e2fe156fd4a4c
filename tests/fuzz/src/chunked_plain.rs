//! Chunked bodies beside a slow and plain reader: one that looks at whole lines, as RFC 9112 §7.1 writes them down. Both find the same
//! bodies, and end them at the same byte.

use rsgi_proto::http1::chunked::Chunked;

/// Beyond this our limits on extensions and trailers come in, which the plain reader does not know.
const LONGEST: usize = 15 * 1024;

pub(crate) fn run(input: &[u8]) {
    if input.len() > LONGEST {
        return;
    }
    let (mut decoder, mut body) = (Chunked::new(), Vec::new());
    let ours = decoder.decode(input, |data| body.extend_from_slice(data));
    let theirs = plain(input);
    if decoder.is_done() {
        assert_eq!(Some((ours.expect("it is done"), body)), theirs);
    } else if let Some((used, _)) = theirs {
        panic!("a body of {used} bytes is whole, and ours: {ours:?}");
    }
}

/// Bytes of the message and the body; `None` when it is broken or not whole.
fn plain(input: &[u8]) -> Option<(usize, Vec<u8>)> {
    let (mut at, mut body) = (0, Vec::new());
    loop {
        let size = take_line(input, &mut at)?;
        let size = chunk_size(size)?;
        if size == 0 {
            break;
        }
        let end = at.checked_add(usize::try_from(size).ok()?)?;
        body.extend_from_slice(input.get(at..end)?);
        at = end;
        if take_line(input, &mut at)? != b"" {
            return None;
        }
    }
    for _ in 0..=64 {
        let line = take_line(input, &mut at)?;
        if line.is_empty() {
            return Some((at, body));
        }
        let colon = line.iter().position(|&byte| byte == b':')?;
        let (name, value) = (&line[..colon], &line[colon + 1..]);
        if !is_token(name) || is_forbidden(name) || !value.iter().all(|&byte| is_text(byte)) {
            return None;
        }
    }
    None
}

/// The bytes up to the next CRLF, in which there is neither of the two.
fn take_line<'a>(input: &'a [u8], at: &mut usize) -> Option<&'a [u8]> {
    let rest = input.get(*at..)?;
    let end = rest.windows(2).position(|pair| pair == b"\r\n")?;
    *at += end + 2;
    let line = &rest[..end];
    (!line.iter().any(|byte| matches!(byte, b'\r' | b'\n'))).then_some(line)
}

/// `1*HEXDIG *( ";" OWS token [ "=" ( token / quoted-string ) ] )`
fn chunk_size(line: &[u8]) -> Option<u64> {
    let digits = line.iter().position(|byte| !byte.is_ascii_hexdigit()).unwrap_or(line.len());
    let (size, mut rest) = line.split_at(digits);
    if digits > 16 {
        return None;
    }
    let size = u64::from_str_radix(std::str::from_utf8(size).ok()?, 16).ok()?;
    while !rest.is_empty() {
        rest = rest.strip_prefix(b";")?;
        while let [b' ' | b'\t', tail @ ..] = rest {
            rest = tail;
        }
        rest = skip_token(rest)?;
        if let Some(value) = rest.strip_prefix(b"=") {
            rest = match value.strip_prefix(b"\"") {
                Some(quoted) => skip_quoted(quoted)?,
                None => skip_token(value)?,
            };
        }
    }
    Some(size)
}

fn skip_token(text: &[u8]) -> Option<&[u8]> {
    let end = text.iter().position(|&byte| !is_token(&[byte])).unwrap_or(text.len());
    (end > 0).then(|| &text[end..])
}

fn skip_quoted(mut text: &[u8]) -> Option<&[u8]> {
    loop {
        text = match text {
            [b'"', rest @ ..] => return Some(rest),
            [b'\\', byte, rest @ ..] if is_text(*byte) => rest,
            [byte, rest @ ..] if is_text(*byte) && *byte != b'\\' => rest,
            _ => return None,
        };
    }
}

fn is_token(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte))
}

fn is_text(byte: u8) -> bool {
    byte == b'\t' || byte >= b' ' && byte != 0x7F
}

/// Trailers that would say something about framing, routing, authentication or content (RFC 9110 §6.5.1).
fn is_forbidden(name: &[u8]) -> bool {
    let name = String::from_utf8_lossy(name).to_ascii_lowercase();
    let exact = "authorization connection content-encoding content-length content-range content-type cookie expect \
        forwarded host keep-alive proxy-authorization te trailer transfer-encoding upgrade x-forwarded-for \
        x-forwarded-host x-forwarded-proto";
    exact.split_ascii_whitespace().any(|forbidden| forbidden == name)
}
