//! Reading a body ahead, so that a slow sender occupies the epoll set and not a core.
//!
//! A body goes to the application once it is complete or [`READ_AHEAD`] bytes of it are here; the rest is then read as the
//! application asks. With `post-buffering` it is always complete first: in memory below that size, else in a file.

use std::fs::File;
use std::io::Write;

use rsgi_abi::host::ReadError;
use rsgi_proto::Body;
use rsgi_proto::fastcgi::Stdin;
use rsgi_proto::http1::Reject;
use rsgi_proto::http1::chunked::{Chunked, Step};
use rsgi_proto::link::{ToWorker, WorkerEnd};
use rsgi_proto::vars::Vars;

use super::input::Input;

/// Bytes of a body that are read before the application runs.
pub(super) const READ_AHEAD: usize = 64 * 1024;

/// What the configuration says about bodies.
#[derive(Debug, Clone, Copy)]
pub(super) struct BodyLimits {
    /// `limit-post`
    pub(super) largest: Option<u64>,
    /// `post-buffering`: 0 is off.
    pub(super) buffering: u64,
}

/// A body as far as it is here.
#[derive(Debug)]
pub(super) struct Ahead {
    /// Length of the head, which stays in front of the connection's data.
    head: usize,
    body: Body,
    /// Takes the framing off; `None`: the bytes lie in the connection's data as they are.
    pub(super) decoder: Option<Decoder>,
    /// Bytes without their framing, when there is a decoder.
    pub(super) decoded: Vec<u8>,
    /// Bytes for the decoder, see [`Self::hand_over`].
    pub(super) undecoded: Vec<u8>,
    /// More than this body has come.
    pub(super) is_followed: bool,
    /// All of it is in this file.
    pub(super) file: Option<File>,
    /// Bytes received so far, those in the file included.
    pub(super) received: u64,
    pub(super) complete: bool,
}

/// Takes the framing off a body.
#[derive(Debug)]
pub(super) enum Decoder {
    Chunked(Chunked),
    Fastcgi(Stdin),
    Link(WorkerEnd),
}

/// Why a body is not read on.
#[derive(Debug)]
pub(super) enum Trouble {
    /// Answer with a status and close.
    Refuse(Reject),
    /// The router says that the client is gone.
    Gone,
    /// The other side does not keep to its own protocol: nobody knows what its next bytes mean.
    Framing,
    /// The temporary file cannot be written.
    File(std::io::Error),
}

impl Trouble {
    /// What an application that runs already is told.
    pub(super) const fn told(&self) -> ReadError {
        match self {
            Self::Refuse(reject) if reject.status == 413 => ReadError::TooLarge,
            Self::Refuse(_) | Self::Framing => ReadError::Malformed,
            Self::Gone | Self::File(_) => ReadError::Gone,
        }
    }
}

impl Decoder {
    /// Bytes that the body has at least, as far as the client has said.
    pub(super) const fn announced(&self) -> u64 {
        match self {
            Self::Chunked(chunked) => chunked.announced(),
            Self::Fastcgi(_) | Self::Link(_) => 0,
        }
    }

    /// Decodes from `input`, appending to `out`. Returns the bytes that it has used up, whatever comes of them, and whether the
    /// body is complete.
    pub(super) fn decode(&mut self, input: &[u8], out: &mut Vec<u8>) -> (usize, Result<bool, Trouble>) {
        match self {
            Self::Chunked(chunked) => match chunked.decode(input, |piece| out.extend_from_slice(piece)) {
                Ok(used) => (used, Ok(chunked.is_done())),
                Err(reject) => (0, Err(Trouble::Refuse(reject))),
            },
            Self::Fastcgi(stdin) => {
                let mut used = 0;
                loop {
                    let rest = input.get(used..).unwrap_or_default();
                    let Ok((count, step)) = stdin.step(rest, usize::MAX) else { return (used, Err(Trouble::Framing)) };
                    used += count;
                    match step {
                        Step::Data(data) => out.extend_from_slice(data),
                        Step::NeedMore => return (used, Ok(false)),
                        Step::Done => return (used, Ok(true)),
                    }
                }
            }
            Self::Link(end) => {
                let mut used = 0;
                let mut none = Vars::new();
                loop {
                    let rest = input.get(used..).unwrap_or_default();
                    let (count, event) = match end.decode(rest, &mut none) {
                        Ok(Some(step)) => step,
                        Ok(None) => return (used, Ok(false)),
                        Err(_) => return (used, Err(Trouble::Framing)),
                    };
                    used += count;
                    match event {
                        ToWorker::Body(data) => out.extend_from_slice(data),
                        ToWorker::End => return (used, Ok(true)),
                        ToWorker::Abort => return (used, Err(Trouble::Gone)),
                        ToWorker::Head(_) | ToWorker::Leave => return (used, Err(Trouble::Framing)),
                    }
                }
            }
        }
    }
}

