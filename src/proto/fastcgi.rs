//! FastCGI, the responder role: records of up to 65,535 bytes; a BEGIN_REQUEST, the stream PARAMS, the stream STDIN, answered
//! by the stream STDOUT and an END_REQUEST. One request at a time on a connection, as web servers do it.
//! Source: "FastCGI Specification", 1.0, 1996.

use crate::Progress;
use crate::cgi::{Facts, Fault, Intake, Limits};
use crate::http1::chunked::Step;
use crate::vars::{Piece, Vars};

/// Size of a record's header, bytes.
pub const RECORD_HEADER: usize = 8;
/// Most bytes of body in one STDOUT record; a multiple of 8, as the specification recommends.
pub const STDOUT_MOST: u16 = 65_528;

const VERSION: u8 = 1;
const BEGIN_REQUEST: u8 = 1;
const ABORT_REQUEST: u8 = 2;
const END_REQUEST: u8 = 3;
const PARAMS: u8 = 4;
const STDIN: u8 = 5;
const STDOUT: u8 = 6;
const RESPONDER: u16 = 1;
const KEEP_CONN: u8 = 1;

/// How a request ended, to the web server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum EndStatus {
    /// It was answered.
    Complete = 0,
    /// A second request came before the first was answered.
    CannotMultiplex = 1,
    /// The server is too busy.
    Overloaded = 2,
    /// The web server wants another role than that of a responder.
    UnknownRole = 3,
}

/// What a request says beside its variables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Packet {
    /// Bytes of the input that the records up to the end of PARAMS were. The records of STDIN begin here.
    pub consumed: usize,
    /// Number that the answer's records must have.
    pub id: u16,
    /// The web server wants to use the connection again.
    pub keep_alive: bool,
    /// What the variables say. Its body is the announced one; the end of STDIN has the last word.
    pub facts: Facts,
}

/// A request that is not served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// The variables are longer than allowed.
    #[error("FastCGI parameters of more than {0} bytes; raise buffer-size to take them")]
    TooLong(usize),
    /// Another version, or another protocol.
    #[error("no FastCGI record of version 1")]
    Version,
    /// A record that has no place there.
    #[error("FastCGI record of type {0} where none belongs")]
    Type(u8),
    /// A record of another request: nobody multiplexes, so it is an error (answer with [`EndStatus::CannotMultiplex`]).
    #[error("FastCGI record of a second request on the same connection")]
    Multiplexed,
    /// A role other than responder (answer with [`EndStatus::UnknownRole`]).
    #[error("FastCGI role {0}, not responder")]
    Role(u16),
    /// A BEGIN_REQUEST of another size.
    #[error("malformed FastCGI record")]
    Malformed,
    /// The web server gave the request up.
    #[error("the web server aborted the FastCGI request")]
    Aborted,
    /// A variable that is not taken.
    #[error("FastCGI request has {0}")]
    Variable(#[from] Fault),
}

impl RecordError {
    /// Status to answer with.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::TooLong(_) => 431,
            Self::Variable(fault) => fault.status(),
            _ => 400,
        }
    }
}

/// Decodes BEGIN_REQUEST and PARAMS at the start of `input` into `vars` (emptied first) and `packet`; on `NeedMore` and on
/// errors the content of both means nothing. The variables are copied, for a record may end in the midst of one: any input
/// will do to read them.
///
/// # Errors
/// A [`RecordError`]: close the connection, parse nothing more of it.
pub fn decode(input: &[u8], limits: &Limits, vars: &mut Vars, packet: &mut Packet) -> Result<Progress, RecordError> {
    let mut block = std::mem::take(vars.scratch());
    block.clear();
    let result = gather(input, limits, &mut block, packet).and_then(|progress| {
        if progress == Progress::Done {
            packet.facts = take_all(&block, limits, vars)?;
        }
        Ok(progress)
    });
    *vars.scratch() = block;
    result
}

