//! A body that comes over a link, handed on piece by piece.

use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use rsgi_proto::http1::chunked::{Chunked, Step};

use super::client::Client;
use super::exchange::{Exchange, Stop};
use super::failure::Failure;
use super::file::FileBody;
use super::link::{Event, Head};
use super::reply::{BROKE_OFF, FRAMED_WRONGLY, TOO_SHORT};

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

impl Stream {
    /// `until_close`: only the end of the connection will end this body.
    pub(super) fn new(exchange: Exchange, client: Rc<Client>, first: Bytes, head: &Head, until_close: bool) -> Self {
        Self {
            exchange,
            client,
            first,
            chunked: head.app_chunked.then(Chunked::new),
            content_length: head.content_length,
            given: 0,
            until_close,
            ended: false,
            file: None,
        }
    }

    /// The next piece, as soon as the worker has made it; `None` is the end.
    pub(super) fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Broken>> {
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

    /// The worker has not said all of it.
    pub(super) fn holds_core(&self) -> bool {
        !self.ended
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
