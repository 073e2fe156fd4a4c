//! Frames between the router and one core of a worker, over a unix stream socket: one link is one core, and a link carries
//! one request at a time.
//!
//! A frame is `kind u8, flags u8, reserved u16 = 0, length u32`, then `length` bytes of payload; all numbers are little endian.
//! Bodies stream: a body frame may be any length, and its bytes are handed on as they come, so nobody buffers it.
//!
//! ```text
//! worker → router   HELLO                                      once, after connecting
//! router → worker   HEAD (BODY* END)?                          the second part when the request has a body
//! worker → router   CONTINUE? RESPONSE DATA* (END | FILE)      END is folded into RESPONSE or DATA by the flag LAST
//! router → worker   ABORT                                      the client went away; the worker still ends its answer
//! worker → router   BYE                                        the core leaves; the router closes the link when it is idle
//! ```

use crate::names::{self, KnownId};
use crate::vars::{Piece, Span, Var, Vars};
use crate::{Body, Version};

/// Size of a frame's header, bytes.
pub const FRAME_HEADER: usize = 8;

/// The request of a HEAD frame, without its variables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Request {
    /// How long the body is. With anything but [`Body::None`], BODY frames and an END follow.
    pub body: Body,
    /// Version of the request.
    pub version: Version,
    /// The method is HEAD: the router drops what the application sends as a body.
    pub is_head: bool,
    /// The client waits for `100 Continue` before it sends the body.
    pub expect_continue: bool,
}

/// What a worker says when it connects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hello {
    /// Number of the worker, 1….
    pub worker: u32,
    /// Number of the core, 0….
    pub core: u32,
    /// Process id of the worker.
    pub pid: u32,
    /// Generation of the worker.
    pub generation: u32,
}

/// The head of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Response<'a> {
    /// Status code, 100…999.
    pub code: u16,
    /// The application asked for the connection to be closed.
    pub close: bool,
    /// The application has framed its own body as chunked.
    pub app_chunked: bool,
    /// The application gave a Date header.
    pub has_date: bool,
    /// The application gave a Server header.
    pub has_server: bool,
    /// Value of the application's Content-Length.
    pub content_length: Option<u64>,
    /// The whole answer is in this frame: `inline` is the size of its body.
    pub last: bool,
    /// Bytes of body that follow in this frame, as [`ToRouter::Data`].
    pub inline: u32,
    /// Code and reason, e.g. `200 OK`.
    pub status: &'a [u8],
    /// `Name: value\r\n` for each header.
    pub lines: &'a [u8],
}

/// The part of a file that is the rest of an answer's body. Its descriptor comes with the frame by SCM_RIGHTS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct File {
    /// First byte.
    pub offset: u64,
    /// Number of bytes; `u64::MAX` is all there is.
    pub length: u64,
}

/// What the router sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ToWorker<'a> {
    /// A request begins; its variables have been put into the `Vars`, as spans into the input of this call.
    Head(Request),
    /// Some of its body.
    Body(&'a [u8]),
    /// The body is complete.
    End,
    /// The client is gone: the body ends early, and nobody reads the answer.
    Abort,
}