/// Puts the content of all PARAMS records together.
fn gather(input: &[u8], limits: &Limits, block: &mut Vec<u8>, packet: &mut Packet) -> Result<Progress, RecordError> {
    let Some(record) = Record::peek(input)? else { return Ok(Progress::NeedMore) };
    if record.kind != BEGIN_REQUEST {
        return Err(RecordError::Type(record.kind));
    }
    if record.content != 8 || record.id == 0 {
        return Err(RecordError::Malformed);
    }
    let Some(content) = record.content(input) else { return Ok(Progress::NeedMore) };
    let (Some(role), Some(flags)) = (content.first_chunk().map(|role| u16::from_be_bytes(*role)), content.get(2))
    else {
        return Err(RecordError::Malformed);
    };
    if role != RESPONDER {
        return Err(RecordError::Role(role));
    }
    *packet = Packet { id: record.id, keep_alive: flags & KEEP_CONN != 0, ..Packet::default() };
    let mut at = record.size();
    loop {
        let rest = input.get(at..).unwrap_or_default();
        let Some(record) = Record::peek(rest)? else { return Ok(Progress::NeedMore) };
        record.check(packet.id, PARAMS)?;
        if block.len() + record.content > limits.block {
            return Err(RecordError::TooLong(limits.block));
        }
        let (Some(content), true) = (record.content(rest), rest.len() >= record.size()) else {
            return Ok(Progress::NeedMore);
        };
        at += record.size();
        if content.is_empty() {
            packet.consumed = at;
            return Ok(Progress::Done);
        }
        block.extend_from_slice(content);
    }
}

fn take_all(block: &[u8], limits: &Limits, vars: &mut Vars) -> Result<Facts, RecordError> {
    let mut intake = Intake::new(limits, block, Piece::Scratch, vars);
    let mut rest = block;
    while !rest.is_empty() {
        let key = take_length(&mut rest)?;
        let value = take_length(&mut rest)?;
        let (key, tail) = rest.split_at_checked(key).ok_or(Fault::Overrun)?;
        let (value, tail) = tail.split_at_checked(value).ok_or(Fault::Overrun)?;
        rest = tail;
        intake.take(key, value)?;
    }
    Ok(intake.facts())
}

/// A length: one byte below 128, or four with the highest bit set.
fn take_length(rest: &mut &[u8]) -> Result<usize, Fault> {
    let (&first, tail) = rest.split_first().ok_or(Fault::Overrun)?;
    if first < 128 {
        *rest = tail;
        return Ok(usize::from(first));
    }
    let (length, tail) = rest.split_first_chunk().ok_or(Fault::Overrun)?;
    *rest = tail;
    usize::try_from(u32::from_be_bytes(*length) & 0x7fff_ffff).map_err(|_| Fault::Overrun)
}

/// Decoder of the body: the stream STDIN of one request.
#[derive(Debug, Clone, Copy)]
pub struct Stdin {
    id: u16,
    /// Bytes left of the record's content.
    content: usize,
    /// Bytes of padding after it.
    padding: usize,
    /// The record is the empty one that ends the stream.
    last: bool,
    done: bool,
}

impl Stdin {
    /// The body of request `id`, from its first STDIN record on.
    #[must_use]
    pub const fn new(id: u16) -> Self {
        Self { id, content: 0, padding: 0, last: false, done: false }
    }

    /// Whether the body is complete.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        self.done
    }

    /// Decodes up to the next piece of body, which has at most `most` bytes; returns how many bytes of `input` that used.
    /// What it did not use must come again, with more behind it.
    ///
    /// # Errors
    /// A record that does not belong there, or the web server has given up.
    pub fn step<'a>(&mut self, input: &'a [u8], most: usize) -> Result<(usize, Step<'a>), RecordError> {
        let mut used = 0;
        loop {
            let rest = input.get(used..).unwrap_or_default();
            if self.done {
                return Ok((used, Step::Done));
            }
            if self.content > 0 {
                let take = rest.len().min(most).min(self.content);
                let data = rest.get(..take).unwrap_or_default();
                if data.is_empty() {
                    return Ok((used, Step::NeedMore));
                }
                self.content -= take;
                return Ok((used + take, Step::Data(data)));
            }
            if self.padding > 0 {
                let take = rest.len().min(self.padding);
                if take == 0 {
                    return Ok((used, Step::NeedMore));
                }
                self.padding -= take;
                used += take;
                continue;
            }
            if self.last {
                self.done = true;
                continue;
            }
            let Some(record) = Record::peek(rest)? else { return Ok((used, Step::NeedMore)) };
            record.check(self.id, STDIN)?;
            (self.content, self.padding, self.last) = (record.content, record.padding, record.content == 0);
            used += RECORD_HEADER;
        }
    }
}

