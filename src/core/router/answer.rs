//! The answer as hyper sends it: the worker's head, and a body that comes over the link as fast as the client takes it.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, STRICT_TRANSPORT_SECURITY};
use http::{Response, StatusCode};
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use rsgi_proto::Version;

use super::client::Client;
use super::exchange::{Exchange, Rest, Served};
use super::failure::{self, Failure, Fault};
use super::file::FileBody;
use super::gzip::{self, Gzip};
use super::reply;
use super::statics::{self, StaticBody};
use super::stream::{Broken, Stream};
use super::taking::Taking;
use super::ticket::{self, request_line};
use super::upload::Upload;
use crate::health::Verdict;
use crate::memory::meters::Count;

/// The body of an answer. With it goes the request: when hyper drops the body, the connection is ready for the next.
#[derive(Debug)]
pub(super) struct Answer {
    content: Content,
    served: Served,
    /// It will not be completed.
    broken: bool,
}

#[derive(Debug)]
enum Content {
    /// All of it is there.
    Whole(Bytes),
    /// It is still coming.
    Stream(Box<Stream>),
    /// It is in a file.
    File(Box<FileBody>),
    /// It is a file of the configuration.
    Static(Box<StaticBody>),
    /// It is compressed on its way.
    Gzip(Box<(Gzip, Content)>),
}