/// What a worker sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ToRouter<'a> {
    /// The link is open, its core idle.
    Hello(Hello),
    /// The application wants the body: tell the client to go on (`100 Continue`).
    Continue,
    /// The answer's head.
    Response(Response<'a>),
    /// Some of its body.
    Data(&'a [u8]),
    /// The rest of the body; the answer is complete and the core idle.
    File(File),
    /// The core leaves: send it nothing more, and close the link. A request that crossed this on its way is still answered.
    Bye,
    /// The answer is complete and the core idle. `aborted`: it broke off, so the client must see a truncated answer.
    End {
        /// The application failed after the head.
        aborted: bool,
    },
}

/// Why a link cannot go on. The other side is at fault (or of another version), and the link must be closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// A kind that this side does not take.
    #[error("unknown frame kind {0} on a link")]
    Kind(u8),
    /// A frame longer than allowed.
    #[error("link frame of {0} bytes is too long")]
    TooLong(u32),
    /// A payload that does not add up.
    #[error("malformed link frame: {0}")]
    Malformed(&'static str),
    /// The other side counts the known keys otherwise: it is another build.
    #[error("the link's other end is another build of rsgi")]
    Build,
}

const HEAD: u8 = 1;
const BODY: u8 = 2;
const END: u8 = 3;
const ABORT: u8 = 4;
const HELLO: u8 = 16;
const CONTINUE: u8 = 17;
const RESPONSE: u8 = 18;
const DATA: u8 = 19;
const FILE: u8 = 20;
const BYE: u8 = 21;

/// Flag of BODY, RESPONSE, DATA: an END is folded into this frame.
const LAST: u8 = 1;
/// Flag of END: the answer broke off.
const ABORTED: u8 = 2;
/// Flags of RESPONSE.
const CLOSE: u8 = 2;
const APP_CHUNKED: u8 = 4;
const HAS_DATE: u8 = 8;
const HAS_SERVER: u8 = 16;
/// Flags of HEAD.
const IS_HEAD: u8 = 1;
const EXPECT_CONTINUE: u8 = 2;

/// The key number that says "the key follows as text".
const TEXT_KEY: u16 = u16::MAX;

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

/// Between frames, or within one whose payload is handed on as it comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stream {
    Frame,
    Data { left: u32, last: bool },
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

/// Appends a HEAD frame.
///
/// # Errors
/// When the variables are too many or too long for a frame; `out` is unchanged then.
pub fn encode_head<'a>(
    out: &mut Vec<u8>,
    request: &Request,
    vars: impl Iterator<Item = Var<'a>>,
) -> Result<(), LinkError> {
    let start = out.len();
    let flags = flag(IS_HEAD, request.is_head) | flag(EXPECT_CONTINUE, request.expect_continue);
    put_frame(out, HEAD, flags, 0);
    let (body, length) = match request.body {
        Body::None => (0, 0),
        Body::Length(length) => (1, length),
        Body::Chunked => (2, 0),
    };
    let version = match request.version {
        Version::Http10 => 0,
        Version::Http11 => 1,
        Version::Http2 => 2,
    };
    out.extend_from_slice(&[body, version]);
    out.extend_from_slice(&0_u16.to_le_bytes());
    out.extend_from_slice(&length.to_le_bytes());
    for var in vars {
        if let Err(error) = put_var(out, &var) {
            out.truncate(start);
            return Err(error);
        }
    }
    patch_length(out, start)
}

/// Appends a BODY frame's header; `len` bytes of body go after it. `last` folds the END into it.
pub fn body_prefix(out: &mut Vec<u8>, len: u32, last: bool) {
    put_frame(out, BODY, flag(LAST, last), len);
}

/// Appends a router's END frame: the body is complete.
pub fn encode_body_end(out: &mut Vec<u8>) {
    put_frame(out, END, 0, 0);
}

/// Appends an ABORT frame.
pub fn encode_abort(out: &mut Vec<u8>) {
    put_frame(out, ABORT, 0, 0);
}

/// Appends a HELLO frame.
pub fn encode_hello(out: &mut Vec<u8>, hello: &Hello) {
    put_frame(out, HELLO, 0, 20);
    for number in [names::FINGERPRINT, hello.worker, hello.core, hello.pid, hello.generation] {
        out.extend_from_slice(&number.to_le_bytes());
    }
}

/// Appends a CONTINUE frame.
pub fn encode_continue(out: &mut Vec<u8>) {
    put_frame(out, CONTINUE, 0, 0);
}

/// Appends a RESPONSE frame; `response.inline` bytes of body go after it, so that head and body leave in one write.
///
/// # Errors
/// When the head is too long for a frame; `out` is unchanged then.
pub fn encode_response(out: &mut Vec<u8>, response: &Response<'_>) -> Result<(), LinkError> {
    let too_long = LinkError::Malformed("response head too long for a frame");
    let status = u16::try_from(response.status.len()).map_err(|_| too_long)?;
    let lines = u32::try_from(response.lines.len()).map_err(|_| too_long)?;
    let length = u32::try_from(RESPONSE_FIXED).ok();
    let length =
        length.and_then(|n| n.checked_add(u32::from(status))?.checked_add(lines)?.checked_add(response.inline));
    let flags = flag(LAST, response.last)
        | flag(CLOSE, response.close)
        | flag(APP_CHUNKED, response.app_chunked)
        | flag(HAS_DATE, response.has_date)
        | flag(HAS_SERVER, response.has_server);
    put_frame(out, RESPONSE, flags, length.ok_or(too_long)?);
    out.extend_from_slice(&response.code.to_le_bytes());
    out.extend_from_slice(&status.to_le_bytes());
    out.extend_from_slice(&lines.to_le_bytes());
    let content_length = response.content_length.and_then(|length| i64::try_from(length).ok()).unwrap_or(-1);
    out.extend_from_slice(&content_length.to_le_bytes());
    out.extend_from_slice(response.status);
    out.extend_from_slice(response.lines);
    Ok(())
}

