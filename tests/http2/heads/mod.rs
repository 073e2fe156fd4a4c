//! Requests as HTTP/2 may say them, and as it may not: what is refused before the application sees it, and what the
//! application sees of the rest. Asked twice: frame by frame by us, and by python-h2, which has a coding of its own.

mod bodies;
mod fields;
mod pseudo;

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::case::PROTOCOL_ERROR;
use super::start;
use super::wire::{DATA, END_HEADERS, END_STREAM, End, HEADERS, Wire, block, frame, request};
use crate::support::lab::{LAB, root};
use crate::support::{Running, results};

/// A request. Letters of its texts are bytes (Latin-1).
#[derive(Clone, Debug)]
struct Head {
    name: String,
    fields: Vec<(String, String)>,
    /// The frames of its body. None: the head ends the request.
    body: Vec<&'static str>,
    trailers: Vec<(String, String)>,
    fate: Fate,
}

/// What has to become of a request.
#[derive(Clone, Debug)]
enum Fate {
    /// Its stream is reset with PROTOCOL_ERROR.
    Reset,
    /// The connection ends with PROTOCOL_ERROR.
    Goaway,
    /// The server answers itself.
    Status(&'static str),
    /// The application sees it: variables, and those that are not there.
    Seen(Vec<(&'static str, String)>, Vec<&'static str>),
}

impl Head {
    fn new(name: impl Into<String>, fields: Vec<(String, String)>) -> Self {
        Self { name: name.into(), fields, body: Vec::new(), trailers: Vec::new(), fate: Fate::Reset }
    }

    /// A request for `path` with these fields more.
    fn get(name: impl Into<String>, path: &str, more: &[(&str, &str)]) -> Self {
        let fields = request("GET", path).into_iter().chain(more.iter().copied());
        Self::new(name, owned(fields))
    }

    /// A request with a body in these frames.
    fn post(name: impl Into<String>, path: &str, more: &[(&str, &str)], body: &[&'static str]) -> Self {
        let fields = request("POST", path).into_iter().chain(more.iter().copied());
        Self { body: body.to_vec(), ..Self::new(name, owned(fields)) }
    }

    fn trailers(self, trailers: &[(&str, &str)]) -> Self {
        Self { trailers: owned(trailers.iter().copied()), ..self }
    }

    fn goaway(self) -> Self {
        Self { fate: Fate::Goaway, ..self }
    }

    fn status(self, status: &'static str) -> Self {
        Self { fate: Fate::Status(status), ..self }
    }

    fn seen(self, there: &[(&'static str, &str)]) -> Self {
        let there = there.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        Self { fate: Fate::Seen(there, Vec::new()), ..self }
    }

    fn unseen(mut self, missing: &[&'static str]) -> Self {
        if let Fate::Seen(_, unseen) = &mut self.fate {
            unseen.extend(missing);
        }
        self
    }

    /// Why the server's end of it is wrong.
    fn wrong(&self, end: &End) -> Option<String> {
        let is_right = match (&self.fate, end) {
            (Fate::Reset, End::Reset(code)) | (Fate::Goaway, End::GoAway(code)) => *code == PROTOCOL_ERROR,
            (Fate::Status(status), End::Answer(text)) => text.starts_with(status),
            (Fate::Seen(there, missing), End::Answer(text)) => {
                let seen: Value = serde_json::from_str(text).unwrap_or_default();
                there.iter().all(|(name, value)| seen[name] == *value)
                    && missing.iter().all(|name| seen[name].is_null())
            }
            _ => false,
        };
        (!is_right).then(|| format!("{}: expected {:?}, but {end:?}", self.name, self.fate))
    }

    fn json(&self) -> Value {
        json!({ "fields": self.fields, "body": self.body, "trailers": self.trailers })
    }
}

fn owned<'a>(fields: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<(String, String)> {
    fields.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn all() -> Vec<Head> {
    [pseudo::heads(), fields::heads(), bodies::heads()].concat()
}

/// Compares how they ended, and looks whether the application has seen any of those that it must not see.
#[track_caller]
fn judge(server: &Running, part: &str, heads: &[Head], ends: &[End]) {
    assert_eq!(heads.len(), ends.len());
    let wrong: Vec<_> = heads.iter().zip(ends).filter_map(|(head, end)| head.wrong(end)).collect();
    results::record("http2", part, heads.len(), wrong.len());
    assert!(wrong.is_empty(), "{} of {} are wrong:\n{}", wrong.len(), heads.len(), wrong.join("\n"));
    let served: Vec<_> = server.log.matching("SERVED").into_iter().filter(|line| !line.contains("/seen")).collect();
    assert!(served.is_empty(), "the application has seen {served:?}");
}

/// All over one connection as long as it lasts, so that each has to leave it as it was.
#[test]
fn requests_as_we_write_them() {
    let server = start("--disable-logging");
    let heads = all();
    let mut wire = Wire::open(&server, &[]);
    let (mut ends, mut stream) = (Vec::new(), 1);
    for head in &heads {
        let fields: Vec<_> = head.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let trailers: Vec<_> = head.trailers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let mut left = 1 + head.body.len() + usize::from(!trailers.is_empty());
        let mut flags = |flags: u8| {
            left -= 1;
            if left == 0 { flags | END_STREAM } else { flags }
        };
        let mut bytes = frame(HEADERS, flags(END_HEADERS), stream, &block(&fields));
        for piece in &head.body {
            bytes.extend(frame(DATA, flags(0), stream, piece.as_bytes()));
        }
        if !trailers.is_empty() {
            bytes.extend(frame(HEADERS, flags(END_HEADERS), stream, &block(&trailers)));
        }
        assert!(wire.write(&bytes), "before {}", head.name);
        let end = wire.end_of(stream);
        stream += 2;
        if matches!(end, End::GoAway(_) | End::Closed) {
            (wire, stream) = (Wire::open(&server, &[]), 1);
        }
        ends.push(end);
    }
    judge(&server, "requests", &heads, &ends);
}

#[test]
fn requests_as_python_h2_writes_them() {
    let server = start("--disable-logging");
    // What it cannot say: no field at all, or one without a name.
    let can_be_said = |head: &Head| !head.fields.is_empty() && head.fields.iter().all(|(name, _)| !name.is_empty());
    let heads: Vec<_> = all().into_iter().filter(can_be_said).collect();
    let address = server.address(9090).to_string();
    let mut peer = Command::new(LAB.venv.join("bin/python"))
        .arg(root().join("tests/http2/peer.py"))
        .args(["requests", &address])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python");
    let asked = Value::Array(heads.iter().map(Head::json).collect()).to_string();
    peer.stdin.take().expect("a pipe").write_all(asked.as_bytes()).expect("it reads");
    let output = peer.wait_with_output().expect("its end");
    assert!(output.status.success(), "python-h2 has failed");
    let text = String::from_utf8(output.stdout).expect("text");
    let ends: Vec<_> = text.lines().map(|line| end(&serde_json::from_str(line).expect("JSON"))).collect();
    judge(&server, "requests by python-h2", &heads, &ends);
}

/// How a request ended for python-h2.
fn end(line: &Value) -> End {
    let code = u32::try_from(line["code"].as_u64().unwrap_or_default()).expect("a code");
    match line["end"].as_str() {
        Some("reset") => End::Reset(code),
        Some("goaway") => End::GoAway(code),
        Some("answer") => End::Answer(line["body"].as_str().expect("a body").to_owned()),
        _ => End::Closed,
    }
}
