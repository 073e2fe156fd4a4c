//! A request's head from HTTP/2, told in HTTP/1 to the decoder that all front doors use: so they agree on every byte.

use bytes::BytesMut;
use http::header::{CONTENT_LENGTH, COOKIE, EXPECT, HOST};
use http::request::Parts;
use rsgi_proto::Version;
use rsgi_proto::http1::Reject;

use super::super::client::Client;
use super::super::ticket::{self, Ticket};

/// Makes the ticket. `has_body`: the head has not ended the request.
pub(super) fn ticket(client: &Client, parts: &Parts, has_body: bool) -> Result<Ticket, Reject> {
    let mut text = write(parts, has_body)?;
    let limits = &client.shop.settings.head;
    ticket::decode(client, &mut text, limits, Some(Version::Http2))?
        .ok_or(Reject::new(400, "request head without an end"))
}

fn write(parts: &Parts, has_body: bool) -> Result<BytesMut, Reject> {
    let target = parts.uri.path_and_query().ok_or(Reject::new(501, "CONNECT is not served"))?;
    let mut text = BytesMut::with_capacity(1024);
    for part in [parts.method.as_str(), " ", target.as_str(), " HTTP/1.1\r\n"] {
        text.extend_from_slice(part.as_bytes());
    }
    if parts.uri.scheme_str().is_some_and(|scheme| !["https", "http"].contains(&scheme)) {
        return Err(Reject::new(400, "the scheme is neither https nor http"));
    }
    let headers = &parts.headers;
    let mut hosts = headers.get_all(HOST).iter().map(http::HeaderValue::as_bytes);
    match parts.uri.authority().map(|authority| authority.as_str().as_bytes()) {
        Some(authority) => {
            if hosts.any(|host| !host.eq_ignore_ascii_case(authority)) {
                return Err(Reject::new(400, "Host and :authority differ"));
            }
            put(&mut text, b"host", authority);
        }
        None => hosts.for_each(|host| put(&mut text, b"host", host)),
    }
    // Who announces nothing and does not end its request may send something all the same: that has to be waited for.
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter().map(http::HeaderValue::as_bytes);
    let is_nothing = |length: &[u8]| !length.is_empty() && length.iter().all(|&digit| digit == b'0');
    let is_open = has_body
        && match (lengths.next(), lengths.next()) {
            (None, _) => true,
            (Some(length), None) => is_nothing(length),
            (Some(_), Some(_)) => false,
        };
    for (name, value) in headers {
        if *name == CONTENT_LENGTH && is_open {
            continue;
        }
        // Hyper cannot tell a client of HTTP/2 to go on. Such a client sends its body all the same, after a while.
        let is_expected = *name == EXPECT && value.as_bytes().eq_ignore_ascii_case(b"100-continue");
        if ![HOST, COOKIE].contains(name) && !is_expected {
            put(&mut text, name.as_str().as_bytes(), value.as_bytes());
        }
    }
    // HTTP/2 may send the cookies one by one (RFC 9113, section 8.2.3).
    let crumbs: Vec<_> = headers.get_all(COOKIE).iter().map(http::HeaderValue::as_bytes).collect();
    if !crumbs.is_empty() {
        put(&mut text, b"cookie", &crumbs.join(&b"; "[..]));
    }
    if is_open {
        put(&mut text, b"transfer-encoding", b"chunked");
    }
    text.extend_from_slice(b"\r\n");
    Ok(text)
}

fn put(text: &mut BytesMut, name: &[u8], value: &[u8]) {
    for part in [name, b": ", value, b"\r\n"] {
        text.extend_from_slice(part);
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn written(request: http::request::Builder, has_body: bool) -> Result<String, Reject> {
        let (parts, ()) = request.body(()).unwrap().into_parts();
        write(&parts, has_body).map(|text| String::from_utf8(text.to_vec()).unwrap())
    }

    #[test]
    fn a_head_is_told_in_http1() {
        let request = Request::get("https://example.org/a%20b?c=d");
        let request = request.header("cookie", "a=1").header("accept", "*/*").header("cookie", "b=2");
        let text = "GET /a%20b?c=d HTTP/1.1\r\nhost: example.org\r\naccept: */*\r\ncookie: a=1; b=2\r\n\r\n";
        assert_eq!(written(request, false).unwrap(), text);
    }

    #[test]
    fn a_body_without_length_is_in_chunks() {
        let text = "POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n";
        assert_eq!(written(Request::post("https://h/"), true).unwrap(), text);
        assert_eq!(written(Request::post("https://h/").header("content-length", 0), true).unwrap(), text);
        let text = "POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 0\r\n\r\n";
        assert_eq!(written(Request::post("https://h/").header("content-length", 0), false).unwrap(), text);
        let text = "POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 3\r\n\r\n";
        assert_eq!(written(Request::post("https://h/").header("content-length", 3), true).unwrap(), text);
    }

    #[test]
    fn what_cannot_be_expected_is_left_to_the_decoder() {
        let expecting = |what| written(Request::get("https://h/").header("expect", what), false).unwrap();
        assert_eq!(expecting("100-Continue"), "GET / HTTP/1.1\r\nhost: h\r\n\r\n");
        assert_eq!(expecting("a-miracle"), "GET / HTTP/1.1\r\nhost: h\r\nexpect: a-miracle\r\n\r\n");
    }

    #[test]
    fn other_schemes_are_refused() {
        assert!(written(Request::get("http://h/"), false).is_ok());
        assert_eq!(written(Request::get("ftp://h/"), false).unwrap_err().status, 400);
    }

    #[test]
    fn two_hosts_must_be_one() {
        assert!(written(Request::get("https://a/").header("host", "A"), false).is_ok());
        let reject = written(Request::get("https://a/").header("host", "b"), false).unwrap_err();
        assert_eq!((reject.status, reject.reason), (400, "Host and :authority differ"));
    }
}