/// Appends a DATA frame's header; `len` bytes of body go after it. `last` folds the END into it.
pub fn data_prefix(out: &mut Vec<u8>, len: u32, last: bool) {
    put_frame(out, DATA, flag(LAST, last), len);
}

/// Appends a FILE frame; its descriptor must be sent with the frame's first byte.
pub fn encode_file(out: &mut Vec<u8>, file: &File) {
    put_frame(out, FILE, 0, 16);
    out.extend_from_slice(&file.offset.to_le_bytes());
    out.extend_from_slice(&file.length.to_le_bytes());
}

/// Appends a BYE frame; only between two requests.
pub fn encode_bye(out: &mut Vec<u8>) {
    put_frame(out, BYE, 0, 0);
}

/// Appends a worker's END frame. `aborted`: the answer broke off.
pub fn encode_end(out: &mut Vec<u8>, aborted: bool) {
    put_frame(out, END, flag(ABORTED, aborted), 0);
}

/// `bit` when `on`.
const fn flag(bit: u8, on: bool) -> u8 {
    if on { bit } else { 0 }
}

fn put_frame(out: &mut Vec<u8>, kind: u8, flags: u8, length: u32) {
    out.extend_from_slice(&[kind, flags, 0, 0]);
    out.extend_from_slice(&length.to_le_bytes());
}

fn put_var(out: &mut Vec<u8>, var: &Var<'_>) -> Result<(), LinkError> {
    let too_long = LinkError::Malformed("variable too long for a frame");
    match var.known {
        Some(id) => out.extend_from_slice(&id.number().to_le_bytes()),
        None => {
            let len = u16::try_from(var.key.len()).map_err(|_| too_long)?;
            out.extend_from_slice(&TEXT_KEY.to_le_bytes());
            out.extend_from_slice(&len.to_le_bytes());
            out.extend_from_slice(var.key);
        }
    }
    let len = u32::try_from(var.value.len()).map_err(|_| too_long)?;
    out.extend_from_slice(&len.to_le_bytes());
    out.extend_from_slice(var.value);
    Ok(())
}

fn patch_length(out: &mut Vec<u8>, start: usize) -> Result<(), LinkError> {
    let payload = out.len() - start - FRAME_HEADER;
    match (u32::try_from(payload), out.get_mut(start + 4..start + FRAME_HEADER)) {
        (Ok(length), Some(field)) => {
            field.copy_from_slice(&length.to_le_bytes());
            Ok(())
        }
        _ => {
            out.truncate(start);
            Err(LinkError::Malformed("head too long for a frame"))
        }
    }
}

#[derive(Clone, Copy)]
struct Frame {
    kind: u8,
    flags: u8,
    length: u32,
}

impl Frame {
    fn peek(input: &[u8]) -> Result<Option<Self>, LinkError> {
        let Some(&[kind, flags, r0, r1, a, b, c, d]) = input.first_chunk() else { return Ok(None) };
        if (r0, r1) != (0, 0) {
            return Err(LinkError::Malformed("reserved field is not 0"));
        }
        Ok(Some(Self { kind, flags, length: u32::from_le_bytes([a, b, c, d]) }))
    }

    /// Size and payload of a frame that must be there as a whole.
    fn whole(self, input: &[u8], limit: u32) -> Result<Option<(usize, &[u8])>, LinkError> {
        if self.length > limit {
            return Err(LinkError::TooLong(self.length));
        }
        let used = FRAME_HEADER + self.length as usize;
        Ok(input.get(FRAME_HEADER..used).map(|payload| (used, payload)))
    }

