//! Answers' heads: what an application may say never makes a second line, a second answer or another length of it.
//!
//! The input is a head as an application gives it: the status, then a name and a value in turn, each ended by 0xFF (which may
//! be in neither: it would be no part of a line either way, so nothing is lost).

use rsgi_abi::head::{Accepted, Head, HeadError};
use rsgi_proto::Version;
use rsgi_proto::http1::response::{Asked, FirstLine, Framing, Given, encode_head, plan, plan_bare};

pub(crate) fn run(input: &[u8]) {
    let mut parts = input.split(|&byte| byte == 0xFF);
    let mut head = Head::default();
    let status = parts.next().unwrap_or_default();
    if head.start(status).is_err() {
        assert!(!head.is_started());
        return;
    }
    let mut kept = Vec::new();
    while let (Some(name), Some(value)) = (parts.next(), parts.next()) {
        match head.header(name, value) {
            Ok(Accepted::Kept) => kept.push((name, value.trim_ascii())),
            Ok(Accepted::HopByHop) => {}
            Err(HeadError::Name | HeadError::Value | HeadError::ContentLength) => {}
            Err(error) => panic!("a header is at fault, not {error}"),
        }
    }
    let given = Given {
        code: head.code(),
        content_length: head.content_length(),
        chunked: head.as_abi().flags & rsgi_abi::types::HEAD_CHUNKED != 0,
        close: head.as_abi().flags & rsgi_abi::types::HEAD_CLOSE != 0,
    };
    assert!((200..=999).contains(&given.code));
    for version in [Version::Http10, Version::Http11] {
        for is_head in [false, true] {
            for total in [None, Some(5)] {
                let asked = Asked { version, is_head, keep_alive: true };
                let plan = plan(asked, given, total, false);
                check(&head, &kept, FirstLine::Http(version), &plan, given);
                assert!(!(plan.keep_alive && matches!(plan.framing, Framing::UntilClose | Framing::Unchunk)));
            }
        }
    }
    check(&head, &kept, FirstLine::Cgi, &plan_bare(false, given), given);
}

/// Reads back what goes on the wire, line by line.
fn check(
    head: &Head,
    kept: &[(&[u8], &[u8])],
    first: FirstLine,
    plan: &rsgi_proto::http1::response::Plan,
    given: Given,
) {
    let mut wire = Vec::new();
    encode_head(&mut wire, first, head.status(), head.lines(), plan, Some(b"Sun, 06 Nov 1994 08:49:37 GMT"));
    let body = wire.strip_suffix(b"\r\n\r\n").expect("an empty line ends it");
    assert!(!body.windows(4).any(|end| end == b"\r\n\r\n"), "one answer only");
    assert!(body.iter().all(|&byte| !matches!(byte, 0 | 0x7F)), "no control characters");
    let mut wire_lines = Vec::new();
    for line in body.split(|&byte| byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        assert!(!line.contains(&b'\r') && !line.is_empty(), "lines end as lines do");
        wire_lines.push(line);
    }
    let (_, fields) = wire_lines.split_first().expect("a first line");
    let mut fields = fields.iter().map(|line| {
        let colon = line.iter().position(|&byte| byte == b':').expect("a colon");
        let (name, value) = line.split_at(colon);
        assert!(!name.is_empty() && name.iter().all(|byte| byte.is_ascii_graphic()));
        (name, value.get(1..).unwrap_or_default().trim_ascii())
    });
    let is = |name: &[u8], other: &str| name.eq_ignore_ascii_case(other.as_bytes());
    let (mut lengths, mut codings) = (Vec::new(), 0);
    for &(name, value) in &unrepeated(kept) {
        let dropped = plan.drop_content_length && is(name, "content-length")
            || plan.drop_transfer_encoding && is(name, "transfer-encoding");
        if !dropped {
            assert_eq!(fields.next(), Some((name, value)), "the application's headers, in its order");
            lengths.extend(is(name, "content-length").then_some(value));
            codings += usize::from(is(name, "transfer-encoding"));
        }
    }
    for (name, value) in fields {
        assert!(["date", "content-length", "transfer-encoding", "connection"].iter().any(|ours| is(name, ours)));
        lengths.extend(is(name, "content-length").then_some(value));
        codings += usize::from(is(name, "transfer-encoding"));
    }
    assert!(lengths.len() <= 1 && codings <= 1, "framed once");
    assert!(lengths.is_empty() || codings == 0, "by a length or by chunks, not both (RFC 9112 §6.2)");
    if let (Framing::Length(length), [said]) = (plan.framing, lengths.as_slice()) {
        assert_eq!(std::str::from_utf8(said).ok().and_then(|said| said.parse().ok()), Some(length));
    }
    assert!(codings == 0 || matches!(plan.framing, Framing::Chunked | Framing::AppChunked | Framing::None));
    // A web server in front frames its own answer.
    let is_http = matches!(first, FirstLine::Http(_));
    assert!(!is_http || given.code != 204 || lengths.is_empty() && codings == 0, "204 has neither (RFC 9110 §8.6)");
}

/// What frames a body and was said twice alike is there once.
fn unrepeated<'a>(kept: &[(&'a [u8], &'a [u8])]) -> Vec<(&'a [u8], &'a [u8])> {
    let mut seen: Vec<Vec<u8>> = Vec::new();
    let mut is_first = |name: &[u8]| {
        let name = name.to_ascii_lowercase();
        let is_new = !seen.contains(&name);
        seen.extend(Some(name).filter(|name| [&b"content-length"[..], b"transfer-encoding"].contains(&name.as_slice())));
        is_new
    };
    kept.iter().copied().filter(|(name, _)| is_first(name)).collect()
}