/// Appends the header of a STDOUT record; `len` bytes of the answer go after it. Not for 0: that would end the answer.
pub fn stdout_prefix(out: &mut Vec<u8>, id: u16, len: u16) {
    put_record(out, STDOUT, id, len);
}

/// Appends the end of STDOUT and an END_REQUEST.
pub fn encode_end(out: &mut Vec<u8>, id: u16, status: EndStatus) {
    if status == EndStatus::Complete {
        put_record(out, STDOUT, id, 0);
    }
    put_record(out, END_REQUEST, id, 8);
    out.extend_from_slice(&[0, 0, 0, 0, status as u8, 0, 0, 0]);
}

fn put_record(out: &mut Vec<u8>, kind: u8, id: u16, len: u16) {
    let ([id1, id0], [len1, len0]) = (id.to_be_bytes(), len.to_be_bytes());
    out.extend_from_slice(&[VERSION, kind, id1, id0, len1, len0, 0, 0]);
}

#[derive(Clone, Copy)]
struct Record {
    kind: u8,
    id: u16,
    content: usize,
    padding: usize,
}

impl Record {
    fn peek(input: &[u8]) -> Result<Option<Self>, RecordError> {
        if input.first().is_some_and(|&version| version != VERSION) {
            return Err(RecordError::Version);
        }
        let Some(&[_, kind, id1, id0, len1, len0, padding, _]) = input.first_chunk::<RECORD_HEADER>() else {
            return Ok(None);
        };
        let content = usize::from(u16::from_be_bytes([len1, len0]));
        Ok(Some(Self { kind, id: u16::from_be_bytes([id1, id0]), content, padding: usize::from(padding) }))
    }

    /// Whether this is a record of `kind` of request `id`.
    const fn check(self, id: u16, kind: u8) -> Result<(), RecordError> {
        match self.kind {
            _ if self.id != id && self.id != 0 => Err(RecordError::Multiplexed),
            BEGIN_REQUEST => Err(RecordError::Multiplexed),
            ABORT_REQUEST if self.id == id => Err(RecordError::Aborted),
            other if other != kind || self.id != id => Err(RecordError::Type(other)),
            _ => Ok(()),
        }
    }

    fn content(self, input: &[u8]) -> Option<&[u8]> {
        input.get(RECORD_HEADER..RECORD_HEADER + self.content)
    }

    const fn size(self) -> usize {
        RECORD_HEADER + self.content + self.padding
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Body, names};

    const LIMITS: Limits = Limits { block: 1000, vars: 4, code_loading: false };

    fn record(kind: u8, id: u16, content: &[u8], padding: u8) -> Vec<u8> {
        let mut out = Vec::new();
        put_record(&mut out, kind, id, u16::try_from(content.len()).expect("short"));
        out[6] = padding;
        out.extend_from_slice(content);
        out.extend(std::iter::repeat_n(b'p', usize::from(padding)));
        out
    }

    fn begin(role: u8, flags: u8) -> Vec<u8> {
        record(BEGIN_REQUEST, 7, &[0, role, flags, 0, 0, 0, 0, 0], 0)
    }

    fn params(vars: &[(&str, &str)]) -> Vec<u8> {
        let mut out = Vec::new();
        for (key, value) in vars {
            for text in [key, value] {
                match u8::try_from(text.len()) {
                    Ok(len) if len < 128 => out.push(len),
                    _ => {
                        out.extend_from_slice(&(0x8000_0000 | u32::try_from(text.len()).expect("short")).to_be_bytes())
                    }
                }
            }
            out.extend_from_slice(key.as_bytes());
            out.extend_from_slice(value.as_bytes());
        }
        out
    }