/// Serves one request. Every way out is an answer.
pub(super) async fn serve(client: Rc<Client>, body: Incoming) -> Response<Answer> {
    let served = Served(Rc::clone(&client));
    let offers_websocket = matches!(&*client.ticket.borrow(), Some(Ok(ticket)) if ticket.offers_websocket);
    let mut response = in_time(&client, body).await;
    client.answer(response.status().as_u16());
    if offers_websocket && response.status() != StatusCode::SWITCHING_PROTOCOLS {
        // What the client sends behind such a request may be no request.
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    if let Some(seconds) = client.shop.settings.hsts.filter(|_| client.secure.is_some()) {
        // What the application says itself counts more.
        let value = HeaderValue::try_from(format!("max-age={seconds}"));
        response.headers_mut().entry(STRICT_TRANSPORT_SECURITY).or_insert(value.expect("digits"));
    }
    if client.asks_for_head() {
        strip(&mut response);
    }
    response.map(|content| Answer { content, served, broken: false })
}

/// Leaves out the body of an answer of ours, and says how long it would be. Over HTTP/1.1 hyper does the same; over HTTP/2 it sends
/// what there is.
fn strip(response: &mut Response<Content>) {
    let Content::Whole(bytes) = response.body_mut() else { return };
    let length = std::mem::take(bytes).len();
    if length > 0 {
        response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
}

/// Serves within the time that `http-harakiri` allows; whoever works for a request that takes longer is left alone.
async fn in_time(client: &Rc<Client>, body: Incoming) -> Response<Content> {
    let mut visit = pin!(visit(client, body));
    let done = poll_fn(|context| match client.take_overtime() {
        Some(line) => Poll::Ready(Err(line)),
        None => visit.as_mut().poll(context).map(Ok),
    });
    done.await.unwrap_or_else(|line| refuse(client, &line, &Failure::overtime(client.phase())))
}

async fn visit(client: &Rc<Client>, body: Incoming) -> Response<Content> {
    let mut ticket = match client.ticket.borrow_mut().take() {
        Some(Ok(ticket)) => ticket,
        Some(Err(reject)) => return refuse(client, "", &reject.into()),
        None => return refuse(client, "", &Failure::server(500, "a request without a head")),
    };
    if let Some(probe) = ticket.probe {
        client.discount();
        return probed(probe.answer(client.shop.state())).map(Content::Whole);
    }
    if let Some(port) = &client.to_https {
        return failure::to_https(&ticket.frame, &client.server_port, port).map(Content::Whole);
    }
    match statics::find(client, &mut ticket).await {
        Ok(None) => {}
        Ok(Some(response)) => return response.map(|files| Content::Static(Box::new(files))),
        Err(failure) => return refuse(client, &request_line(&ticket.frame), &failure),
    }
    let upload = match Upload::admit(client, &ticket, body) {
        Ok(upload) => upload,
        Err(failure) => return refuse(client, &request_line(&ticket.frame), &failure),
    };
    let facts = ticket.head;
    let accepts_gzip = client.shop.settings.auto_gzip.then(|| ticket::accepts_gzip(&ticket.frame));
    let mut exchange = Exchange::new(Rc::clone(client), ticket, upload);
    let reply = exchange.run().await;
    let reply = reply.and_then(|(head, rest)| Ok((reply::begin(&head)?, head, rest)));
    let (mut response, head, rest) = match reply {
        Ok(reply) => reply,
        Err(failure) => return refuse(client, &exchange.request(), &failure),
    };
    if exchange.holds_body() && !head.switched {
        // Whether the client sends its body all the same is not known, so that nothing may follow (RFC 9110 §10.1.1).
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    let no_body = facts.method.is_head() || matches!(head.code, 204 | 205 | 304);
    if head.code == 205 {
        // Framed as if it could have a body, it has none (RFC 9110 §15.3.6).
        response.headers_mut().remove(CONTENT_LENGTH);
    }
    let content = match rest {
        _ if no_body => {
            exchange.leave(false, false);
            Content::Whole(Bytes::new())
        }
        Rest::Whole(bytes) => match reply::whole(bytes, &head) {
            Ok(bytes) => Content::Whole(bytes),
            Err(failure) => return refuse(client, &exchange.request(), &failure),
        },
        Rest::File(file, fd) => match FileBody::new(file, fd, head.content_length) {
            Ok(body) => Content::File(Box::new(body)),
            Err(error) => {
                let failure = Failure::worker(502, format!("the file of the answer cannot be read: {error}"));
                return refuse(client, &exchange.request(), &failure);
            }
        },
        Rest::Switched => {
            *client.tunnel.borrow_mut() = Some(exchange);
            Content::Whole(Bytes::new())
        }
        Rest::Stream(first) => {
            let until_close = facts.version == Version::Http10 && head.content_length.is_none();
            Content::Stream(Box::new(Stream::new(exchange, Rc::clone(client), first, &head, until_close)))
        }
    };
    let gzip = accepts_gzip.and_then(|accepts| gzip::begin(response.headers_mut(), accepts));
    let content = match gzip.filter(|_| !no_body) {
        Some(gzip) => Content::Gzip(Box::new((gzip, content))),
        None => content,
    };
    response.map(|()| content)
}

/// An answer of ours.
fn refuse(client: &Client, request: &str, failure: &Failure) -> Response<Content> {
    let meter = client.shop.settings.meter;
    match failure.status {
        503 => meter.count(Count::Shed),
        504 => meter.count(Count::TimedOut),
        _ => {}
    }
    if !client.shop.settings.quiet || failure.fault != Fault::Client {
        failure.log(&client.name(), request);
    }
    failure.response().map(Content::Whole)
}

/// The answer to a health check.
fn probed(verdict: Verdict) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from_static(verdict.text.as_bytes()));
    *response.status_mut() = StatusCode::from_u16(verdict.code).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

impl Answer {
    /// A worker's core waits for the client to take it.
    pub(super) fn holds_core(&self) -> bool {
        self.content.holds_core()
    }

    /// The client takes what it gets.
    pub(super) fn touch(&self) {
        self.served.0.touch();
    }

    /// Changes what is known of how it does.
    pub(super) fn takes(&self, change: impl FnOnce(&mut Taking)) {
        self.served.0.takes(change);
    }
}

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        if self.broken {
            return Poll::Ready(Some(Err(Broken)));
        }
        let this = &mut *self;
        let piece = ready!(this.content.poll_piece(context, &this.served.0));
        // The client takes what it gets, wherever that comes from.
        self.served.0.touch();
        if piece.is_err() {
            // Hyper drops what it holds when it learns of this: let it send that first.
            self.broken = true;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        // Reading a file is progress too: no worker is there any more to tell of it.
        self.served.0.touch();
        Poll::Ready(piece.transpose().map(|piece| piece.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.content.is_done()
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Content::Stream(_) | Content::Static(_) | Content::Gzip(_) => SizeHint::default(),
            Content::File(file) => file.size().map_or_else(SizeHint::default, SizeHint::with_exact),
        }
    }
}

impl Content {
    /// The next piece; `None` is the end.
    fn poll_piece(&mut self, context: &mut Context<'_>, client: &Client) -> Poll<Result<Option<Bytes>, Broken>> {
        Poll::Ready(match self {
            Self::Whole(bytes) => Ok(Some(std::mem::take(bytes)).filter(|bytes| !bytes.is_empty())),
            Self::Stream(stream) => ready!(stream.poll_piece(context)),
            Self::File(file) => ready!(file.poll_piece(context)).map_err(|error| {
                Failure::worker(502, error.to_string()).log(&client.name(), "");
                Broken
            }),
            Self::Static(file) => ready!(file.poll_piece(context)).map_err(|error| {
                Failure::server(500, format!("a static file cannot be read on: {error}")).log(&client.name(), "");
                Broken
            }),
            Self::Gzip(gzip) => {
                let (gzip, plain) = &mut **gzip;
                ready!(gzip.poll_piece(context, |context| plain.poll_piece(context, client)))
            }
        })
    }

    fn holds_core(&self) -> bool {
        match self {
            Self::Stream(stream) => stream.holds_core(),
            Self::Gzip(gzip) => gzip.1.holds_core(),
            Self::Whole(_) | Self::File(_) | Self::Static(_) => false,
        }
    }

    /// Nothing more will come.
    fn is_done(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_empty(),
            Self::Stream(_) => false,
            Self::File(file) => file.is_done(),
            Self::Static(file) => file.is_done(),
            Self::Gzip(gzip) => gzip.0.is_done(),
        }
    }
}
