//! One request's visit to a worker: its frames out, the answer back, another try when a worker is gone before it began.

use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use rsgi_proto::link::{self, File};
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::yield_now;

use super::client::{Client, Phase};
use super::failure::Failure;
use super::lease::Lease;
use super::link::{Event, Head, Lost};
use super::ticket::{Ticket, request_line};
use super::tidy::tidy;
use super::upload::Upload;
use crate::control::Overdue;
use crate::memory::meters::Count;

/// Links tried for one request when each turns out to be dead before it took the request.
const TRIES: usize = 16;

/// A request that is being served; dropped, its connection is ready for the next.
#[derive(Debug)]
pub(super) struct Served(pub(super) Rc<Client>);

impl Drop for Served {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// The visit.
#[derive(Debug)]
pub(super) struct Exchange {
    client: Rc<Client>,
    /// Its place among the requests of its connection.
    place: Option<OwnedSemaphorePermit>,
    lease: Option<Lease>,
    /// The HEAD frame and what was read ahead of the body. Kept, so that it can be sent again.
    frame: Vec<u8>,
    head_len: usize,
    offers_websocket: bool,
    safe: bool,
    frame_sent: usize,
    /// The body's frames after those.
    out: Vec<u8>,
    out_sent: usize,
    upload: Upload,
    /// Some of the body is no longer at hand.
    flowed: bool,
    /// The worker takes no more; its answer may still come.
    deaf: bool,
}

/// What follows an answer's head.
#[derive(Debug)]
pub(super) enum Rest {
    /// All of the body.
    Whole(Bytes),
    /// All of the body is this part of a file.
    File(File, std::os::fd::OwnedFd),
    /// It is still coming, after this first piece.
    Stream(Bytes),
    /// The connection speaks another protocol.
    Switched,
}

/// Why an exchange ends early.
#[derive(Debug)]
pub(super) enum Stop {
    Lost(Lost),
    Failure(Failure),
}

impl Exchange {
    pub(super) fn new(client: Rc<Client>, ticket: Ticket, upload: Upload) -> Self {
        Self {
            client,
            place: None,
            lease: None,
            head_len: ticket.frame.len(),
            offers_websocket: ticket.offers_websocket,
            frame: ticket.frame,
            safe: ticket.head.method.is_safe(),
            frame_sent: 0,
            out: Vec::new(),
            out_sent: 0,
            upload,
            flowed: false,
            deaf: false,
        }
    }

    /// Finds a core, sends the request, and waits for the answer's head and what comes with it.
    pub(super) async fn run(&mut self) -> Result<(Head, Rest), Failure> {
        self.upload.read_ahead(&self.client, &mut self.frame).await?;
        self.place = self.client.place().await?;
        let (mut dead_links, mut died) = (0, false);
        let head = loop {
            let shop = Rc::clone(&self.client.shop);
            self.lease = Some(Lease::get(&shop, &self.client).await?);
            self.client.enter(Phase::Answer);
            (self.frame_sent, self.deaf) = (0, false);
            let hello = self.lease.as_ref().map(|lease| lease.hello);
            match poll_fn(|context| self.poll_event(context)).await {
                Ok(Event::Head(head)) => break head,
                Ok(Event::End { .. }) => {
                    self.leave(true, false);
                    return Err(Failure::worker(502, "the worker ended the request without an answer"));
                }
                Ok(_) => return Err(self.nonsense("a body before its head")),
                Err(Stop::Failure(failure)) => return Err(failure),
                Err(Stop::Lost(lost)) => {
                    // The master has told why before it killed: let those run who hear it.
                    yield_now().await;
                    yield_now().await;
                    if hello.is_some_and(|hello| shop.take_condemned(Overdue { pid: hello.pid, link: hello.core })) {
                        return Err(Failure::worker(504, "the request took longer than harakiri allows"));
                    }
                    let again = if self.is_untouched(&lost) {
                        dead_links += 1;
                        dead_links < TRIES
                    } else {
                        // Twice would let it kill one worker after the other.
                        self.is_repeatable(&lost) && !std::mem::replace(&mut died, true)
                    };
                    if !again {
                        return Err(Failure::worker(502, lost.to_string()));
                    }
                    shop.settings.meter.count(Count::Retried);
                }
            }
        };
        if head.switched && self.offers_websocket {
            return Ok((head, Rest::Switched));
        }
        if head.code < 200 {
            return Err(Failure::worker(502, format!("the application answered with status {}", head.code)));
        }
        let rest = poll_fn(|context| Poll::Ready(self.take_rest(&head, context))).await?;
        Ok((head, rest))
    }