    fn empty(self) -> Result<usize, LinkError> {
        if self.length == 0 { Ok(FRAME_HEADER) } else { Err(LinkError::Malformed("payload where none belongs")) }
    }
}

impl Stream {
    /// Within a streamed frame: the next bytes, or its folded END as `None`; the outer `None` when a new frame is due.
    #[allow(clippy::type_complexity)]
    fn step<'a>(&mut self, input: &'a [u8]) -> Option<Option<(usize, Option<&'a [u8]>)>> {
        let Self::Data { left, last } = *self else { return None };
        if left == 0 {
            *self = Self::Frame;
            return last.then_some(Some((0, None)));
        }
        let take = input.len().min(left as usize);
        let Some(data) = input.get(..take).filter(|data| !data.is_empty()) else { return Some(None) };
        *self = Self::Data { left: left - u32::try_from(take).unwrap_or(left), last };
        Some(Some((take, Some(data))))
    }

    /// The first bytes of a streamed frame whose header `input` begins with; none is a proper answer too.
    fn first<'a>(&mut self, input: &'a [u8]) -> (usize, Option<&'a [u8]>) {
        match self.step(input.get(FRAME_HEADER..).unwrap_or_default()) {
            Some(Some((used, data))) => (FRAME_HEADER + used, data),
            Some(None) | None => (FRAME_HEADER, Some(&[])),
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
    Ok(Request { body, version, is_head: flags & IS_HEAD != 0, expect_continue: flags & EXPECT_CONTINUE != 0 })
}

fn decode_hello(payload: &[u8]) -> Result<Hello, LinkError> {
    let mut reader = Reader(payload);
    if reader.u32()? != names::FINGERPRINT {
        return Err(LinkError::Build);
    }
    let hello = Hello { worker: reader.u32()?, core: reader.u32()?, pid: reader.u32()?, generation: reader.u32()? };
    reader.finish().map(|()| hello)
}

/// Code, two lengths, Content-Length.
const RESPONSE_FIXED: usize = 16;

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
        content_length,
        last: has(LAST),
        inline,
        status,
        lines,
    };
    Ok(Some((used, response)))
}

const TRUNCATED: LinkError = LinkError::Malformed("payload too short");

