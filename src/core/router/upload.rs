//! The request body's way to the worker: small ones are read before a core is taken, the rest flows as the worker reads.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http_body::Body as _;
use hyper::body::Incoming;
use rsgi_proto::http1::Reject;
use rsgi_proto::link;
use rsgi_proto::{Body, Version};

use super::client::Client;
use super::failure::Failure;
use super::ticket::Ticket;

/// So much of a body is read before a core is asked for: a slow sender of a small body does not hold a core.
pub(super) const AHEAD: usize = 64 * 1024;

const BROKEN_OFF: &str = "the request body broke off";

/// A request body and how far it is.
#[derive(Debug)]
pub(super) enum Upload {
    /// There is none, or all of it is on its way.
    Done,
    /// It will never be complete.
    Broken,
    /// The client waits for `100 Continue`, which the worker must ask for.
    Held(Source),
    /// It comes.
    Flowing(Source),
}

/// Where it comes from.
#[derive(Debug)]
pub(super) struct Source {
    body: Incoming,
    /// Bytes that may still come.
    allowed: u64,
    /// The body ends by a frame that says so, and not by a stream that is taken back.
    is_framed: bool,
}

impl Source {
    pub(super) fn new(body: Incoming, limit: Option<u64>, version: Version) -> Self {
        Self { body, allowed: limit.unwrap_or(u64::MAX), is_framed: version == Version::Http2 }
    }

    /// The next piece, and whether it is the last. `None`: the end, which no piece announced.
    fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<(Bytes, bool)>, Failure>> {
        loop {
            let frame = match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                // To hyper a stream that is reset without an error is one that has ended.
                None if self.is_framed && !self.body.is_end_stream() => {
                    return Poll::Ready(Err(Failure::client(400, BROKEN_OFF)));
                }
                None => return Poll::Ready(Ok(None)),
                Some(Err(error)) => return Poll::Ready(Err(broken(&error))),
                Some(Ok(frame)) => frame,
            };
            // Trailers are dropped.
            let Ok(data) = frame.into_data() else { continue };
            let Some(allowed) = self.allowed.checked_sub(data.remaining() as u64) else {
                return Poll::Ready(Err(Failure::client(413, "the request body is too large")));
            };
            self.allowed = allowed;
            if !data.is_empty() {
                return Poll::Ready(Ok(Some((data, self.body.is_end_stream()))));
            }
        }
    }
}

impl Upload {
    /// Looks at a request before a core is taken for it.
    ///
    /// # Errors
    /// 413 when it announces a body that is too large.
    pub(super) fn admit(client: &Client, ticket: &Ticket, body: Incoming) -> Result<Self, Failure> {
        let settings = &client.shop.settings;
        let length = match ticket.head.body {
            Body::None | Body::Length(0) => return Ok(Self::Done),
            Body::Length(length) => Some(length),
            Body::Chunked => None,
        };
        let expects = ticket.head.expect_continue;
        let managed = settings.manage_expect.filter(|limit| expects && *limit > 0);
        let limit = settings.body.into_iter().chain(managed).min();
        if length.zip(limit).is_some_and(|(length, limit)| length > limit) {
            return Err(Failure::client(413, "the request body is too large"));
        }
        let source = Source::new(body, limit, ticket.head.version);
        Ok(if expects && settings.manage_expect.is_none() { Self::Held(source) } else { Self::Flowing(source) })
    }

    /// Appends the next piece to `out` as frames.
    pub(super) fn poll_frames(
        &mut self,
        client: &Client,
        context: &mut Context<'_>,
        out: &mut Vec<u8>,
    ) -> Poll<Result<(), Failure>> {
        let Self::Flowing(source) = self else { return Poll::Pending };
        let Poll::Ready(piece) = source.poll_piece(context) else {
            client.awaits();
            return Poll::Pending;
        };
        match piece {
            Ok(Some((data, last))) => {
                client.receives(data.len() as u64);
                let len = u32::try_from(data.len()).expect("a piece is no longer than hyper's buffer");
                link::body_prefix(out, len, last);
                out.extend_from_slice(&data);
                if last {
                    *self = Self::Done;
                }
            }
            Ok(None) => {
                client.lets_wait();
                link::encode_body_end(out);
                *self = Self::Done;
            }
            Err(failure) => {
                *self = Self::Broken;
                return Poll::Ready(Err(failure));
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Reads ahead: until the body is complete, or so much is there that a core is worth taking.
    pub(super) async fn read_ahead(&mut self, client: &Client, out: &mut Vec<u8>) -> Result<(), Failure> {
        let full = out.len() + AHEAD;
        while matches!(self, Self::Flowing(_)) && out.len() < full {
            poll_fn(|context| {
                if let Poll::Ready(result) = self.poll_frames(client, context, out) {
                    return Poll::Ready(result);
                }
                if client.take_expired() {
                    return Poll::Ready(Err(client.unsent()));
                }
                Poll::Pending
            })
            .await?;
            client.touch();
        }
        Ok(())
    }

    /// The worker asks for the body.
    pub(super) fn release(&mut self) {
        *self = match std::mem::replace(self, Self::Done) {
            Self::Held(source) => Self::Flowing(source),
            other => other,
        };
    }

    pub(super) fn is_done(&self) -> bool {
        matches!(self, Self::Done)
    }
}

/// Whose fault a body is that ends in an error: the gate's refusal comes wrapped in hyper's.
fn broken(error: &hyper::Error) -> Failure {
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        if let Some(reject) = cause.downcast_ref::<Reject>() {
            return (*reject).into();
        }
        let inner = cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        if let Some(reject) = inner.and_then(|inner| inner.downcast_ref::<Reject>()) {
            return (*reject).into();
        }
        source = cause.source();
    }
    Failure::client(400, BROKEN_OFF)
}
