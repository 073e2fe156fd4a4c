//! Trace contexts: a header is one by W3C's grammar or none, and a request always has one afterwards.

use rsgi::trace::{Ids, Parent};
use rsgi_proto::names::{HTTP_TRACEPARENT, HTTP_TRACESTATE};
use rsgi_proto::vars::Vars;

pub(crate) fn run(input: &[u8]) {
    let read = Parent::read(input);
    let plain = plain(input);
    assert_eq!(read.map(|parent| (parent.trace_id, parent.span_id)), plain);

    let mut vars = Vars::new();
    vars.push_text(HTTP_TRACEPARENT, input);
    vars.push_text(HTTP_TRACESTATE, b"a=b");
    Ids::default().ensure(&mut vars, b"");
    let there = vars.get(b"", HTTP_TRACEPARENT).expect("every request has one");
    assert!(Parent::read(there).is_some());
    assert_eq!(there == input, plain.is_some());
    assert_eq!(vars.get(b"", HTTP_TRACESTATE).is_some(), plain.is_some());
}

/// Section 3.2 of the recommendation, field by field.
fn plain(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let fields: Vec<&[u8]> = text.splitn(5, |&byte| byte == b'-').collect();
    let (&[version, trace, span, flags], more) = fields.split_first_chunk()?;
    let is_hex = |field: &[u8], length: usize| {
        field.len() == length && field.iter().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte))
    };
    let is_id = |field: &[u8], length| is_hex(field, length) && field.iter().any(|&byte| byte != b'0');
    let is_version = is_hex(version, 2) && version != b"ff" && (version != b"00" || more.is_empty());
    (is_version && is_id(trace, 32) && is_id(span, 16) && is_hex(flags, 2)).then_some((trace, span))
}
