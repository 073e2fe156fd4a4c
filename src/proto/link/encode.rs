//! Appends frames to a buffer.

use super::{
    ABORT, ABORTED, APP_CHUNKED, BODY, BYE, CLOSE, CONTINUE, DATA, END, EXPECT_CONTINUE, FILE, FRAME_HEADER, File,
    HAS_DATE, HAS_SERVER, HEAD, HELLO, Hello, IS_HEAD, LAST, LEAVE, LinkError, RESPONSE, RESPONSE_FIXED, Request,
    Response, SWITCHED, TEXT_KEY, UPGRADE,
};
use crate::names;
use crate::vars::Var;
use crate::{Body, Version};

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
    let flags = flag(IS_HEAD, request.is_head)
        | flag(EXPECT_CONTINUE, request.expect_continue)
        | flag(UPGRADE, request.upgrade);
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

/// Appends a LEAVE frame.
pub fn encode_leave(out: &mut Vec<u8>) {
    put_frame(out, LEAVE, 0, 0);
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
        | flag(HAS_SERVER, response.has_server)
        | flag(SWITCHED, response.switched);
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

pub(super) fn put_frame(out: &mut Vec<u8>, kind: u8, flags: u8, length: u32) {
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
