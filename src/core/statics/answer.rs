//! The answer that a file gives: its head, and which bytes of the file follow.

use std::fs::{File, Metadata};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::Write;
use std::ops::Range;
use std::time::{Duration, SystemTime};

use rsgi_abi::head::reason;
use rsgi_abi::host::HeadView;
use rsgi_abi::types::HEAD_CHUNKED;

use super::conditions::{Validator, Verdict};
use super::lookup::Found;
use super::ranges::{Wanted, wanted};
use super::{Ask, Statics, encoding, front, named};

/// The longest time a client is told to keep a file: what lies further is for ever as well.
const YEARS: u64 = 10 * 365 * 24 * 3600;

/// An answer, ready to be sent.
#[derive(Debug)]
pub struct Reply {
    /// Status code.
    pub code: u16,
    status: String,
    lines: Vec<u8>,
    flags: u16,
    count: u32,
    content_length: Option<u64>,
    /// The body, piece by piece; nothing in answer to HEAD.
    pub pieces: Vec<Piece>,
    /// The file that pieces are of.
    pub file: File,
}

/// A piece of an answer's body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Bytes of ours.
    Text(Vec<u8>),
    /// Bytes of the file.
    Part(Range<u64>),
}

impl Piece {
    /// Size in bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        match self {
            Self::Text(text) => text.len() as u64,
            Self::Part(part) => part.end - part.start,
        }
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Reply {
    pub(super) fn new(code: u16, file: File) -> Self {
        let status = format!("{code} {}", reason(code));
        let (lines, pieces) = (Vec::with_capacity(256), Vec::new());
        Self { code, status, lines, flags: 0, count: 0, content_length: None, pieces, file }
    }

    pub(super) fn line(&mut self, name: &str, value: impl std::fmt::Display) {
        // Writing to memory does not fail.
        let _ = write!(self.lines, "{name}: {value}\r\n");
        self.count += 1;
    }

    fn length(&mut self, length: u64) {
        self.line("Content-Length", length);
        self.content_length = Some(length);
    }

    /// The head.
    #[must_use]
    pub fn head(&self) -> HeadView<'_> {
        HeadView {
            code: self.code,
            flags: self.flags,
            count: self.count,
            status: self.status.as_bytes(),
            lines: &self.lines,
            content_length: self.content_length,
        }
    }
}

/// Answers with a file.
pub(super) fn answer(statics: &Statics, ask: &Ask<'_>, found: Found<'_>) -> Reply {
    let kind = statics.types.of(&found.name);
    let keep = statics.expires.of(ask, &found.name, kind);
    if let Some(named) = statics.serve_mode.and_then(|mode| front::header(mode, &found.name)) {
        return front::reply(ask, found, kind, &named, keep);
    }
    let varies = statics.neighbours.may_be(&found);
    let chosen = ask.accept_encoding.filter(|_| varies).and_then(|accept| encoding::choose(&found, accept));
    let (coding, file, facts) = chosen.unwrap_or(("", found.file, found.facts));
    let validator = Validator::of(&facts, coding);
    let size = facts.len();
    let (code, wanted) = decide(ask, &validator, size, statics.ranges);
    let mut reply = Reply::new(code, file);
    if matches!(code, 200 | 206) {
        put_body(&mut reply, kind, wanted, size);
        if !coding.is_empty() {
            reply.line("Content-Encoding", coding);
        }
        reply.line("X-Content-Type-Options", "nosniff");
    } else {
        put_no_body(&mut reply, size);
    }
    if matches!(code, 200 | 206 | 304) {
        put_validator(&mut reply, &validator);
        put_expiry(&mut reply, keep);
        if varies {
            reply.line("Vary", "Accept-Encoding");
        }
        if statics.ranges {
            reply.line("Accept-Ranges", "bytes");
        }
    }
    if ask.method == b"HEAD" {
        reply.pieces.clear();
    }
    reply
}