impl Ahead {
    pub(super) fn new(head: usize, body: Body, decoder: Option<Decoder>) -> Self {
        let complete = matches!(body, Body::None | Body::Length(0)) && decoder.is_none();
        Self {
            head,
            body,
            decoder,
            decoded: Vec::new(),
            undecoded: Vec::new(),
            is_followed: false,
            file: None,
            received: 0,
            complete,
        }
    }

    /// Whether the announced length is within the limit.
    pub(super) fn check(&self, limits: BodyLimits) -> Result<(), Trouble> {
        match (self.body, limits.largest) {
            (Body::Length(length), Some(largest)) if length > largest => Err(too_large()),
            _ => Ok(()),
        }
    }

    /// Uses what the connection has received. `true`: the application can run.
    pub(super) fn advance(&mut self, input: &mut Input, limits: BodyLimits) -> Result<bool, Trouble> {
        if self.complete {
            return Ok(true);
        }
        let buffered = limits.buffering > 0;
        match (&mut self.decoder, self.body) {
            (Some(decoder), _) => {
                let raw = input.data().get(self.head..).unwrap_or_default();
                let before = self.decoded.len();
                let (used, step) = decoder.decode(raw, &mut self.decoded);
                input.remove_after(self.head, used);
                let done = step?;
                self.received += (self.decoded.len() - before) as u64;
                self.complete = done;
                // What a chunk's size announces need not be waited for.
                let size = self.received.max(decoder.announced());
                if limits.largest.is_some_and(|largest| size > largest) {
                    return Err(too_large());
                }
                if buffered && (self.file.is_some() || self.received > limits.buffering) {
                    let bytes = std::mem::take(&mut self.decoded);
                    self.spool(&bytes)?;
                }
                Ok(done || (!buffered && self.decoded.len() >= READ_AHEAD))
            }
            (None, Body::Length(length)) if buffered && length > limits.buffering => {
                let left = length - self.received;
                let raw = input.data().get(self.head..).unwrap_or_default();
                let count = raw.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                let bytes = raw.get(..count).unwrap_or_default().to_vec();
                self.spool(&bytes)?;
                input.remove_after(self.head, count);
                self.received += count as u64;
                self.complete = self.received == length;
                Ok(self.complete)
            }
            (None, Body::Length(length)) => {
                let here = input.len().saturating_sub(self.head) as u64;
                self.received = here.min(length);
                self.complete = here >= length;
                Ok(self.complete || (!buffered && here >= READ_AHEAD as u64))
            }
            (None, Body::None | Body::Chunked) => Ok(true),
        }
    }

    /// Leaves the rest of the body to the application. What has come of one that is not complete and could not be decoded yet
    /// goes with it: the header of a frame or record that was cut by the end of a read. Who reads on has to begin with that.
    pub(super) fn hand_over(&mut self, input: &mut Input) {
        if !self.complete && self.decoder.is_some() {
            self.undecoded = input.data().get(self.head..).unwrap_or_default().to_vec();
            input.remove_after(self.head, self.undecoded.len());
        }
        self.is_followed = input.len() > self.used();
    }

    /// Whether the body's bytes are kept apart from the connection's data.
    pub(super) const fn is_apart(&self) -> bool {
        self.decoder.is_some() || self.file.is_some()
    }

    /// Bytes at the front of the connection's data that belong to this request.
    pub(super) fn used(&self) -> usize {
        if self.is_apart() {
            return self.head;
        }
        self.head + usize::try_from(self.received).unwrap_or(0)
    }

