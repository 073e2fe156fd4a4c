//! The worker's answer in hyper's terms: its head checked and taken over, and a body that came as a whole.

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue, UPGRADE};
use http::{Response, StatusCode};
use hyper::ext::ReasonPhrase;
use rsgi_proto::http1::chunked::Chunked;

use super::failure::Failure;
use super::link::Head;

pub(super) const FRAMED_WRONGLY: &str = "the application framed its answer wrongly";
pub(super) const TOO_SHORT: &str = "the application sent less than its Content-Length";
pub(super) const BROKE_OFF: &str = "the application broke off its answer";

/// The head for hyper. What concerns the connection is ours to say, not the application's.
pub(super) fn begin(head: &Head) -> Result<Response<()>, Failure> {
    let bad = |what: &str| Failure::worker(502, format!("the worker sent a malformed answer: {what}"));
    let mut response = Response::new(());
    let status = StatusCode::from_u16(head.code).map_err(|_| bad("status"))?;
    *response.status_mut() = status;
    let reason = head.status.get(4..).unwrap_or_default();
    if !reason.is_empty() && status.canonical_reason().is_none_or(|known| known.as_bytes() != reason) {
        let reason = ReasonPhrase::try_from(head.status.slice_ref(reason)).map_err(|_| bad("reason"))?;
        response.extensions_mut().insert(reason);
    }
    let headers = response.headers_mut();
    headers.reserve(12);
    put_lines(headers, &head.lines).ok_or_else(|| bad("header"))?;
    if let Some(length) = head.content_length {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    if head.switched {
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    }
    if head.close {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response)
}

fn put_lines(headers: &mut HeaderMap, lines: &Bytes) -> Option<()> {
    let mut rest: &[u8] = lines;
    while !rest.is_empty() {
        let end = rest.windows(2).position(|pair| pair == b"\r\n")?;
        let (line, tail) = rest.split_at(end);
        rest = tail.get(2..)?;
        let colon = line.iter().position(|&byte| byte == b':')?;
        let (name, value) = line.split_at(colon);
        let name = HeaderName::from_bytes(name).ok()?;
        if matches!(name.as_str(), "connection" | "keep-alive" | "transfer-encoding" | "content-length" | "upgrade") {
            continue;
        }
        let value = lines.slice_ref(value.get(1..)?.trim_ascii());
        headers.try_append(name, HeaderValue::from_maybe_shared(value).ok()?).ok()?;
    }
    Some(())
}

/// A whole body as it goes out.
pub(super) fn whole(mut bytes: Bytes, head: &Head) -> Result<Bytes, Failure> {
    if head.app_chunked {
        let mut plain = Vec::with_capacity(bytes.len());
        let mut chunked = Chunked::new();
        let decoded = chunked.decode(&bytes, |piece| plain.extend_from_slice(piece));
        if decoded.is_err() || !chunked.is_done() {
            return Err(Failure::worker(502, FRAMED_WRONGLY));
        }
        bytes = plain.into();
    }
    if let Some(length) = head.content_length {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if length > bytes.len() {
            return Err(Failure::worker(502, TOO_SHORT));
        }
        bytes.truncate(length);
    }
    Ok(bytes)
}
