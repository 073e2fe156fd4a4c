//! Frames of a client, joined to messages, fed in pieces of every size.

use super::mask::Mask;
use super::{BINARY, CLOSE, CONTROL_MOST, Code, FIN, Kind, PING, PONG, TEXT, Violation};

/// Longest header of a frame: two bytes, a length of eight, a mask of four.
const HEADER_MOST: usize = 14;
/// A buffer larger than this is given back after its message.
const KEPT: usize = 64 * 1024;

/// What is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// A message: [`Decoder::payload`].
    Message(Kind),
    /// A Ping, to be answered by a Pong with its [`Decoder::payload`].
    Ping,
    /// A Pong.
    Pong,
    /// The client closes, and perhaps says why. Nothing may follow.
    Close(Option<Code>),
}

/// Decoder of one connection.
#[derive(Debug)]
pub struct Decoder {
    /// Largest message, bytes.
    limit: usize,
    header: [u8; HEADER_MOST],
    /// Bytes of a header that are here.
    held: usize,
    frame: Option<Frame>,
    /// The kind of the message whose fragments are coming in.
    fragmented: Option<Kind>,
    message: Vec<u8>,
    control: Vec<u8>,
    /// What the last event was about.
    last: Option<Event>,
}

/// A frame whose payload is coming in.
#[derive(Debug, Clone, Copy)]
struct Frame {
    opcode: u8,
    fin: bool,
    /// Bytes still to come.
    left: usize,
    mask: Mask,
}

impl Decoder {
    /// `limit`: the largest message, bytes.
    #[must_use]
    pub const fn new(limit: usize) -> Self {
        Self {
            limit,
            header: [0; HEADER_MOST],
            held: 0,
            frame: None,
            fragmented: None,
            message: Vec::new(),
            control: Vec::new(),
            last: None,
        }
    }

    /// Takes bytes from the start of `input`: how many, and what they have completed. Without an event all are taken.
    ///
    /// # Errors
    /// The client does not keep to the protocol: close with [`Violation::code`] and decode nothing more.
    pub fn decode(&mut self, input: &[u8]) -> Result<(usize, Option<Event>), Violation> {
        self.forget();
        let mut used = 0;
        loop {
            let rest = input.get(used..).unwrap_or_default();
            let Some(mut frame) = self.frame else {
                let Some(&byte) = rest.first() else { return Ok((used, None)) };
                used += 1;
                self.take_header(byte)?;
                continue;
            };
            let count = rest.len().min(frame.left);
            let into = if is_control(frame.opcode) { &mut self.control } else { &mut self.message };
            let from = into.len();
            into.extend_from_slice(rest.get(..count).unwrap_or_default());
            frame.mask.take_off(into.get_mut(from..).unwrap_or_default());
            used += count;
            frame.left -= count;
            self.frame = Some(frame);
            if frame.left > 0 {
                return Ok((used, None));
            }
            self.frame = None;
            if let Some(event) = self.finish(frame)? {
                self.last = Some(event);
                return Ok((used, Some(event)));
            }
        }
    }

