//! Request heads beside two other readers: `httparse`, and one that cuts the text into lines as RFC 9112 says it is cut. What we
//! take, all take, and in the same way; what httparse refuses, we refuse.

use rsgi_proto::http1::request::{Head, MAX_FIELDS, Peer, decode};
use rsgi_proto::http1::{Limits, Underscores};
use rsgi_proto::vars::Vars;
use rsgi_proto::{Body, Progress, Version, names};

const PEER: Peer<'_> =
    Peer { server_name: b"box", server_port: b"80", remote_addr: b"", remote_port: None, https: false };
const LIMITS: Limits = Limits { head: 65536, fields: MAX_FIELDS, underscores: Underscores::Drop };

type Field<'a> = (&'a [u8], &'a [u8]);

pub(crate) fn run(input: &[u8]) {
    let (mut vars, mut head) = (Vars::new(), Head::default());
    let ours = decode(input, &PEER, &LIMITS, &mut vars, &mut head);
    let mut start = input;
    while let Some(rest) = start.strip_prefix(b"\r\n") {
        start = rest;
    }
    let skipped = input.len() - start.len();
    let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let mut request = httparse::Request::new(&mut fields);
    let theirs = request.parse(start);
    if ours != Ok(Progress::Done) {
        assert!(ours.is_err() || !matches!(theirs, Ok(httparse::Status::Complete(_))), "a whole head, and we wait");
        return;
    }
    assert_eq!(theirs, Ok(httparse::Status::Complete(head.consumed - skipped)));
    let text = &start[..head.consumed - skipped];
    let (method, target, version, plain) = lines(text);
    assert_eq!((request.method, request.path), (utf8(method), utf8(target)));
    assert_eq!(request.version, Some(u8::from(version == Version::Http11)));
    let theirs: Vec<Field<'_>> =
        request.headers.iter().map(|field| (field.name.as_bytes(), field.value)).collect();
    assert_eq!(theirs, plain);

    assert_eq!(vars.get(input, names::REQUEST_METHOD), Some(method));
    assert_eq!(vars.get(input, names::REQUEST_URI), Some(target));
    assert_eq!(head.version, version);
    framing(&plain, &head);
    variables(&plain, &vars, input);
}

/// Method, target, version and fields of a head whose every line ends in CRLF.
fn lines(text: &[u8]) -> (&[u8], &[u8], Version, Vec<Field<'_>>) {
    let text = text.strip_suffix(b"\r\n\r\n").expect("an empty line ends a head");
    let mut lines: Vec<&[u8]> = Vec::new();
    let mut from = 0;
    while let Some(at) = text[from..].windows(2).position(|end| end == b"\r\n") {
        lines.push(&text[from..from + at]);
        from += at + 2;
    }
    lines.push(&text[from..]);
    for line in &lines {
        assert!(!line.is_empty() && !line.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)), "{line:?}");
    }
    let words: Vec<&[u8]> = lines[0].split(|&byte| byte == b' ').collect();
    let &[method, target, version] = words.as_slice() else { panic!("a request line has three words: {words:?}") };
    let version = match version {
        b"HTTP/1.0" => Version::Http10,
        b"HTTP/1.1" => Version::Http11,
        other => panic!("another version: {other:?}"),
    };
    let field = |line: &&'_ [u8]| -> (usize, usize, usize) {
        let colon = line.iter().position(|&byte| byte == b':').expect("a colon");
        let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
        let start = line[colon + 1..].iter().position(|byte| !is_blank(byte)).map_or(line.len(), |at| colon + 1 + at);
        let end = line.iter().rposition(|byte| !is_blank(byte)).map_or(start, |at| (at + 1).max(start));
        (colon, start, end)
    };
    let fields = lines[1..].iter().map(|line| {
        let (colon, start, end) = field(line);
        assert!(is_token(&line[..colon]), "a name is a token, and no blank stands before its colon: {line:?}");
        (&line[..colon], &line[start..end])
    });
    (method, target, version, fields.collect())
}

fn is_token(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte))
}

/// What the head says of the body is what RFC 9112 §6.3 makes of its fields.
fn framing(fields: &[Field<'_>], head: &Head) {
    let of = |name: &str| -> Vec<&[u8]> {
        let fields = fields.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name.as_bytes()));
        fields.map(|(_, value)| *value).collect()
    };
    let (lengths, codings, hosts) = (of("content-length"), of("transfer-encoding"), of("host"));
    match (lengths.as_slice(), codings.as_slice()) {
        ([], []) => assert_eq!(head.body, Body::None),
        ([length], []) => {
            assert!(!length.is_empty() && length.iter().all(u8::is_ascii_digit));
            let length: u64 = utf8(length).and_then(|length| length.parse().ok()).expect("a number of 64 bits");
            assert_eq!(head.body, Body::Length(length));
        }
        ([], [coding]) => {
            assert!(coding.eq_ignore_ascii_case(b"chunked") && head.version == Version::Http11);
            assert_eq!(head.body, Body::Chunked);
        }
        _ => panic!("framed twice: {lengths:?}, {codings:?}"),
    }
    assert!(hosts.len() == 1 || hosts.is_empty() && head.version == Version::Http10, "one Host: {hosts:?}");
}

/// Each field is in its variable, and no variable is made of anything else.
fn variables(fields: &[Field<'_>], vars: &Vars, input: &[u8]) {
    let mut expected: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
    for (name, value) in fields.iter().filter(|(name, _)| !name.contains(&b'_')) {
        let upper = name.to_ascii_uppercase().iter().map(|&byte| if byte == b'-' { b'_' } else { byte }).collect();
        let key = match upper {
            key if key == b"CONTENT_LENGTH" || key == b"CONTENT_TYPE" => key,
            key => [b"HTTP_".to_vec(), key].concat(),
        };
        let separator: &[u8] = if key == b"HTTP_COOKIE" { b"; " } else { b", " };
        match expected.iter_mut().find(|(known, _)| *known == key) {
            _ if key == b"HTTP_PROXY" => {}
            Some((_, joined)) => joined.extend([separator, value].concat()),
            None => expected.push((key, value.to_vec())),
        }
    }
    let is_field = |key: &[u8]| key.starts_with(b"HTTP_") || key.starts_with(b"CONTENT_");
    let found: Vec<_> = vars.iter(input).filter(|var| is_field(var.key)).collect();
    let ours = |key: &[u8]| found.iter().find(|var| var.key == key).map(|var| var.value);
    for (key, value) in &expected {
        // The host of a target in absolute form counts instead.
        if key != b"HTTP_HOST" {
            assert_eq!(ours(key), Some(value.as_slice()), "{}", key.escape_ascii());
        }
    }
    let host = usize::from(!expected.iter().any(|(key, _)| key == b"HTTP_HOST") && ours(b"HTTP_HOST").is_some());
    assert_eq!(found.len(), expected.len() + host);
}

fn utf8(text: &[u8]) -> Option<&str> {
    std::str::from_utf8(text).ok()
}