    fn run(input: &[u8]) -> Result<Option<(Packet, Vec<String>)>, RecordError> {
        let (mut vars, mut packet) = (Vars::new(), Packet::default());
        Ok(match decode(input, &LIMITS, &mut vars, &mut packet)? {
            Progress::NeedMore => None,
            Progress::Done => {
                let show =
                    |var: crate::vars::Var<'_>| format!("{}={}", var.key.escape_ascii(), var.value.escape_ascii());
                Some((packet, vars.iter(b"anything").map(show).collect()))
            }
        })
    }

    fn run_every_way(input: &[u8]) -> Result<Option<(Packet, Vec<String>)>, RecordError> {
        let whole = run(input);
        for split in 0..input.len() {
            match run(&input[..split]) {
                Ok(None) => {}
                early => assert_eq!(early, whole, "at {split}"),
            }
        }
        if !matches!(whole, Ok(None)) {
            assert_eq!(run(&[input, b"\x01\x05"].concat()), whole);
        }
        whole
    }

    #[test]
    fn variables_may_be_spread_over_records() {
        let long = "v".repeat(300);
        let sent = [("REQUEST_METHOD", "PUT"), ("CONTENT_LENGTH", "12"), ("LONG", &long), ("UWSGI_FILE", "evil")];
        let block = params(&sent);
        for cut in [1, 15, 40, 100, block.len()] {
            let (front, back) = block.split_at(cut);
            let mut input = begin(1, KEEP_CONN);
            input.extend(record(PARAMS, 7, front, 3));
            if !back.is_empty() {
                input.extend(record(PARAMS, 7, back, 0));
            }
            input.extend(record(PARAMS, 7, b"", 5));
            let (packet, shown) = run_every_way(&input).expect("legal").expect("complete");
            assert_eq!((packet.consumed, packet.id, packet.keep_alive), (input.len(), 7, true));
            assert_eq!((packet.facts.body, packet.facts.refused), (Body::Length(12), Some(names::UWSGI_FILE)));
            let expected = ["REQUEST_METHOD=PUT".to_owned(), "CONTENT_LENGTH=12".into(), format!("LONG={long}")];
            assert_eq!(shown, expected);
        }
    }

    #[test]
    fn broken_requests_are_refused() {
        let with = |records: &[Vec<u8>]| run_every_way(&records.concat()).map(|done| done.is_some());
        let end = || record(PARAMS, 7, b"", 0);
        assert_eq!(with(&[begin(1, 0), end()]), Ok(true));
        assert_eq!(with(&[begin(2, 0)]), Err(RecordError::Role(2)));
        assert_eq!(with(&[b"GET / HTTP/1.1\r\n".to_vec()]), Err(RecordError::Version));
        assert_eq!(with(&[end()]), Err(RecordError::Type(PARAMS)));
        assert_eq!(with(&[record(BEGIN_REQUEST, 7, b"123", 0)]), Err(RecordError::Malformed));
        assert_eq!(with(&[record(BEGIN_REQUEST, 0, &[0, 1, 0, 0, 0, 0, 0, 0], 0)]), Err(RecordError::Malformed));
        assert_eq!(with(&[begin(1, 0), begin(1, 0)]), Err(RecordError::Multiplexed));
        assert_eq!(with(&[begin(1, 0), record(PARAMS, 8, b"", 0)]), Err(RecordError::Multiplexed));
        assert_eq!(with(&[begin(1, 0), record(9, 0, b"", 0)]), Err(RecordError::Type(9)));
        assert_eq!(with(&[begin(1, 0), record(STDIN, 7, b"x", 0)]), Err(RecordError::Type(STDIN)));
        assert_eq!(with(&[begin(1, 0), record(ABORT_REQUEST, 7, b"", 0)]), Err(RecordError::Aborted));
        let too_long = record(PARAMS, 7, &[1; 1001], 0);
        assert_eq!(with(&[begin(1, 0), too_long]), Err(RecordError::TooLong(1000)));
        for block in [&b"\x01"[..], b"\x01\x01A", b"\x02\x00A", b"\x80\x00\x00", b"\xff\xff\xff\xff\xff\xff\xff\xffA"] {
            let result = with(&[begin(1, 0), record(PARAMS, 7, block, 0), end()]);
            assert_eq!(result, Err(Fault::Overrun.into()), "{}", block.escape_ascii());
        }
        let empty_key = params(&[("", "x")]);
        assert_eq!(with(&[begin(1, 0), record(PARAMS, 7, &empty_key, 0), end()]), Err(Fault::EmptyKey.into()));
        let many = params(&[("A", ""); 5]);
        assert_eq!(with(&[begin(1, 0), record(PARAMS, 7, &many, 0), end()]), Err(Fault::TooMany(4).into()));
    }

