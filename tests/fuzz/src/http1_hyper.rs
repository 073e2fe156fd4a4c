//! A connection's bytes as hyper reads them, and as our decoders do: whatever both take for a request is the same request, with the
//! same body. Two parties that disagree there could be made to see different requests.

use std::cell::RefCell;
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::rt::ReadBufCursor;
use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;
use hyper::{Request, Response};
use rsgi_proto::http1::chunked::Chunked;
use rsgi_proto::http1::request::{Head, Peer, decode};
use rsgi_proto::http1::{Limits, Underscores};
use rsgi_proto::vars::Vars;
use rsgi_proto::{Body, Progress, names};

const PEER: Peer<'_> =
    Peer { server_name: b"box", server_port: b"80", remote_addr: b"", remote_port: None, https: false };
const LIMITS: Limits = Limits { head: 65536, fields: 100, underscores: Underscores::Keep };
/// Times that hyper is asked to go on; it needs a few for each request.
const PATIENCE: usize = 100_000;

/// What a request is to its reader.
#[derive(Debug, PartialEq, Eq)]
struct Message {
    method: Vec<u8>,
    target: Vec<u8>,
    body: Vec<u8>,
}

pub(crate) fn run(input: &[u8]) {
    let (ours, theirs) = (ours(input), theirs(input));
    for (ours, theirs) in ours.iter().zip(&theirs) {
        assert_eq!(ours, theirs);
    }
}

/// The requests up to the first that is not whole or not proper, or that ends the connection.
fn ours(mut input: &[u8]) -> Vec<Message> {
    let (mut messages, mut vars) = (Vec::new(), Vars::new());
    loop {
        let mut head = Head::default();
        if decode(input, &PEER, &LIMITS, &mut vars, &mut head) != Ok(Progress::Done) {
            return messages;
        }
        let var = |id| vars.get(input, id).unwrap_or_default().to_vec();
        let (method, target) = (var(names::REQUEST_METHOD), var(names::REQUEST_URI));
        let rest = &input[head.consumed..];
        let mut body = Vec::new();
        let used = match head.body {
            Body::None => 0,
            Body::Length(length) => match usize::try_from(length).ok().and_then(|length| rest.get(..length)) {
                Some(whole) => {
                    body.extend_from_slice(whole);
                    whole.len()
                }
                None => return messages,
            },
            Body::Chunked => {
                let mut chunked = Chunked::new();
                match chunked.decode(rest, |data| body.extend_from_slice(data)) {
                    Ok(used) if chunked.is_done() => used,
                    _ => return messages,
                }
            }
        };
        messages.push(Message { method, target: normal(target), body });
        if !head.keep_alive || head.upgrade {
            return messages;
        }
        input = &rest[used..];
    }
}

/// As hyper prints a target in absolute form: with the slash that stands for no path.
fn normal(target: Vec<u8>) -> Vec<u8> {
    let uri = hyper::Uri::try_from(target.as_slice()).ok().filter(|_| !target.starts_with(b"/"));
    uri.map_or(target, |uri| uri.to_string().into_bytes())
}

/// The same as hyper has it.
fn theirs(input: &[u8]) -> Vec<Message> {
    let messages = RefCell::new(Vec::new());
    let is_over = RefCell::new(false);
    let service = service_fn(|request: Request<Incoming>| {
        let (messages, is_over) = (&messages, &is_over);
        async move {
            let (parts, body) = request.into_parts();
            // What follows a request whose body is broken is none.
            match body.collect().await {
                Ok(body) if !*is_over.borrow() => messages.borrow_mut().push(Message {
                    method: parts.method.as_str().as_bytes().to_vec(),
                    target: parts.uri.to_string().into_bytes(),
                    body: body.to_bytes().to_vec(),
                }),
                _ => *is_over.borrow_mut() = true,
            }
            Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
        }
    });
    let mut http = Builder::new();
    http.half_close(true).max_buf_size(128 * 1024);
    let mut connection = pin!(http.serve_connection(Wire(input.to_vec(), 0), service));
    let mut context = Context::from_waker(Waker::noop());
    let ended = (0..PATIENCE).any(|_| connection.as_mut().poll(&mut context).is_ready());
    assert!(ended, "hyper goes on for ever");
    messages.take()
}

/// A client that has sent all it will, and takes whatever comes.
struct Wire(Vec<u8>, usize);

impl hyper::rt::Read for Wire {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, mut cursor: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        let rest = self.0.get(self.1..).unwrap_or_default();
        let take = rest.len().min(cursor.remaining());
        cursor.put_slice(&rest[..take]);
        self.1 += take;
        Poll::Ready(Ok(()))
    }
}

impl hyper::rt::Write for Wire {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
