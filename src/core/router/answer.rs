//! The answer as hyper sends it: the worker's head, and a body that comes over the link as fast as the client takes it.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use hyper::ext::ReasonPhrase;
use rsgi_proto::Version;
use rsgi_proto::http1::chunked::{Chunked, Step};

use super::client::Client;
use super::exchange::{Exchange, Rest, Served, Stop, admit, request_line};
use super::failure::Failure;
use super::file::FileBody;
use super::link::{Event, Head};

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
}

/// A body that comes over a link.
#[derive(Debug)]
pub(super) struct Stream {
    exchange: Exchange,
    client: Rc<Client>,
    /// Received and not given to hyper yet.
    first: Bytes,
    chunked: Option<Chunked>,
    /// What the head promised, and how much of that hyper has.
    content_length: Option<u64>,
    given: u64,
    /// Only the end of the connection ends this body.
    until_close: bool,
    /// The end has been seen.
    ended: bool,
    /// The rest is in a file.
    file: Option<FileBody>,
}

/// The answer cannot be completed; the client must see that.
#[derive(Debug, thiserror::Error)]
#[error("the answer broke off")]
pub(super) struct Broken;

/// Serves one request. Every way out is an answer.
pub(super) async fn serve(client: Rc<Client>, body: Incoming) -> Response<Answer> {
    let served = Served(Rc::clone(&client));
    let ticket = match client.ticket.borrow_mut().take() {
        Some(Ok(ticket)) => ticket,
        Some(Err(reject)) => return refuse(served, "", &reject.into()),
        None => return refuse(served, "", &Failure::server(500, "a request without a head")),
    };
    let upload = match admit(&client, &ticket, body) {
        Ok(upload) => upload,
        Err(failure) => return refuse(served, &request_line(&ticket.frame), &failure),
    };
    let facts = ticket.head;
    let mut exchange = Exchange::new(Rc::clone(&client), ticket, upload);
    let reply = exchange.run().await;
    let reply = reply.and_then(|(head, rest)| Ok((begin(&head)?, head, rest)));
    let (response, head, rest) = match reply {
        Ok(reply) => reply,
        Err(failure) => return refuse(served, &exchange.request(), &failure),
    };
    let no_body = facts.method.is_head() || matches!(head.code, 204 | 304);
    let content = match rest {
        _ if no_body => {
            exchange.leave(false, false);
            Content::Whole(Bytes::new())
        }
        Rest::Whole(bytes) => match whole(bytes, &head) {
            Ok(bytes) => Content::Whole(bytes),
            Err(failure) => return refuse(served, &exchange.request(), &failure),
        },
        Rest::File(file, fd) => match FileBody::new(file, fd, head.content_length) {
            Ok(body) => Content::File(Box::new(body)),
            Err(error) => {
                let failure = Failure::worker(502, format!("the file of the answer cannot be read: {error}"));
                return refuse(served, &exchange.request(), &failure);
            }
        },
        Rest::Stream(first) => Content::Stream(Box::new(Stream {
            exchange,
            client,
            first,
            chunked: head.app_chunked.then(Chunked::new),
            content_length: head.content_length,
            given: 0,
            until_close: facts.version == Version::Http10 && head.content_length.is_none(),
            ended: false,
            file: None,
        })),
    };
    response.map(|()| Answer { content, served, broken: false })
}

/// An answer of ours.
fn refuse(served: Served, request: &str, failure: &Failure) -> Response<Answer> {
    if !served.0.shop.settings.quiet || failure.fault != super::failure::Fault::Client {
        failure.log(&served.0.name(), request);
    }
    failure.response().map(|bytes| Answer { content: Content::Whole(bytes), served, broken: false })
}

