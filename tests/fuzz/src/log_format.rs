//! Request lines: whatever strangers say, a line stays one line, its quotes stay the format's own, and JSON stays JSON.
//!
//! The input is a `log-format`, then what a request says: URI, method, address, user, user agent, trace and a note of the application,
//! a 0xFF between any two of them.

use rsgi::logging::form::Form;
use rsgi::logging::request::{Asked, Line, Via};
use rsgi_config::Logging;

/// What a request says, by the names it is asked for.
#[derive(Debug)]
struct Request<'a> {
    agent: &'a [u8],
    trace: &'a [u8],
    note: &'a [u8],
}

impl Asked for Request<'_> {
    fn var(&self, key: &[u8]) -> Option<&[u8]> {
        match key {
            b"HTTP_USER_AGENT" | b"HTTP_HOST" | b"HTTP_REFERER" => Some(self.agent),
            b"HTTP_TRACEPARENT" => Some(self.trace),
            // Every protocol takes nothing but digits there.
            b"CONTENT_LENGTH" => Some(b"12"),
            b"HTTP_NONE" => None,
            _ => Some(self.agent),
        }
    }

    fn note(&self, _: &[u8]) -> Option<&[u8]> {
        Some(self.note)
    }

    fn each_note(&self, each: &mut dyn FnMut(&[u8], &[u8])) {
        each(self.note, self.agent);
    }
}

pub(crate) fn run(input: &[u8]) {
    let mut parts = input.split(|&byte| byte == 0xFF);
    let mut next = || parts.next().unwrap_or_default();
    let Ok(format) = std::str::from_utf8(next()) else { return };
    let (uri, method, addr, user) = (next(), next(), next(), next());
    let request = Request { agent: next(), trace: next(), note: next() };
    let line = Line {
        pid: 15255,
        app: 0,
        worker_request: Some(1),
        total_request: 3,
        addr,
        user,
        vars: 12,
        vars_bytes: 252,
        time: "Sun Nov 22 18:57:55 2026",
        method,
        uri,
        generated: 699,
        began: 1_795_374_121_000_042,
        micros: 1999,
        via: Via::Writing,
        protocol: b"HTTP/1.1",
        status: 200,
        headers: 1,
        head_bytes: 51,
        switches: 1,
        worker: 1,
        core: 0,
        read_failed: false,
        write_failed: false,
        panic: None,
        asked: &request,
    };
    let written = |log: Logging| {
        let mut out = b"before\n".to_vec();
        Form::of(&log).write(&line, &mut out);
        out.strip_prefix(b"before\n").expect("only appended").to_vec()
    };

    let text = written(Logging { format: Some(format.into()), ..Logging::default() });
    let body = text.strip_suffix(b"\n").expect("a line ends");
    // What the format says for itself is its author's business.
    let count = |text: &[u8], odd: fn(u8) -> bool| text.iter().filter(|&&byte| odd(byte)).count();
    let fixed = literal(format);
    let is_odd = |byte: u8| !(byte.is_ascii_graphic() || byte == b' ');
    assert_eq!(count(body, is_odd), count(fixed.as_bytes(), is_odd), "{}", text.escape_ascii());
    assert_eq!(count(body, |byte| byte == b'"'), count(fixed.as_bytes(), |byte| byte == b'"'), "{}", text.escape_ascii());

    written(Logging { format: Some(format.into()), format_strftime: true, ..Logging::default() });

    let text = written(Logging::default());
    let body = text.strip_suffix(b"\n").expect("a line ends");
    assert_eq!(count(body, is_odd), 0, "{}", text.escape_ascii());

    let text = written(Logging { json: true, ..Logging::default() });
    let body = text.strip_suffix(b"\n").expect("a line ends");
    assert!(body.iter().all(|&byte| byte >= b' '), "{}", text.escape_ascii());
    let object: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(body).expect("an object");
    assert_eq!(object.get("status").and_then(serde_json::Value::as_u64), Some(200));
    if let Ok(uri) = std::str::from_utf8(uri) {
        assert_eq!(object.get("uri").and_then(serde_json::Value::as_str), Some(uri));
    }
}

/// A format without its `%(names)`.
fn literal(format: &str) -> String {
    let (mut out, mut rest) = (String::new(), format);
    while let Some((before, behind)) = rest.split_once("%(") {
        let Some((_, after)) = behind.split_once(')') else { break };
        out.push_str(before);
        rest = after;
    }
    out + rest
}
