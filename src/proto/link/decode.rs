//! The two ends of a link, as decoders.

use super::frame::{Frame, Reader, Stream, TRUNCATED};
use super::{
    ABORT, ABORTED, APP_CHUNKED, BODY, BYE, CLOSE, CONTINUE, DATA, END, EXPECT_CONTINUE, FILE, FRAME_HEADER, File,
    HAS_DATE, HAS_SERVER, HEAD, HELLO, Hello, IS_HEAD, LAST, LEAVE, LinkError, RESPONSE, RESPONSE_FIXED, Request,
    Response, SWITCHED, TEXT_KEY, ToRouter, ToWorker, UPGRADE,
};
use crate::names::{self, KnownId};
use crate::vars::{Piece, Span, Vars};
use crate::{Body, Version};

/// Decoder of the worker's end. One for each link.
#[derive(Debug, Clone, Copy)]
pub struct WorkerEnd {
    limit: u32,
    stream: Stream,
}

/// Decoder of the router's end. One for each link.
#[derive(Debug, Clone, Copy)]
pub struct RouterEnd {
    limit: u32,
    stream: Stream,
}

impl WorkerEnd {
    /// `limit`: the longest HEAD payload, bytes.
    #[must_use]
    pub const fn new(limit: u32) -> Self {
        Self { limit, stream: Stream::Frame }
    }

    /// Takes the next event from the start of `input`: how many bytes it used (0 is possible), and the event.
    /// `None`: more bytes are needed.
    ///
    /// # Errors
    /// The link is broken; see [`LinkError`].
    pub fn decode<'a>(&mut self, input: &'a [u8], vars: &mut Vars) -> Result<Option<(usize, ToWorker<'a>)>, LinkError> {
        if let Some(event) = self.stream.step(input) {
            return Ok(event.map(|(used, data)| (used, data.map_or(ToWorker::End, ToWorker::Body))));
        }
        let Some(frame) = Frame::peek(input)? else { return Ok(None) };
        match frame.kind {
            HEAD => {
                let Some((used, payload)) = frame.whole(input, self.limit)? else { return Ok(None) };
                let request = decode_head(frame.flags, payload, input, vars)?;
                Ok(Some((used, ToWorker::Head(request))))
            }
            BODY => {
                self.stream = Stream::Data { left: frame.length, last: frame.flags & LAST != 0 };
                let (used, data) = self.stream.first(input);
                Ok(Some((used, data.map_or(ToWorker::End, ToWorker::Body))))
            }
            END => frame.empty().map(|used| Some((used, ToWorker::End))),
            ABORT => frame.empty().map(|used| Some((used, ToWorker::Abort))),
            LEAVE => frame.empty().map(|used| Some((used, ToWorker::Leave))),
            other => Err(LinkError::Kind(other)),
        }
    }
}

impl RouterEnd {
    /// `limit`: the longest RESPONSE head (status and header lines), bytes.
    #[must_use]
    pub const fn new(limit: u32) -> Self {
        Self { limit, stream: Stream::Frame }
    }

    /// Takes the next event from the start of `input`: how many bytes it used (0 is possible), and the event.
    /// `None`: more bytes are needed.
    ///
    /// # Errors
    /// The link is broken; see [`LinkError`].
    pub fn decode<'a>(&mut self, input: &'a [u8]) -> Result<Option<(usize, ToRouter<'a>)>, LinkError> {
        if let Some(event) = self.stream.step(input) {
            let end = ToRouter::End { aborted: false };
            return Ok(event.map(|(used, data)| (used, data.map_or(end, ToRouter::Data))));
        }
        let Some(frame) = Frame::peek(input)? else { return Ok(None) };
        match frame.kind {
            HELLO => {
                let Some((used, payload)) = frame.whole(input, 64)? else { return Ok(None) };
                decode_hello(payload).map(|hello| Some((used, ToRouter::Hello(hello))))
            }
            CONTINUE => frame.empty().map(|used| Some((used, ToRouter::Continue))),
            RESPONSE => {
                let Some((used, response)) = decode_response(frame, input, self.limit)? else { return Ok(None) };
                self.stream = Stream::Data { left: response.inline, last: response.last };
                Ok(Some((used, ToRouter::Response(response))))
            }
            DATA => {
                self.stream = Stream::Data { left: frame.length, last: frame.flags & LAST != 0 };
                let (used, data) = self.stream.first(input);
                Ok(Some((used, data.map_or(ToRouter::End { aborted: false }, ToRouter::Data))))
            }
            FILE => {
                let Some((used, payload)) = frame.whole(input, 16)? else { return Ok(None) };
                let mut reader = Reader(payload);
                let file = File { offset: reader.u64()?, length: reader.u64()? };
                reader.finish().map(|()| Some((used, ToRouter::File(file))))
            }
            BYE => frame.empty().map(|used| Some((used, ToRouter::Bye))),
            END => frame.empty().map(|used| Some((used, ToRouter::End { aborted: frame.flags & ABORTED != 0 }))),
            other => Err(LinkError::Kind(other)),
        }
    }
}

