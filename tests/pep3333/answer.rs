//! An answer through any door, and how it ended.

use super::door::Door;
use crate::support::response::parse_head;
use crate::support::{Client, Response, fastcgi};

/// What a client can tell of an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    Whole,
    Broken,
    /// The uwsgi protocol has no sign of it unless there is a Content-Length.
    Untold,
}

/// Reads everything up to the end of the connection; `None` when not even a head has come.
pub(super) fn read_to_the_end(door: Door, client: &mut Client, is_head: bool) -> Option<(Response, Ending)> {
    let raw = client.rest();
    let (raw, ended) = match door {
        Door::Fastcgi => fastcgi::answer(&raw),
        Door::HttpSocket | Door::Router | Door::Uwsgi => (raw, false),
    };
    let end = raw.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head: String = raw[..end].iter().map(|&byte| char::from(byte)).collect();
    let head = head.strip_prefix("Status:").map_or_else(|| head.clone(), |rest| format!("HTTP/1.1{rest}"));
    let mut response = parse_head(&head);
    response.body = raw[end..].to_vec();
    let is_empty = is_head || matches!(response.status, 204 | 304);
    let length = response.header("content-length").map(|length| length.parse::<usize>().expect("a length"));
    let ending = if is_empty {
        assert_eq!(response.body, b"", "an answer that has no body");
        Ending::Whole
    } else if let Some(length) = length {
        assert!(response.body.len() <= length, "{} bytes, {length} announced", response.body.len());
        if response.body.len() == length { Ending::Whole } else { Ending::Broken }
    } else if response.header("transfer-encoding") == Some("chunked") {
        let (body, is_whole) = unchunk(&response.body);
        response.body = body;
        if is_whole { Ending::Whole } else { Ending::Broken }
    } else {
        Ending::Untold
    };
    let ending = match door {
        Door::Fastcgi => {
            assert!(ended || ending != Ending::Whole, "a whole answer without its END_REQUEST");
            if ended { Ending::Whole } else { Ending::Broken }
        }
        Door::HttpSocket | Door::Router | Door::Uwsgi => ending,
    };
    Some((response, ending))
}

/// What the chunks hold, and whether the last one is there.
fn unchunk(mut raw: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    while let Some(line) = raw.windows(2).position(|window| window == b"\r\n") {
        let size = std::str::from_utf8(&raw[..line]).ok().and_then(|size| usize::from_str_radix(size, 16).ok());
        let size = size.unwrap_or_else(|| panic!("chunk size {:?}", String::from_utf8_lossy(&raw[..line])));
        let Some(chunk) = raw.get(line + 2..line + 2 + size) else { break };
        if size == 0 {
            return (body, true);
        }
        body.extend_from_slice(chunk);
        raw = raw.get(line + size + 4..).unwrap_or_default();
    }
    (body, false)
}