/// Reads numbers off the front of a payload.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], LinkError> {
        let (array, rest) = self.0.split_first_chunk().ok_or(TRUNCATED)?;
        self.0 = rest;
        Ok(*array)
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], LinkError> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or(TRUNCATED)?;
        self.0 = rest;
        Ok(taken)
    }

    fn u8(&mut self) -> Result<u8, LinkError> {
        self.array().map(|[byte]| byte)
    }

    fn u16(&mut self) -> Result<u16, LinkError> {
        self.array().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Result<u32, LinkError> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, LinkError> {
        self.array().map(u64::from_le_bytes)
    }

    fn finish(&self) -> Result<(), LinkError> {
        if self.0.is_empty() { Ok(()) } else { Err(LinkError::Malformed("payload too long")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: u32 = 4096;

    const REQUEST: Request =
        Request { body: Body::Length(5), version: Version::Http11, is_head: false, expect_continue: true };

    const RESPONSE_200: Response<'_> = Response {
        code: 200,
        close: false,
        app_chunked: false,
        has_date: true,
        has_server: false,
        content_length: Some(5),
        last: true,
        inline: 5,
        status: b"200 OK",
        lines: b"Content-Length: 5\r\nDate: x\r\n",
    };

    fn vars() -> Vars {
        let mut vars = Vars::new();
        vars.push_text(names::REQUEST_METHOD, b"POST");
        vars.push_text(names::SCRIPT_NAME, b"");
        vars.push_key(b"HTTP_X_ODD", b"\xff\x00");
        vars.push_key(b"HTTP_HOST", &[b'h'; 300]);
        vars
    }

    /// What a worker's end understands of a stream that comes in pieces of `size` bytes, neighbouring pieces of a body joined.
    fn worker_end(stream: &[u8], size: usize) -> Result<Vec<String>, LinkError> {
        let (mut end, mut vars) = (WorkerEnd::new(LIMIT), Vars::new());
        let (mut buffer, mut events, mut body) = (Vec::new(), Vec::new(), Vec::new());
        for piece in stream.chunks(size) {
            buffer.extend_from_slice(piece);
            while let Some((used, event)) = end.decode(&buffer, &mut vars)? {
                if !matches!(event, ToWorker::Body(_)) && !body.is_empty() {
                    events.push(format!("body {}", body.escape_ascii()));
                    body.clear();
                }
                match event {
                    ToWorker::Head(request) => {
                        let vars = vars
                            .iter(&buffer)
                            .map(|var| (var.known, var.key.len(), var.value.escape_ascii().to_string()));
                        events.push(format!("{request:?} {:?}", vars.collect::<Vec<_>>()));
                    }
                    ToWorker::Body(data) => body.extend_from_slice(data),
                    other => events.push(format!("{other:?}")),
                }
                buffer.drain(..used);
            }
        }
        if !body.is_empty() {
            events.push(format!("body {} …", body.escape_ascii()));
        }
        Ok(events)
    }

    fn router_end(stream: &[u8], size: usize) -> Result<Vec<String>, LinkError> {
        let mut end = RouterEnd::new(LIMIT);
        let (mut buffer, mut events, mut body) = (Vec::new(), Vec::new(), Vec::new());
        for piece in stream.chunks(size) {
            buffer.extend_from_slice(piece);
            while let Some((used, event)) = end.decode(&buffer)? {
                if !matches!(event, ToRouter::Data(_)) && !body.is_empty() {
                    events.push(format!("data {}", body.escape_ascii()));
                    body.clear();
                }
                match event {
                    ToRouter::Data(data) => body.extend_from_slice(data),
                    other => events.push(format!("{other:?}")),
                }
                buffer.drain(..used);
            }
        }
        if !body.is_empty() {
            events.push(format!("data {} …", body.escape_ascii()));
        }
        Ok(events)
    }

    fn same_in_all_sizes(
        stream: &[u8],
        run: fn(&[u8], usize) -> Result<Vec<String>, LinkError>,
    ) -> Result<Vec<String>, LinkError> {
        let whole = run(stream, stream.len().max(1));
        for size in 1..stream.len() {
            assert_eq!(run(stream, size), whole, "in pieces of {size}");
        }
        whole
    }

    #[test]
    fn requests_cross_the_link() {
        let mut stream = Vec::new();
        encode_head(&mut stream, &REQUEST, vars().iter(&[])).expect("fits");
        body_prefix(&mut stream, 3, false);
        stream.extend_from_slice(b"abc");
        body_prefix(&mut stream, 0, false);
        body_prefix(&mut stream, 2, true);
        stream.extend_from_slice(b"de");
        let next = Request { is_head: true, version: Version::Http10, ..Request::default() };
        encode_head(&mut stream, &next, Vars::new().iter(&[])).expect("fits");
        encode_abort(&mut stream);
        encode_head(&mut stream, &Request { body: Body::Chunked, ..Request::default() }, vars().iter(&[]).take(1))
            .expect("fits");
        encode_body_end(&mut stream);
        body_prefix(&mut stream, 0, true);

        let odd = "(None, 10, \"\\\\xff\\\\x00\")";
        let host = format!("(Some(HTTP_HOST), 9, \"{}\")", "h".repeat(300));
        let method = "(Some(REQUEST_METHOD), 14, \"POST\")";
        let script = "(Some(SCRIPT_NAME), 11, \"\")";
        let expected = [
            format!("{REQUEST:?} [{method}, {script}, {odd}, {host}]"),
            "body abcde".to_owned(),
            "End".to_owned(),
            format!("{next:?} []"),
            "Abort".to_owned(),
            format!("{:?} [{method}]", Request { body: Body::Chunked, ..Request::default() }),
            "End".to_owned(),
            "End".to_owned(),
        ];
        assert_eq!(same_in_all_sizes(&stream, worker_end).expect("legal"), expected);
    }

    #[test]
    fn answers_cross_the_link() {
        let mut stream = Vec::new();
        let hello = Hello { worker: 1, core: 2, pid: 3, generation: 4 };
        encode_hello(&mut stream, &hello);
        encode_continue(&mut stream);
        encode_response(&mut stream, &RESPONSE_200).expect("fits");
        stream.extend_from_slice(b"hello");
        let streamed = Response {
            last: false,
            inline: 0,
            content_length: None,
            has_server: true,
            close: true,
            app_chunked: true,
            ..RESPONSE_200
        };
        encode_response(&mut stream, &streamed).expect("fits");
        data_prefix(&mut stream, 2, false);
        stream.extend_from_slice(b"ab");
        data_prefix(&mut stream, 0, false);
        data_prefix(&mut stream, 1, true);
        stream.extend_from_slice(b"c");
        let empty = Response { inline: 0, status: b"204 No Content", lines: b"", code: 204, ..RESPONSE_200 };
        encode_response(&mut stream, &empty).expect("fits");
        encode_response(&mut stream, &streamed).expect("fits");
        let file = File { offset: 7, length: u64::MAX };
        encode_file(&mut stream, &file);
        encode_response(&mut stream, &streamed).expect("fits");
        encode_end(&mut stream, true);
        encode_end(&mut stream, false);
        encode_bye(&mut stream);

        let end = "End { aborted: false }".to_owned();
        let expected = [
            format!("{:?}", ToRouter::Hello(hello)),
            "Continue".to_owned(),
            format!("{:?}", ToRouter::Response(RESPONSE_200)),
            "data hello".to_owned(),
            end.clone(),
            format!("{:?}", ToRouter::Response(streamed)),
            "data abc".to_owned(),
            end.clone(),
            format!("{:?}", ToRouter::Response(empty)),
            end.clone(),
            format!("{:?}", ToRouter::Response(streamed)),
            format!("{:?}", ToRouter::File(file)),
            format!("{:?}", ToRouter::Response(streamed)),
            "End { aborted: true }".to_owned(),
            end,
            "Bye".to_owned(),
        ];
        assert_eq!(same_in_all_sizes(&stream, router_end).expect("legal"), expected);
    }

    #[test]
    fn bodies_are_handed_on_before_their_frame_is_complete() {
        let mut stream = Vec::new();
        data_prefix(&mut stream, u32::MAX, true);
        stream.extend_from_slice(b"abc");
        let mut end = RouterEnd::new(LIMIT);
        assert_eq!(end.decode(&stream), Ok(Some((11, ToRouter::Data(b"abc")))));
        assert_eq!(end.decode(b""), Ok(None));
        assert_eq!(end.decode(b"de"), Ok(Some((2, ToRouter::Data(b"de")))));
    }

    #[test]
    fn wrong_frames_are_refused() {
        let frame = |kind: u8, length: u32, payload: &[u8]| {
            let mut frame = Vec::new();
            put_frame(&mut frame, kind, 0, length);
            frame.extend_from_slice(payload);
            frame
        };
        let malformed = |result: Result<_, LinkError>| matches!(result, Err(LinkError::Malformed(_)));
        for kind in [0, HELLO, CONTINUE, RESPONSE, DATA, FILE, 99, 255] {
            assert_eq!(worker_end(&frame(kind, 0, b""), 99), Err(LinkError::Kind(kind)));
        }
        for kind in [0, HEAD, BODY, ABORT, 99] {
            assert_eq!(router_end(&frame(kind, 0, b""), 99), Err(LinkError::Kind(kind)));
        }
        for (kind, run) in [
            (END, worker_end as fn(&[u8], usize) -> _),
            (ABORT, worker_end),
            (END, router_end),
            (CONTINUE, router_end),
            (BYE, router_end),
        ] {
            assert!(malformed(run(&frame(kind, 1, b"x"), 99)), "{kind} has no payload");
        }
        assert!(malformed(worker_end(b"\x03\x00\x01\x00\x00\x00\x00\x00", 99)), "reserved");
        assert_eq!(worker_end(&frame(HEAD, LIMIT + 1, b""), 99), Err(LinkError::TooLong(LIMIT + 1)));
        assert_eq!(worker_end(&frame(HEAD, LIMIT, b""), 99), Ok(vec![]), "waits for the rest");
        for length in 0..12 {
            assert!(malformed(worker_end(&frame(HEAD, length, &[0; 12][..length as usize]), 99)), "{length}");
        }
        let head = |body: u8, version: u8, length: u64, vars: &[u8]| {
            let mut payload = vec![body, version, 0, 0];
            payload.extend_from_slice(&length.to_le_bytes());
            payload.extend_from_slice(vars);
            worker_end(&frame(HEAD, u32::try_from(payload.len()).expect("short"), &payload), 99)
        };
        assert!(head(0, 0, 0, b"").is_ok());
        assert!(malformed(head(3, 0, 0, b"")), "body kind");
        assert!(malformed(head(0, 3, 0, b"")), "version");
        assert!(malformed(head(1, 0, u64::MAX, b"")), "body beyond 63 bits");
        assert!(malformed(head(0, 0, 0, b"\xfe\xff\x00\x00\x00\x00")), "key number");
        assert!(malformed(head(0, 0, 0, b"\x00")), "half a number");
        assert!(malformed(head(0, 0, 0, b"\x00\x00\x01\x00\x00\x00")), "value past the end");
        assert!(malformed(head(0, 0, 0, b"\xff\xff\x05\x00ab")), "key past the end");

        let mut hello = Vec::new();
        encode_hello(&mut hello, &Hello { worker: 1, core: 0, pid: 1, generation: 0 });
        hello[FRAME_HEADER] ^= 1;
        assert_eq!(router_end(&hello, 99), Err(LinkError::Build));
        assert!(malformed(router_end(&frame(HELLO, 3, b"abc"), 99)));
        assert_eq!(router_end(&frame(HELLO, 65, b""), 99), Err(LinkError::TooLong(65)));
        assert!(malformed(router_end(&frame(FILE, 15, &[0; 15]), 99)));
        assert!(malformed(router_end(&frame(RESPONSE, 15, b""), 99)), "shorter than its fixed part");
        let mut response = Vec::new();
        encode_response(&mut response, &Response { code: 99, ..RESPONSE_200 }).expect("fits");
        assert!(malformed(router_end(&response, 99)), "code");
        let long = vec![b'x'; LIMIT as usize + 1];
        response.clear();
        encode_response(&mut response, &Response { lines: &long, ..RESPONSE_200 }).expect("fits");
        assert_eq!(router_end(&response, 99_999), Err(LinkError::TooLong(LIMIT + 1)));
    }

    #[test]
    fn what_does_not_fit_is_not_encoded() {
        let long = vec![b'k'; 65_536];
        let mut vars = Vars::new();
        vars.push_key(b"A", b"b");
        vars.push_key(&long, b"");
        let mut out = b"kept".to_vec();
        assert!(encode_head(&mut out, &REQUEST, vars.iter(&[])).is_err());
        assert_eq!(out, b"kept");
        assert!(encode_response(&mut out, &Response { status: &long, ..RESPONSE_200 }).is_err());
        assert!(encode_response(&mut out, &Response { inline: u32::MAX, ..RESPONSE_200 }).is_err());
        assert_eq!(out, b"kept");
    }

    #[test]
    fn random_changes_never_panic() {
        let mut seed = Vec::new();
        encode_head(&mut seed, &REQUEST, vars().iter(&[]).take(3)).expect("fits");
        body_prefix(&mut seed, 3, true);
        seed.extend_from_slice(b"abc");
        let mut answers = Vec::new();
        encode_hello(&mut answers, &Hello { worker: 1, core: 2, pid: 3, generation: 4 });
        encode_response(&mut answers, &RESPONSE_200).expect("fits");
        answers.extend_from_slice(b"hello");
        encode_file(&mut answers, &File { offset: 7, length: 8 });
        let mut random = crate::random::Random::new(5);
        for _ in 0..1000 {
            for (seed, run) in [(&seed, worker_end as fn(&[u8], usize) -> _), (&answers, router_end)] {
                let mut input = seed.clone();
                for _ in 0..=random.below(3) {
                    let at = random.below(input.len());
                    input[at] = u8::try_from(random.below(256)).expect("a byte");
                }
                let whole = run(&input, input.len());
                assert_eq!(run(&input, 1), whole, "{}", input.escape_ascii());
                assert_eq!(run(&input, 7), whole, "{}", input.escape_ascii());
            }
        }
    }
}