    /// Nobody has seen the request: it may go elsewhere, whatever it does.
    fn is_untouched(&self, lost: &Lost) -> bool {
        let bare = self.frame.len() == self.head_len && self.upload.is_done();
        self.frame_sent < self.head_len || bare && matches!(lost, Lost::Unread)
    }

    /// The worker may have begun it, but it may be begun twice, and all of it is still at hand.
    fn is_repeatable(&self, lost: &Lost) -> bool {
        self.safe && !self.flowed && matches!(lost, Lost::Closed | Lost::Unread)
    }

    /// Takes what is there of the body without waiting.
    fn take_rest(&mut self, head: &Head, context: &mut Context<'_>) -> Result<Rest, Failure> {
        let first = match self.poll_event(context) {
            Poll::Pending => return Ok(Rest::Stream(Bytes::new())),
            Poll::Ready(event) => event,
        };
        match first {
            Ok(Event::Data(data)) if head.last && data.len() == head.inline as usize => {
                // The END that is folded into the frame takes no further byte.
                match self.poll_event(context) {
                    Poll::Ready(Ok(Event::End { aborted: false })) => {
                        self.leave(true, false);
                        Ok(Rest::Whole(data))
                    }
                    _ => Err(self.nonsense("an answer without its end")),
                }
            }
            Ok(Event::Data(data)) => Ok(Rest::Stream(data)),
            Ok(Event::File(file, fd)) => {
                self.leave(true, false);
                Ok(Rest::File(file, fd))
            }
            Ok(Event::End { aborted: false }) => {
                self.leave(true, false);
                Ok(Rest::Whole(Bytes::new()))
            }
            Ok(Event::End { aborted: true }) => {
                self.leave(true, false);
                Err(Failure::worker(502, "the application broke off its answer"))
            }
            Ok(_) => Err(self.nonsense("two heads for one request")),
            Err(Stop::Failure(failure)) => Err(failure),
            Err(Stop::Lost(lost)) => Err(Failure::worker(502, lost.to_string())),
        }
    }

