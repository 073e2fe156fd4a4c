//! What a client says about a file beside its path: Range, If-Range, If-Match, If-None-Match, If-Modified-Since, If-Unmodified-Since,
//! Accept-Encoding, a line each, an empty one for a header that is not there. The answer is one of RFC 9110's, its body is within the
//! file and as long as announced, and a plain reader of the simple cases comes to the same.

use std::fs::{self, File};
use std::time::{Duration, UNIX_EPOCH};

use rsgi::statics::{Ask, Piece, Reply, Statics};
use rsgi_config::Config;
use tempfile::TempDir;

const SIZE: u64 = 26;

struct Site {
    statics: Statics,
    tag: Vec<u8>,
    _directory: TempDir,
}

thread_local! {
    static SITE: Site = Site::new();
}

pub(crate) fn run(input: &[u8]) {
    SITE.with(|site| site.ask(input));
}

impl Site {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("room");
        let home = directory.path().canonicalize().expect("it is there");
        for name in ["a.txt", "a.txt.gz", "a.txt.br"] {
            fs::write(home.join(name), "abcdefghijklmnopqrstuvwxyz").expect("room");
            let file = File::options().append(true).open(home.join(name)).expect("it is there");
            file.set_modified(UNIX_EPOCH + Duration::from_secs(784_111_777)).expect("it is ours");
        }
        let statics =
            rsgi_config::Statics { check: vec![home], gzip_all: true, honour_range: true, ..rsgi_config::Statics::default() };
        let config = Config { statics, ..Config::default() };
        let statics = Statics::of(&config).expect("the kernel can").expect("there are some");
        let plain = statics.find(&Ask { method: b"GET", path: b"/a.txt", ..Ask::default() }).expect("it can be opened").expect("it is there");
        let tag = value(&plain, "ETag").expect("a strong one");
        Self { statics, tag, _directory: directory }
    }

    fn ask(&self, input: &[u8]) {
        // The file's own tag is told by a sign, for nobody guesses it.
        let mut text = Vec::new();
        for &byte in input {
            if byte == b'~' { text.extend_from_slice(&self.tag) } else { text.push(byte) }
        }
        let mut lines = text.split(|&byte| byte == b'\n').map(|line| Some(line).filter(|line| !line.is_empty()));
        let mut next = || lines.next().flatten();
        let ask = Ask {
            method: b"GET",
            path: b"/a.txt",
            uri: b"/a.txt",
            range: next(),
            if_range: next(),
            if_match: next(),
            if_none_match: next(),
            if_modified_since: next(),
            if_unmodified_since: next(),
            accept_encoding: next(),
        };
        let reply = self.statics.find(&ask).expect("it can be opened").expect("it is there");
        check(&reply);
        let head = self.statics.find(&Ask { method: b"HEAD", ..ask }).expect("it can be opened").expect("it is there");
        assert!(head.pieces.is_empty());
        assert!(head.code == reply.code || ask.range.is_some() && head.code == 200, "HEAD: {}", head.code);
        self.simple(&ask, &reply);
    }

    /// The cases in which there is no doubt.
    fn simple(&self, ask: &Ask<'_>, reply: &Reply) {
        let tags = |list: Option<&[u8]>| -> Option<bool> {
            let list = list?;
            let is_plain = list.iter().all(|byte| byte.is_ascii_alphanumeric() || b"\".-, ".contains(byte));
            is_plain.then(|| list.split(|&byte| byte == b',').any(|tag| tag.trim_ascii() == self.tag))
        };
        let is_free = ask.if_modified_since.is_none() && ask.if_unmodified_since.is_none() && ask.accept_encoding.is_none();
        match (tags(ask.if_match), ask.if_match, tags(ask.if_none_match), ask.if_none_match) {
            (Some(false), ..) if is_free => assert_eq!(reply.code, 412),
            (None, None, Some(true), _) if is_free => assert_eq!(reply.code, 304),
            (None, None, None, None) if is_free && ask.if_range.is_none() => {
                let Some((first, last)) = ask.range.and_then(simple_range) else { return };
                if first >= SIZE {
                    assert_eq!(reply.code, 416);
                } else {
                    assert_eq!(reply.code, 206);
                    assert_eq!(reply.pieces, [Piece::Part(first..(last + 1).min(SIZE))]);
                }
            }
            _ => {}
        }
    }
}

/// `bytes=N-M` with small numbers and nothing else.
fn simple_range(range: &[u8]) -> Option<(u64, u64)> {
    let (first, last) = std::str::from_utf8(range).ok()?.strip_prefix("bytes=")?.split_once('-')?;
    let number = |text: &str| text.parse::<u16>().ok().filter(|_| !text.starts_with('+')).map(u64::from);
    let (first, last) = (number(first)?, number(last)?);
    (first <= last).then_some((first, last))
}

fn check(reply: &Reply) {
    assert!(matches!(reply.code, 200 | 206 | 304 | 412 | 416), "{}", reply.code);
    let sum: u64 = reply.pieces.iter().map(Piece::len).sum();
    let length = value(reply, "Content-Length").map(|text| String::from_utf8_lossy(&text).parse::<u64>());
    match reply.code {
        304 => assert_eq!(length, None),
        _ => assert_eq!(length, Some(Ok(sum))),
    }
    for piece in &reply.pieces {
        assert!(!matches!(piece, Piece::Part(part) if part.start >= part.end || part.end > SIZE));
    }
    // Several parts never make an answer that is much larger than the file.
    let parts: u64 = reply.pieces.iter().map(|piece| if let Piece::Part(part) = piece { part.end - part.start } else { 0 }).sum();
    assert!(parts <= SIZE && reply.pieces.len() <= 2 * 16 + 1);
    let lines = reply.head().lines;
    assert!(lines.ends_with(b"\r\n") && !lines.windows(4).any(|end| end == b"\r\n\r\n"));
    assert!(lines.iter().all(|&byte| byte.is_ascii_graphic() || matches!(byte, b' ' | b'\r' | b'\n')));
}

/// The value of a header.
fn value(reply: &Reply, name: &str) -> Option<Vec<u8>> {
    let lines = reply.head().lines.split(|&byte| byte == b'\n');
    let text = lines.filter_map(|line| line.strip_prefix(name.as_bytes())?.strip_prefix(b": ")).next()?;
    Some(text.trim_ascii().to_vec())
}