    /// The payload of the message, Ping or Pong that was decoded last; empty for a Close.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        match self.last {
            Some(Event::Message(_)) => &self.message,
            Some(Event::Ping | Event::Pong) => &self.control,
            Some(Event::Close(_)) | None => &[],
        }
    }

    /// Whether the last bytes belong to something that is not complete.
    #[must_use]
    pub const fn is_within(&self) -> bool {
        self.held > 0 || self.frame.is_some() || self.fragmented.is_some()
    }

    fn forget(&mut self) {
        match self.last.take() {
            Some(Event::Message(_)) if self.message.capacity() > KEPT => self.message = Vec::new(),
            Some(Event::Message(_)) => self.message.clear(),
            Some(Event::Ping | Event::Pong | Event::Close(_)) => self.control.clear(),
            None => {}
        }
    }

    /// Takes one more byte of a header; the frame begins with the last.
    fn take_header(&mut self, byte: u8) -> Result<(), Violation> {
        if let Some(place) = self.header.get_mut(self.held) {
            *place = byte;
        }
        self.held += 1;
        let [first, second, ..] = self.header;
        match self.held {
            1 => self.check_first(first),
            2 => check_second(first, second),
            held if held < 2 + size_of_length(second) + 4 => Ok(()),
            _ => self.begin(),
        }
    }

    fn check_first(&self, first: u8) -> Result<(), Violation> {
        if first & 0x70 != 0 {
            return Err(Violation::Frame("a reserved bit is set, and no extension was agreed upon"));
        }
        match (first & 0x0f, self.fragmented) {
            (0, None) => Err(Violation::Frame("a continuation of nothing")),
            (TEXT | BINARY, Some(_)) => Err(Violation::Frame("a message within the fragments of another")),
            (0 | TEXT | BINARY, _) => Ok(()),
            (CLOSE | PING | PONG, _) if first & FIN == 0 => Err(Violation::Frame("a fragmented control frame")),
            (CLOSE | PING | PONG, _) => Ok(()),
            _ => Err(Violation::Frame("an unknown opcode")),
        }
    }

    /// The header is complete.
    fn begin(&mut self) -> Result<(), Violation> {
        let [first, second, tail @ ..] = self.header;
        let size = size_of_length(second);
        let length = match (size, tail) {
            (0, _) => u64::from(second & 0x7f),
            (2, [a, b, ..]) => u64::from(u16::from_be_bytes([a, b])),
            (_, [a, b, c, d, e, f, g, h, ..]) => u64::from_be_bytes([a, b, c, d, e, f, g, h]),
        };
        if size == 2 && length <= CONTROL_MOST as u64 || size == 8 && u16::try_from(length).is_ok() {
            return Err(Violation::Frame("a length that is not in its shortest form"));
        }
        if length >> 63 != 0 {
            return Err(Violation::Frame("a length beyond 63 bits"));
        }
        let opcode = first & 0x0f;
        let before = if is_control(opcode) { 0 } else { self.message.len() };
        let left = usize::try_from(length).ok().filter(|length| *length <= self.limit.saturating_sub(before));
        // A control frame is short whatever the limit.
        let left = if is_control(opcode) { usize::try_from(length).ok() } else { left };
        let left = left.ok_or(Violation::TooLarge)?;
        let key = tail.get(size..).and_then(|key| key.first_chunk()).copied().unwrap_or_default();
        self.frame = Some(Frame { opcode, fin: first & FIN != 0, left, mask: Mask::new(key) });
        self.held = 0;
        Ok(())
    }

    /// A frame is complete.
    fn finish(&mut self, frame: Frame) -> Result<Option<Event>, Violation> {
        let kind = match frame.opcode {
            PING => return Ok(Some(Event::Ping)),
            PONG => return Ok(Some(Event::Pong)),
            CLOSE => return close(&self.control).map(|code| Some(Event::Close(code))),
            TEXT => Kind::Text,
            BINARY => Kind::Binary,
            _ => self.fragmented.ok_or(Violation::Frame("a continuation of nothing"))?,
        };
        if !frame.fin {
            self.fragmented = Some(kind);
            return Ok(None);
        }
        self.fragmented = None;
        if kind == Kind::Text && std::str::from_utf8(&self.message).is_err() {
            return Err(Violation::Utf8);
        }
        Ok(Some(Event::Message(kind)))
    }
}

fn check_second(first: u8, second: u8) -> Result<(), Violation> {
    if second & 0x80 == 0 {
        return Err(Violation::Frame("a frame without a mask"));
    }
    if is_control(first & 0x0f) && usize::from(second & 0x7f) > CONTROL_MOST {
        return Err(Violation::Frame("a control frame of more than 125 bytes"));
    }
    Ok(())
}

const fn is_control(opcode: u8) -> bool {
    opcode & 8 != 0
}

/// Bytes of the length that follow the second byte.
const fn size_of_length(second: u8) -> usize {
    match second & 0x7f {
        126 => 2,
        127 => 8,
        _ => 0,
    }
}

/// The code in a Close frame.
fn close(payload: &[u8]) -> Result<Option<Code>, Violation> {
    let Some((code, reason)) = payload.split_first_chunk() else {
        return if payload.is_empty() { Ok(None) } else { Err(Violation::Frame("a Close with half a code")) };
    };
    let code = Code(u16::from_be_bytes(*code));
    if !code.is_sendable() {
        return Err(Violation::Frame("a Close with a code that must not be sent"));
    }
    if std::str::from_utf8(reason).is_err() {
        return Err(Violation::Utf8);
    }
    Ok(Some(code))
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
