//! Requests that are not well formed: refused before the application sees them, with their stream or their connection.

use super::start;
use super::wire::{DATA, END_HEADERS, END_STREAM, End, HEADERS, Wire, block, request};
use crate::support::Running;

const PROTOCOL_ERROR: u32 = 1;

/// Asks by these fields. RFC 9113 lets the server end the stream, or the connection, or answer by a status.
fn refused(server: &Running, fields: &[(&str, &str)], body: Option<&[u8]>) {
    let mut wire = Wire::open(server, &[]);
    let flags = if body.is_some() { END_HEADERS } else { END_HEADERS | END_STREAM };
    assert!(wire.send(HEADERS, flags, 1, &block(fields)));
    if let Some(body) = body {
        assert!(wire.send(DATA, END_STREAM, 1, body));
    }
    match wire.end_of(1) {
        End::Reset(PROTOCOL_ERROR) => {}
        End::GoAway(PROTOCOL_ERROR) => wire = Wire::open(server, &[]),
        End::Answer(text) if text.starts_with("400 ") || text.starts_with("501 ") => {}
        other => panic!("{fields:?}: {other:?}"),
    }
    wire.get(3, "/hello");
    assert_eq!(wire.end_of(3), End::Answer("hello".into()), "after {fields:?}");
    let served: Vec<_> = server.log.matching("SERVED").into_iter().filter(|line| !line.ends_with("/hello")).collect();
    assert!(served.is_empty(), "{fields:?}: {served:?}");
}

/// A request for `/bad` with one more field.
fn with<'a>(name: &'a str, value: &'a str) -> Vec<(&'a str, &'a str)> {
    let mut fields = request("GET", "/bad");
    fields.push((name, value));
    fields
}

/// RFC 9113, section 8.3.
#[test]
fn pseudo_headers_stand_first_once_and_are_known() {
    let server = start("");
    let without =
        |name: &str| -> Vec<_> { request("GET", "/bad").into_iter().filter(|(known, _)| *known != name).collect() };
    for name in [":method", ":scheme", ":path"] {
        refused(&server, &without(name), None);
    }
    for (name, value) in [(":method", "GET"), (":path", "/other"), (":status", "200"), (":unknown", "x"), (":", "x")] {
        refused(&server, &with(name, value), None);
    }
    let mut late = without(":path");
    late.extend([("accept", "*/*"), (":path", "/bad")]);
    refused(&server, &late, None);
    let mut empty = without(":path");
    empty.push((":path", ""));
    refused(&server, &empty, None);
}

/// RFC 9113, section 8.2.2.
#[test]
fn fields_about_the_connection_have_no_place() {
    let server = start("");
    for (name, value) in [
        ("connection", "close"),
        ("keep-alive", "timeout=5"),
        ("proxy-connection", "close"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "h2c"),
        ("te", "gzip"),
    ] {
        refused(&server, &with(name, value), None);
    }
    let mut wire = Wire::open(&server, &[]);
    let mut fields = request("GET", "/hello");
    fields.push(("te", "trailers"));
    assert!(wire.send(HEADERS, END_HEADERS | END_STREAM, 1, &block(&fields)));
    assert_eq!(wire.end_of(1), End::Answer("hello".into()), "the one that has a place");
}

/// RFC 9113, section 8.2.1: what would be more than one field, or another request, in HTTP/1.
#[test]
fn nothing_can_be_smuggled_in_names_and_values() {
    let server = start("");
    for value in ["a\r\nx-forged: 1", "a\nb", "a\rb", "a\0b", "a\r\n\r\nGET /bad HTTP/1.1\r\nHost: x\r\n\r\n"] {
        refused(&server, &with("x-one", value), None);
        refused(&server, &with("cookie", value), None);
        refused(&server, &with("host", value), None);
        for name in [":path", ":authority", ":method"] {
            let forged = ["/bad", value].concat();
            let forged = if name == ":path" { &forged } else { value };
            let fields = request("GET", "/bad").into_iter();
            let fields: Vec<_> = fields.map(|(known, own)| (known, if known == name { forged } else { own })).collect();
            refused(&server, &fields, None);
        }
    }
    for name in ["X-Upper", "x y", "x\r\ny", "x:y", "", "x\0"] {
        refused(&server, &with(name, "1"), None);
    }
    for path in ["/bad HTTP/1.1", "/bad x", "bad", "*", "https://other/bad"] {
        let fields: Vec<_> = request("GET", path);
        refused(&server, &fields, None);
    }
}

/// RFC 9113, section 8.1.1.
#[test]
fn a_body_is_as_long_as_its_content_length() {
    let server = start("");
    let post = |length: &'static str| {
        let mut fields = request("POST", "/bad");
        fields.push(("content-length", length));
        fields
    };
    for (length, body) in [("5", Some(&b"abc"[..])), ("2", Some(b"abc")), ("5", None), ("x", Some(b"abc"))] {
        refused(&server, &post(length), body);
    }
    for length in ["+3", "3, 3", "-3", "99999999999999999999", "0x3", ""] {
        refused(&server, &post(length), Some(b"abc"));
    }
    let mut twice = post("3");
    twice.push(("content-length", "2"));
    refused(&server, &twice, Some(b"abc"));
}

#[test]
fn a_head_over_the_limit_is_told_so() {
    let server = start("");
    let long = "x".repeat(1000);
    let mut wire = Wire::open(&server, &[]);
    let mut fields = request("GET", "/bad");
    fields.extend(std::iter::repeat_n(("x-long", long.as_str()), 15));
    assert!(wire.send(HEADERS, END_HEADERS | END_STREAM, 1, &block(&fields)));
    assert_eq!(wire.end_of(1), End::Answer("hello".into()), "within the limit");
    // 80 KB in frames of at most 16 KiB.
    let head = block(&[request("GET", "/bad"), vec![("x-long", long.as_str()); 80]].concat());
    let pieces: Vec<_> = head.chunks(16_000).collect();
    for (number, piece) in pieces.iter().enumerate() {
        let kind = if number == 0 { HEADERS } else { super::wire::CONTINUATION };
        let last = if number + 1 == pieces.len() { END_HEADERS } else { 0 };
        let first = if number == 0 { END_STREAM } else { 0 };
        assert!(wire.send(kind, last | first, 3, piece));
    }
    match wire.end_of(3) {
        End::Answer(text) => assert!(text.starts_with("431") || text.is_empty(), "{text}"),
        End::Reset(_) => {}
        other => panic!("{other:?}"),
    }
    wire.get(5, "/hello");
    assert_eq!(wire.end_of(5), End::Answer("hello".into()));
}
