//! Cases: what a client does on a connection of its own, and what has to come of it.

use std::collections::BTreeMap;

use super::start;
use super::wire::{DATA, END_STREAM, GOAWAY, HEADERS, PING, RST_STREAM, Wire, block, frame, request};
use crate::support::{Running, results};

/// Error codes (RFC 9113, section 7).
pub(super) const PROTOCOL_ERROR: u32 = 1;
pub(super) const FLOW_CONTROL_ERROR: u32 = 3;
pub(super) const STREAM_CLOSED: u32 = 5;
pub(super) const FRAME_SIZE_ERROR: u32 = 6;
pub(super) const REFUSED_STREAM: u32 = 7;
pub(super) const ENHANCE_YOUR_CALM: u32 = 11;

/// The stream of the request that is sent right behind every case.
const BEHIND: u32 = 0x0FFF_FFFF;

/// One case: what it is, the frames behind the client's preface and SETTINGS, and what comes of them.
pub(super) type Case = (&'static str, Vec<u8>, Expect);

/// What has to come of a case.
#[derive(Clone, Copy, Debug)]
pub(super) enum Expect {
    /// The connection ends with this error, and nothing behind is served.
    Goaway(u32),
    /// This stream ends with this error, and everything else goes on.
    Reset(u32, u32),
    /// This stream has an answer that begins so, and everything else goes on.
    Answer(u32, &'static str),
    /// Nobody says a word about it, and everything goes on.
    Nothing,
}

/// What the server has said.
#[derive(Debug, Default)]
struct Said {
    goaway: Option<u32>,
    resets: Vec<(u32, u32)>,
    answers: BTreeMap<u32, String>,
    /// Streams whose answers are complete.
    ended: Vec<u32>,
    closed: bool,
}

/// Runs the cases of one part of the protocol.
#[track_caller]
pub(super) fn check(part: &str, cases: &[Case]) {
    let server = start("--disable-logging");
    let wrong: Vec<_> = cases.iter().filter_map(|case| failure(&server, case)).collect();
    results::record("http2", part, cases.len(), wrong.len());
    assert!(wrong.is_empty(), "{} of {} are wrong:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

fn failure(server: &Running, (name, bytes, expect): &Case) -> Option<String> {
    let asked = frame(HEADERS, 5, BEHIND, &block(&request("GET", "/behind")));
    let mut wire = Wire::open(server, &[]);
    // In one write, so that nothing comes between.
    wire.write(&[bytes.as_slice(), &asked, &frame(PING, 0, 0, b"all said")].concat());
    let said = listen(&mut wire, *expect);
    let is_right = match *expect {
        Expect::Goaway(code) => said.closed && said.goaway == Some(code) && !said.answers.contains_key(&BEHIND),
        Expect::Reset(stream, code) => said.goes_on() && said.resets == [(stream, code)],
        Expect::Answer(stream, text) => {
            let begins = said.answers.get(&stream).is_some_and(|answer| answer.starts_with(text));
            // Of a body that nobody wants the rest is called off without an error (RFC 9113, section 8.1).
            said.goes_on() && begins && said.resets.iter().all(|reset| *reset == (stream, 0))
        }
        Expect::Nothing => said.goes_on() && said.resets.is_empty(),
    };
    (!is_right).then(|| format!("{name}: expected {expect:?}, the server said {said:?}"))
}

/// Reads until all is said.
fn listen(wire: &mut Wire, expect: Expect) -> Said {
    let (mut said, mut pong) = (Said::default(), false);
    while !(pong && said.has(BEHIND) && said.is_complete(expect)) {
        let frame = match wire.try_next() {
            Ok(Some(frame)) => frame,
            Ok(None) => {
                said.closed = true;
                break;
            }
            // What has been said so far is wrong then.
            Err(_) => break,
        };
        let code = |at: usize| u32::from_be_bytes(frame.payload[at..at + 4].try_into().expect("four bytes"));
        match frame.kind {
            GOAWAY => said.goaway = Some(code(4)),
            RST_STREAM => said.resets.push((frame.stream, code(0))),
            PING => pong |= frame.flags == 1 && frame.payload == b"all said",
            DATA => {
                said.answers.entry(frame.stream).or_default().push_str(&String::from_utf8_lossy(&frame.payload));
            }
            HEADERS => drop(said.answers.entry(frame.stream).or_default()),
            _ => {}
        }
        if matches!(frame.kind, DATA | HEADERS) && frame.flags & END_STREAM != 0 {
            said.ended.push(frame.stream);
        }
    }
    said
}

impl Said {
    fn has(&self, stream: u32) -> bool {
        self.ended.contains(&stream)
    }

    fn is_complete(&self, expect: Expect) -> bool {
        match expect {
            // The end of the connection completes it.
            Expect::Goaway(_) => self.goaway.is_none(),
            Expect::Reset(stream, _) => self.has(stream) || self.resets.iter().any(|reset| reset.0 == stream),
            Expect::Answer(stream, _) => self.has(stream) || self.resets.iter().any(|reset| reset.0 == stream),
            Expect::Nothing => true,
        }
    }

    fn goes_on(&self) -> bool {
        self.goaway.is_none() && !self.closed && self.answers.get(&BEHIND).is_some_and(|answer| answer == "hello")
    }
}