    /// Feeds a body in pieces, as a buffer that grows and is consumed from the front.
    fn body(input: &[u8], size: usize, most: usize) -> Result<(Vec<u8>, bool, usize), RecordError> {
        let mut decoder = Stdin::new(7);
        let (mut buffer, mut body) = (Vec::new(), Vec::new());
        let mut consumed = 0;
        for piece in input.chunks(size) {
            buffer.extend_from_slice(piece);
            loop {
                let (used, step) = decoder.step(&buffer, most)?;
                let more = matches!(step, Step::Data(_));
                if let Step::Data(data) = step {
                    assert!(data.len() <= most);
                    body.extend_from_slice(data);
                }
                consumed += used;
                buffer.drain(..used);
                if !more {
                    break;
                }
            }
        }
        Ok((body, decoder.is_done(), consumed))
    }

    #[test]
    fn bodies_end_with_their_empty_record() {
        let input = [record(STDIN, 7, b"hello ", 2), record(STDIN, 7, b"world", 0), record(STDIN, 7, b"", 3)].concat();
        let pipelined = [&input[..], &begin(1, 0)].concat();
        for size in 1..=input.len() {
            for most in [1, 4, 1000] {
                assert_eq!(body(&input, size, most), Ok((b"hello world".to_vec(), true, input.len())));
                assert_eq!(body(&pipelined, size, most), Ok((b"hello world".to_vec(), true, input.len())));
                assert_eq!(body(&input[..20], size, most), Ok((b"hello ".to_vec(), false, 16)));
            }
        }
        assert_eq!(body(&record(ABORT_REQUEST, 7, b"", 0), 99, 99), Err(RecordError::Aborted));
        assert_eq!(body(&record(STDIN, 8, b"x", 0), 99, 99), Err(RecordError::Multiplexed));
        assert_eq!(body(&record(PARAMS, 7, b"x", 0), 99, 99), Err(RecordError::Type(PARAMS)));
    }

    #[test]
    fn answers_are_framed() {
        let mut out = Vec::new();
        stdout_prefix(&mut out, 0x0102, 3);
        out.extend_from_slice(b"abc");
        encode_end(&mut out, 0x0102, EndStatus::Complete);
        let expected =
            b"\x01\x06\x01\x02\0\x03\0\0abc\x01\x06\x01\x02\0\0\0\0\x01\x03\x01\x02\0\x08\0\0\0\0\0\0\0\0\0\0";
        assert_eq!(out, expected);
        out.clear();
        encode_end(&mut out, 1, EndStatus::UnknownRole);
        assert_eq!(out, b"\x01\x03\0\x01\0\x08\0\0\0\0\0\0\x03\0\0\0");
    }

    #[test]
    fn random_changes_never_panic() {
        let mut seed = begin(1, 0);
        seed.extend(record(PARAMS, 7, &params(&[("REQUEST_METHOD", "PUT"), ("CONTENT_LENGTH", "5")]), 3));
        seed.extend(record(PARAMS, 7, b"", 0));
        let stdin = [record(STDIN, 7, b"hello", 3), record(STDIN, 7, b"", 0)].concat();
        let mut random = crate::random::Random::new(13);
        for _ in 0..3000 {
            for (seed, is_body) in [(&seed, false), (&stdin, true)] {
                let mut input = seed.clone();
                for _ in 0..=random.below(3) {
                    let at = random.below(input.len());
                    input[at] = u8::try_from(random.below(256)).expect("a byte");
                }
                if is_body {
                    assert_eq!(body(&input, 1, 3), body(&input, 99, 999), "{}", input.escape_ascii());
                } else {
                    let _ = run_every_way(&input);
                }
            }
        }
    }
}