fn decode_head(flags: u8, payload: &[u8], input: &[u8], vars: &mut Vars) -> Result<Request, LinkError> {
    vars.clear();
    let mut reader = Reader(payload);
    let body = reader.u8()?;
    let version = reader.u8()?;
    let _reserved = reader.u16()?;
    let length = reader.u64()?;
    let body = match body {
        0 => Body::None,
        1 if i64::try_from(length).is_ok() => Body::Length(length),
        2 => Body::Chunked,
        _ => return Err(LinkError::Malformed("body kind")),
    };
    let version = match version {
        0 => Version::Http10,
        1 => Version::Http11,
        2 => Version::Http2,
        _ => return Err(LinkError::Malformed("version")),
    };
    while !reader.0.is_empty() {
        let number = reader.u16()?;
        let key = if number == TEXT_KEY {
            let len = reader.u16()?;
            Err(reader.take(usize::from(len))?)
        } else {
            Ok(KnownId::new(usize::from(number)).ok_or(LinkError::Malformed("key number"))?)
        };
        let len = reader.u32()?;
        let value = Piece::Input(Span::of(reader.take(len as usize)?, input));
        match key {
            Ok(id) => vars.push_known(id, value),
            Err(text) => vars.push_piece(Piece::Input(Span::of(text, input)), value),
        }
    }
    let has = |flag: u8| flags & flag != 0;
    let (is_head, expect_continue, upgrade) = (has(IS_HEAD), has(EXPECT_CONTINUE), has(UPGRADE));
    Ok(Request { body, version, is_head, expect_continue, upgrade })
}

fn decode_hello(payload: &[u8]) -> Result<Hello, LinkError> {
    let mut reader = Reader(payload);
    if reader.u32()? != names::FINGERPRINT {
        return Err(LinkError::Build);
    }
    let hello = Hello { worker: reader.u32()?, core: reader.u32()?, pid: reader.u32()?, generation: reader.u32()? };
    reader.finish().map(|()| hello)
}

fn decode_response(frame: Frame, input: &[u8], limit: u32) -> Result<Option<(usize, Response<'_>)>, LinkError> {
    if (frame.length as usize) < RESPONSE_FIXED {
        return Err(TRUNCATED);
    }
    let Some(fixed) = input.get(FRAME_HEADER..FRAME_HEADER + RESPONSE_FIXED) else { return Ok(None) };
    let mut reader = Reader(fixed);
    let code = reader.u16()?;
    let status = usize::from(reader.u16()?);
    let lines = reader.u32()?;
    let content_length = u64::try_from(i64::from_le_bytes(reader.array()?)).ok();
    if lines > limit || status > limit as usize {
        return Err(LinkError::TooLong(lines));
    }
    let head = RESPONSE_FIXED + status + lines as usize;
    let inline = (frame.length as usize).checked_sub(head).and_then(|n| u32::try_from(n).ok()).ok_or(TRUNCATED)?;
    let used = FRAME_HEADER + head;
    let Some(text) = input.get(FRAME_HEADER + RESPONSE_FIXED..used) else { return Ok(None) };
    if !(100..=999).contains(&code) {
        return Err(LinkError::Malformed("status code"));
    }
    let (status, lines) = text.split_at_checked(status).ok_or(TRUNCATED)?;
    let has = |flag: u8| frame.flags & flag != 0;
    let response = Response {
        code,
        close: has(CLOSE),
        app_chunked: has(APP_CHUNKED),
        has_date: has(HAS_DATE),
        has_server: has(HAS_SERVER),
        switched: has(SWITCHED),
        content_length,
        last: has(LAST),
        inline,
        status,
        lines,
    };
    Ok(Some((used, response)))
}