/// The head for hyper. What concerns the connection is ours to say, not the application's.
fn begin(head: &Head) -> Result<Response<()>, Failure> {
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
fn whole(mut bytes: Bytes, head: &Head) -> Result<Bytes, Failure> {
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

const FRAMED_WRONGLY: &str = "the application framed its answer wrongly";
const TOO_SHORT: &str = "the application sent less than its Content-Length";
const BROKE_OFF: &str = "the application broke off its answer";

impl Stream {
    fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Broken>> {
        loop {
            if let Some(file) = &mut self.file {
                return file.poll_piece(context).map_err(|error| self.broken(&error.to_string()));
            }
            let data = if self.first.is_empty() {
                match ready!(self.exchange.poll_event(context)) {
                    Ok(Event::Data(data)) => data,
                    Ok(Event::End { aborted }) => return Poll::Ready(self.end(aborted).map(|()| None)),
                    Ok(Event::File(file, fd)) => {
                        self.ended = true;
                        self.exchange.leave(true, false);
                        let left = self.content_length.map(|length| length.saturating_sub(self.given));
                        match FileBody::new(file, fd, left) {
                            Ok(body) => self.file = Some(body),
                            Err(error) => return Poll::Ready(Err(self.broken(&error.to_string()))),
                        }
                        continue;
                    }
                    Ok(_) => {
                        let failure = self.exchange.nonsense("two heads for one request");
                        return Poll::Ready(Err(self.broken(&failure.reason)));
                    }
                    Err(Stop::Failure(failure)) => return Poll::Ready(Err(self.broken(&failure.reason))),
                    Err(Stop::Lost(lost)) => return Poll::Ready(Err(self.broken(&lost.to_string()))),
                }
            } else {
                std::mem::take(&mut self.first)
            };
            let Some(chunked) = &mut self.chunked else {
                self.given += data.len() as u64;
                return Poll::Ready(Ok(Some(data)));
            };
            match chunked.step(&data, usize::MAX) {
                Ok((used, Step::Data(piece))) => {
                    let piece = data.slice_ref(piece);
                    self.first = data.slice(used..);
                    return Poll::Ready(Ok(Some(piece)));
                }
                // What comes after the last chunk is dropped.
                Ok((_, Step::NeedMore | Step::Done)) => {}
                Err(_) => return Poll::Ready(Err(self.broken(FRAMED_WRONGLY))),
            }
        }
    }

    fn end(&mut self, aborted: bool) -> Result<(), Broken> {
        self.ended = true;
        self.exchange.leave(true, false);
        if aborted {
            return Err(self.broken(BROKE_OFF));
        }
        if self.content_length.is_some_and(|length| length > self.given) {
            return Err(self.broken(TOO_SHORT));
        }
        if self.chunked.as_ref().is_some_and(|chunked| !chunked.is_done()) {
            return Err(self.broken(FRAMED_WRONGLY));
        }
        Ok(())
    }

    fn broken(&self, reason: &str) -> Broken {
        Failure::worker(502, reason.to_owned()).log(&self.client.name(), &self.exchange.request());
        // Without length and chunks a plain end would look like the proper one.
        self.client.reset.set(self.until_close);
        Broken
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // With all that the head promised, the client has got its answer, and the worker is only late to say so.
        let complete = self.content_length.is_some_and(|length| length <= self.given);
        self.exchange.leave(self.ended, !complete);
    }
}

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        if self.broken {
            return Poll::Ready(Some(Err(Broken)));
        }
        let piece = match &mut self.content {
            Content::Whole(bytes) => Ok(Some(std::mem::take(bytes)).filter(|bytes| !bytes.is_empty())),
            Content::Stream(stream) => ready!(stream.poll_piece(context)),
            Content::File(file) => ready!(file.poll_piece(context)).map_err(|error| {
                Failure::worker(502, error.to_string()).log(&self.served.0.name(), "");
                Broken
            }),
        };
        if piece.is_err() {
            // Hyper drops what it holds when it learns of this: let it send that first.
            self.broken = true;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(piece.transpose().map(|piece| piece.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Whole(bytes) => bytes.is_empty(),
            Content::Stream(_) => false,
            Content::File(file) => file.is_done(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Content::Stream(_) => SizeHint::default(),
            Content::File(file) => file.size().map_or_else(SizeHint::default, SizeHint::with_exact),
        }
    }
}