/// Answers with a file in place of an application that gave `head`, whose lines stay but for those that the file knows
/// better. `kind`: Content-Type, unless the application says it.
pub(super) fn in_place(ask: &Ask<'_>, head: &HeadView<'_>, file: File, facts: &Metadata, kind: &str) -> Reply {
    let validator = Validator::of(facts, "");
    let size = facts.len();
    // Conditions and ranges are a matter of what was asked for, not of a page that says that it is missing.
    let is_get = head.code == 200 && matches!(ask.method, b"GET" | b"HEAD");
    let (code, wanted) = if is_get { decide(ask, &validator, size, true) } else { (head.code, Wanted::Whole) };
    let mut reply = Reply::new(code, file);
    if code == head.code {
        reply.status = String::from_utf8_lossy(head.status).into_owned();
    }
    reply.flags = head.flags & !HEAD_CHUNKED;
    let mut given = None;
    for line in named::lines(head.lines) {
        if named::is(line, "Content-Type") {
            given = Some(String::from_utf8_lossy(named::value(line)));
        } else if !REPLACED.iter().any(|name| named::is(line, name)) {
            reply.lines.extend_from_slice(line);
            reply.lines.extend_from_slice(b"\r\n");
            reply.count += 1;
        }
    }
    match code {
        304 | 412 | 416 if is_get => put_no_body(&mut reply, size),
        _ => put_body(&mut reply, given.as_deref().unwrap_or(kind), wanted, size),
    }
    if is_get && matches!(code, 200 | 206 | 304) {
        put_validator(&mut reply, &validator);
        reply.line("Accept-Ranges", "bytes");
    }
    if ask.method == b"HEAD" {
        reply.pieces.clear();
    }
    reply
}

/// What an application says of its own body, and what names the file.
const REPLACED: [&str; 8] = [
    "Content-Length",
    "Content-Range",
    "Transfer-Encoding",
    "Accept-Ranges",
    "ETag",
    "Last-Modified",
    "X-Sendfile",
    "X-Accel-Redirect",
];

/// Weighs conditions, then the range (RFC 9110 §13.2.2).
fn decide(ask: &Ask<'_>, validator: &Validator, size: u64, ranges: bool) -> (u16, Wanted) {
    // A Range is a matter of GET (RFC 9110 §14.2).
    let range = ask.range.filter(|_| ranges && ask.method == b"GET" && validator.is_current(ask.if_range));
    let wanted = range.map_or(Wanted::Whole, |range| wanted(range, size));
    let code = match (validator.judge(ask), &wanted) {
        (Verdict::NotModified, _) => 304,
        (Verdict::Failed, _) => 412,
        (Verdict::Go, Wanted::Whole) => 200,
        (Verdict::Go, Wanted::Nothing) => 416,
        (Verdict::Go, Wanted::One(_) | Wanted::Parts(_)) => 206,
    };
    (code, wanted)
}

/// What an answer says that has nothing of the file.
fn put_no_body(reply: &mut Reply, size: u64) {
    if reply.code == 416 {
        reply.line("Content-Range", format_args!("bytes */{size}"));
    }
    if reply.code != 304 {
        reply.length(0);
    }
}

fn put_validator(reply: &mut Reply, validator: &Validator) {
    reply.line("Last-Modified", httpdate::fmt_http_date(validator.modified));
    reply.line("ETag", &validator.tag);
}

/// Content-Type, Content-Length and what they describe.
fn put_body(reply: &mut Reply, kind: &str, wanted: Wanted, size: u64) {
    let part = match wanted {
        Wanted::Parts(parts) => return put_parts(reply, kind, &parts, size),
        Wanted::One(part) => {
            reply.line("Content-Range", format_args!("bytes {}-{}/{size}", part.start, part.end - 1));
            part
        }
        Wanted::Whole | Wanted::Nothing => 0..size,
    };
    reply.line("Content-Type", kind);
    reply.length(part.end - part.start);
    reply.pieces.push(Piece::Part(part));
}

/// Several parts in one body (RFC 9110 §14.6).
fn put_parts(reply: &mut Reply, kind: &str, parts: &[Range<u64>], size: u64) {
    let random = || RandomState::new().build_hasher().finish();
    let boundary = format!("{:016x}{:016x}", random(), random());
    for part in parts {
        let (first, last) = (part.start, part.end - 1);
        let head =
            format!("\r\n--{boundary}\r\nContent-Type: {kind}\r\nContent-Range: bytes {first}-{last}/{size}\r\n\r\n");
        reply.pieces.push(Piece::Text(head.into_bytes()));
        reply.pieces.push(Piece::Part(part.clone()));
    }
    reply.pieces.push(Piece::Text(format!("\r\n--{boundary}--\r\n").into_bytes()));
    reply.line("Content-Type", format_args!("multipart/byteranges; boundary={boundary}"));
    reply.length(reply.pieces.iter().map(Piece::len).sum());
}

pub(super) fn put_expiry(reply: &mut Reply, keep: Option<u64>) {
    let Some(seconds) = keep.map(|seconds| seconds.min(YEARS)) else { return };
    reply.line("Expires", httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(seconds)));
    reply.line("Cache-Control", format_args!("max-age={seconds}"));
}