    /// How much data a connection may have to hold for this body.
    pub(super) fn buffer_limit(&self, limits: BodyLimits) -> usize {
        let body = usize::try_from(limits.buffering).unwrap_or(usize::MAX).max(READ_AHEAD);
        self.head.saturating_add(body).saturating_add(4096)
    }

    fn spool(&mut self, bytes: &[u8]) -> Result<(), Trouble> {
        let file = match &mut self.file {
            Some(file) => file,
            empty => empty.insert(tempfile::tempfile().map_err(Trouble::File)?),
        };
        file.write_all(bytes).map_err(Trouble::File)
    }
}

const fn too_large() -> Trouble {
    Trouble::Refuse(Reject::new(413, "the body is larger than limit-post"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Seek};

    const OFF: BodyLimits = BodyLimits { largest: None, buffering: 0 };

    fn input(bytes: &[u8]) -> Input {
        let mut input = Input::default();
        input.append(bytes);
        input
    }

    #[test]
    fn a_small_body_waits_until_it_is_complete() {
        let mut input = input(b"HEADab");
        let mut ahead = Ahead::new(4, Body::Length(4), None);
        assert!(!ahead.advance(&mut input, OFF).unwrap());
        input.append(b"cdNEXT");
        assert!(ahead.advance(&mut input, OFF).unwrap());
        assert_eq!(ahead.used(), 8);
    }

    #[test]
    fn a_large_body_starts_when_enough_is_here() {
        let mut input = input(b"HEAD");
        let mut ahead = Ahead::new(4, Body::Length(1 << 20), None);
        assert!(!ahead.advance(&mut input, OFF).unwrap());
        input.append(&[b'x'; READ_AHEAD]);
        assert!(ahead.advance(&mut input, OFF).unwrap());
        assert!(!ahead.complete);
        assert_eq!(ahead.used(), 4 + READ_AHEAD);
    }

    #[test]
    fn chunks_are_taken_off_and_the_next_request_stays() {
        let mut input = input(b"HEAD3\r\nabc\r\n");
        let mut ahead = Ahead::new(4, Body::Chunked, Some(Decoder::Chunked(Chunked::default())));
        assert!(!ahead.advance(&mut input, OFF).unwrap());
        input.append(b"2\r\nde\r\n0\r\n\r\nNEXT");
        assert!(ahead.advance(&mut input, OFF).unwrap());
        assert_eq!((ahead.decoded.as_slice(), input.data()), (b"abcde".as_slice(), b"HEADNEXT".as_slice()));
        assert_eq!(ahead.used(), 4);
    }

    #[test]
    fn post_buffering_puts_large_bodies_into_a_file() {
        let limits = BodyLimits { largest: None, buffering: 4 };
        for (body, decoder, raw) in [
            (Body::Length(6), None, b"HEADabcdefNEXT".as_slice()),
            (Body::Chunked, Some(Decoder::Chunked(Chunked::default())), b"HEAD6\r\nabcdef\r\n0\r\n\r\nNEXT"),
        ] {
            let mut input = input(raw);
            let mut ahead = Ahead::new(4, body, decoder);
            assert!(ahead.advance(&mut input, limits).unwrap());
            let mut file = ahead.file.take().unwrap();
            file.rewind().unwrap();
            let mut text = String::new();
            file.read_to_string(&mut text).unwrap();
            assert_eq!((text.as_str(), input.data()), ("abcdef", b"HEADNEXT".as_slice()));
        }
    }

    #[test]
    fn limit_post_holds_for_announced_and_for_chunked_bodies() {
        let limits = BodyLimits { largest: Some(3), buffering: 0 };
        assert!(Ahead::new(0, Body::Length(4), None).check(limits).is_err());
        assert!(Ahead::new(0, Body::Length(3), None).check(limits).is_ok());
        let mut ahead = Ahead::new(0, Body::Chunked, Some(Decoder::Chunked(Chunked::default())));
        assert!(ahead.advance(&mut input(b"4\r\nabcd\r\n"), limits).is_err());
        let mut ahead = Ahead::new(0, Body::Chunked, Some(Decoder::Chunked(Chunked::default())));
        assert!(ahead.advance(&mut input(b"4\r\n"), limits).is_err(), "before its bytes are here");
    }
}