    /// Moves the body on, and takes the worker's next event.
    pub(super) fn poll_event(&mut self, context: &mut Context<'_>) -> Poll<Result<Event, Stop>> {
        loop {
            if !self.deaf {
                match self.poll_send(context) {
                    Poll::Ready(Stop::Lost(_)) if self.frame_sent >= self.head_len => self.deaf = true,
                    Poll::Ready(stop) => {
                        if matches!(stop, Stop::Lost(_)) {
                            self.lease = None;
                        }
                        return Poll::Ready(Err(stop));
                    }
                    Poll::Pending => {}
                }
            }
            let Some(lease) = &mut self.lease else { return Poll::Ready(Err(Stop::Lost(Lost::Closed))) };
            match lease.poll_event(context) {
                Poll::Ready(Ok(Event::Continue)) => {
                    self.upload.release();
                    self.client.touch();
                }
                Poll::Ready(Ok(event)) => {
                    self.client.touch();
                    return Poll::Ready(Ok(event));
                }
                Poll::Ready(Err(lost)) => {
                    self.lease = None;
                    return Poll::Ready(Err(Stop::Lost(lost)));
                }
                Poll::Pending if self.client.take_expired() => return Poll::Ready(Err(Stop::Failure(self.timeout()))),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Sends what there is to send. Ready only when that fails.
    fn poll_send(&mut self, context: &mut Context<'_>) -> Poll<Stop> {
        let Some(lease) = &mut self.lease else { return Poll::Pending };
        loop {
            let (bytes, sent) = if self.frame_sent < self.frame.len() {
                (&self.frame, &mut self.frame_sent)
            } else {
                (&self.out, &mut self.out_sent)
            };
            let bytes = bytes.get(*sent..).unwrap_or_default();
            if !bytes.is_empty() {
                match lease.poll_send(context, bytes) {
                    Poll::Ready(Ok(more)) => *sent += more,
                    Poll::Ready(Err(lost)) => return Poll::Ready(Stop::Lost(lost)),
                    Poll::Pending => {
                        // Nobody waits for more of the body before the worker has room for it.
                        self.client.lets_wait();
                        return Poll::Pending;
                    }
                }
                continue;
            }
            self.out.clear();
            self.out_sent = 0;
            match self.upload.poll_frames(&self.client, context, &mut self.out) {
                Poll::Ready(Ok(())) => {
                    self.flowed = true;
                    self.client.touch();
                }
                Poll::Ready(Err(failure)) => return Poll::Ready(Stop::Failure(failure)),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Adds bytes of the client to what is on its way to the worker, once the connection has switched.
    pub(super) fn push(&mut self, data: &[u8]) {
        if let Ok(len) = u32::try_from(data.len()) {
            link::body_prefix(&mut self.out, len, false);
            self.out.extend_from_slice(data);
        }
    }

    /// Tells the worker that the client will send no more.
    pub(super) fn push_end(&mut self) {
        link::encode_body_end(&mut self.out);
    }

    /// Tells the worker to end what the connection has switched to.
    pub(super) fn push_leave(&mut self) {
        link::encode_leave(&mut self.out);
    }

    /// Whether all that was pushed is with the worker; sends more of it if not. A worker that is gone takes no more, and
    /// [`Self::poll_event`] tells why.
    pub(super) fn is_sent(&mut self, context: &mut Context<'_>) -> bool {
        if !self.deaf && self.poll_send(context).is_ready() {
            self.deaf = true;
        }
        !self.deaf && self.out_sent >= self.out.len()
    }

    fn timeout(&self) -> Failure {
        let sent = self.frame_sent >= self.frame.len() && self.out_sent >= self.out.len();
        match &self.upload {
            Upload::Flowing(_) if sent => self.client.unsent(),
            _ => Failure::worker(504, "the application did not answer in time"),
        }
    }

    /// The worker does not keep to the protocol: its link is closed.
    pub(super) fn nonsense(&mut self, what: &'static str) -> Failure {
        self.lease = None;
        Failure::worker(502, Lost::OutOfPlace(what).to_string())
    }

    /// Leaves the worker. `ended`: it has ended its answer; `abort`: its answer is of no use any more.
    pub(super) fn leave(&mut self, ended: bool, abort: bool) {
        let Some(lease) = self.lease.take() else { return };
        let sent = self.frame_sent >= self.frame.len() && self.out_sent >= self.out.len();
        let complete = self.upload.is_done() && !self.deaf;
        if ended && sent && complete {
            return lease.give_back();
        }
        if self.deaf {
            return;
        }
        // A frame that was begun must be completed; then the worker learns that no more follows.
        let mut last = self.frame.get(self.frame_sent..).unwrap_or_default().to_vec();
        last.extend_from_slice(self.out.get(self.out_sent..).unwrap_or_default());
        let abort = abort || !complete;
        if abort {
            link::encode_abort(&mut last);
        }
        tokio::task::spawn_local(tidy(lease, last, ended, abort));
    }

    /// Whether the client waits for a `100 Continue` that the worker has not asked for.
    pub(super) const fn holds_body(&self) -> bool {
        matches!(self.upload, Upload::Held(_))
    }

    /// Method and target, for logs.
    pub(super) fn request(&self) -> String {
        request_line(&self.frame)
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.leave(false, true);
    }
}
