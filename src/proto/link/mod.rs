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
//! router → worker   LEAVE                                      the router leaves: end what was switched to
//! worker → router   BYE                                        the core leaves; the router closes the link when it is idle
//! ```
//!
//! A HEAD with the flag UPGRADE offers another protocol. When the worker accepts, its RESPONSE has the flag SWITCHED, and from
//! then on BODY and DATA carry the bytes of that protocol both ways; each side ends its own with END. Until then the router
//! sends nothing after such a HEAD but an ABORT.

mod decode;
mod encode;
mod frame;
#[cfg(test)]
mod tests;

pub use decode::{RouterEnd, WorkerEnd};
pub use encode::{
    body_prefix, data_prefix, encode_abort, encode_body_end, encode_bye, encode_continue, encode_end, encode_file,
    encode_head, encode_hello, encode_leave, encode_response,
};

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
    /// The client offers to switch to a websocket, and the router can.
    pub upgrade: bool,
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
    /// The connection speaks the offered protocol from here on.
    pub switched: bool,
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
    /// The router leaves soon: the worker ends what the connection was switched to.
    Leave,
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
const LEAVE: u8 = 5;
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
const SWITCHED: u8 = 32;
/// Flags of HEAD.
const IS_HEAD: u8 = 1;
const EXPECT_CONTINUE: u8 = 2;
const UPGRADE: u8 = 4;

/// The key number that says "the key follows as text".
const TEXT_KEY: u16 = u16::MAX;

/// The fixed part of a RESPONSE: code, two lengths, Content-Length.
const RESPONSE_FIXED: usize = 16;
