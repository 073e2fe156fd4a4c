//! What hyper reads from, in place of the client's socket: request heads are read here, by the decoder that workers use on
//! their own HTTP sockets, so that both front doors agree on every byte.
//!
//! Hyper gets a head made by us that says no more than how the request is framed, and the body as it comes; it drives the
//! connection, the body and the answer. A head that is refused becomes a request too, whose [`Ticket`] says why: so its
//! answer keeps its place behind the ones before it.
//!
//! When a request has made a websocket of the connection, hyper is done with it after the answer 101, and the gate hands the
//! socket to [`super::tunnel`].

use std::cell::RefCell;
use std::io;
use std::os::fd::AsFd;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use hyper::rt::ReadBufCursor;
use rsgi_proto::Body;
use rsgi_proto::http1::Reject;
use rsgi_proto::http1::chunked::{Chunked, Step};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

use super::client::{Client, Phase};
use super::ticket::{self, Ticket};
use crate::memory::meters::Count;

/// Bytes asked for in one read of a body.
const READ: usize = 64 * 1024;
/// Bytes asked for in one read of a head.
pub(super) const READ_HEAD: usize = 8 * 1024;
/// Unread bytes that a connection which ends in an error may still send.
const LINGER: usize = 1024 * 1024;

/// A client's socket.
pub(super) trait Wire: AsyncRead + AsyncWrite + Unpin {
    /// Makes closing the socket a reset.
    fn reset(&self);

    /// Bytes sent that the client does not have yet; 0 where the kernel cannot tell.
    fn unsent(&self) -> u64;

    /// Bytes that the kernel has taken; `None`: as many as were written. Less, where TLS holds some back.
    fn passed(&self) -> Option<u64> {
        None
    }

    /// The first byte that the client has sent, left where it is; `None` where the kernel cannot tell.
    fn poll_first(&self, _context: &mut Context<'_>) -> Poll<io::Result<Option<u8>>> {
        Poll::Ready(Ok(None))
    }
}

impl Wire for tokio::net::TcpStream {
    fn reset(&self) {
        // It only makes the end less clear when this fails.
        let _ = self.set_zero_linger();
    }

    fn unsent(&self) -> u64 {
        rsgi_sys::net::unreceived(self.as_fd()).map_or(0, |count| count as u64)
    }

    fn poll_first(&self, context: &mut Context<'_>) -> Poll<io::Result<Option<u8>>> {
        let mut byte = [0];
        let mut buffer = tokio::io::ReadBuf::new(&mut byte);
        let count = ready!(self.poll_peek(context, &mut buffer))?;
        Poll::Ready(Ok(buffer.filled().first().copied().filter(|_| count > 0)))
    }
}

impl Wire for tokio::net::UnixStream {
    fn reset(&self) {}

    fn unsent(&self) -> u64 {
        rsgi_sys::net::unreceived(self.as_fd()).map_or(0, |count| count as u64)
    }
}

impl<S: Wire> Wire for tokio_rustls::server::TlsStream<S> {
    fn reset(&self) {
        self.get_ref().0.reset();
    }

    fn unsent(&self) -> u64 {
        self.get_ref().0.unsent()
    }

    fn passed(&self) -> Option<u64> {
        self.get_ref().0.passed()
    }
}

/// A client's socket as hyper sees it.
pub(super) struct Gate<S: Wire> {
    /// There until it is handed on.
    socket: Option<S>,
    client: Rc<Client>,
    input: BytesMut,
    /// So much of the input is no complete head.
    seen: usize,
    /// The head made for hyper, and how much of it hyper has.
    head: Vec<u8>,
    given: usize,
    expects: Expects,
    /// No more than this is read after the last answer.
    linger: usize,
    exit: Rc<Exit<S>>,
}

/// Where the gate leaves its socket when the connection has switched to another protocol, with what has been read of it.
pub(super) type Exit<S> = RefCell<Option<(S, BytesMut)>>;

/// What the next byte of the client belongs to.
enum Expects {
    Head,
    Body(u64),
    Chunks(Box<Chunked>),
    /// Another protocol, if the answer is that; no request in any case.
    Other,
    /// Nothing: what follows an error means nothing.
    Nothing,
}

impl<S: Wire> Gate<S> {
    pub(super) fn new(socket: S, client: Rc<Client>, exit: Rc<Exit<S>>) -> Self {
        let (socket, input) = (Some(socket), BytesMut::new());
        Self {
            socket,
            client,
            input,
            seen: 0,
            head: Vec::new(),
            given: 0,
            expects: Expects::Head,
            linger: LINGER,
            exit,
        }
    }

    fn socket(&mut self) -> io::Result<Pin<&mut S>> {
        self.socket.as_mut().map(Pin::new).ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    /// Reads more; 0 is the end.
    fn poll_fill(&mut self, context: &mut Context<'_>, most: usize) -> Poll<io::Result<usize>> {
        let Some(socket) = &mut self.socket else { return Poll::Ready(Ok(0)) };
        let read = if self.input.is_empty() && most <= READ_HEAD {
            // Nobody who says nothing has memory of ours.
            let mut scratch = self.client.shop.scratch.borrow_mut();
            let mut scratch = ReadBuf::new(&mut scratch);
            ready!(Pin::new(socket).poll_read(context, &mut scratch))?;
            self.input.extend_from_slice(scratch.filled());
            scratch.filled().len()
        } else {
            if self.input.capacity() - self.input.len() < most / 4 {
                self.input.reserve(most);
            }
            ready!(pin!(socket.read_buf(&mut self.input)).poll(context))?
        };
        self.client.shop.settings.meter.add(Count::Received, read as u64);
        Poll::Ready(Ok(read))
    }

    /// The client has taken some bytes, or does not.
    fn taken(&self, result: &Poll<io::Result<usize>>) {
        match result {
            Poll::Pending => self.blocked(),
            Poll::Ready(sent) => {
                let sent = sent.as_ref().map_or(0, |&sent| sent as u64);
                self.client.takes(|taking| taking.sent(sent));
                self.client.shop.settings.meter.add(Count::Sent, sent);
            }
        }
    }

    fn blocked(&self) {
        let unsent = self.socket.as_ref().map_or(0, S::unsent);
        let passed = self.socket.as_ref().and_then(S::passed);
        self.client.takes(|taking| taking.blocks(passed, unsent));
    }

    /// Notes whether all that was written is with the kernel. What TLS still holds is a part of the answer: who waits for it to go
    /// out is not idle.
    fn flushed<T>(&self, result: &Poll<T>) {
        match result {
            Poll::Pending => self.blocked(),
            Poll::Ready(_) => self.client.takes(|taking| taking.sent(0)),
        }
    }

    /// Gives back what is needed for requests only.
    pub(super) fn rest(&mut self) {
        self.head = Vec::new();
        if self.input.is_empty() {
            self.input = BytesMut::new();
        }
    }

    /// Reads until a head is complete and hands it to hyper. False: the connection is over.
    pub(super) fn poll_head(&mut self, context: &mut Context<'_>) -> Poll<io::Result<bool>> {
        if self.client.is_busy() || matches!(self.expects, Expects::Other) {
            // Hyper only wants to know whether the client is still there. What it sends already waits here.
            if self.input.is_empty() && ready!(self.poll_fill(context, READ_HEAD))? == 0 {
                return Poll::Ready(Ok(false));
            }
            self.client.hold(context.waker());
            return Poll::Pending;
        }
        if !matches!(self.expects, Expects::Head) {
            // What is left of a body, or follows an error, is never read as a head, whoever asks for one.
            return Poll::Ready(Ok(false));
        }
        loop {
            // Only a line's end can complete a head, or spoil it; without one only its size matters.
            let limits = &self.client.shop.settings.head;
            let fresh = self.input.get(self.seen..).unwrap_or_default();
            if self.input.len() >= limits.head || fresh.contains(&b'\n') {
                let ticket = ticket::decode(&self.client, &mut self.input, limits, None);
                if let Some(ticket) = ticket.transpose() {
                    self.announce(ticket);
                    return Poll::Ready(Ok(true));
                }
            }
            if self.client.is_expired() && self.client.phase() == Phase::Head {
                self.announce(Err(self.client.unsent_head()));
                return Poll::Ready(Ok(true));
            }
            if !self.input.is_empty() {
                if self.client.phase() != Phase::Head {
                    self.client.enter(Phase::Head);
                }
                self.client.awaits();
            }
            self.seen = self.input.len();
            match ready!(self.poll_fill(context, READ_HEAD))? {
                0 => return Poll::Ready(Ok(false)),
                read => self.client.receives(read as u64),
            }
        }
    }

    /// Makes hyper's head of a request.
    fn announce(&mut self, ticket: Result<Ticket, Reject>) {
        (self.given, self.seen) = (0, 0);
        self.head.clear();
        let shop = &self.client.shop;
        let closing = shop.draining.get() || shop.settings.keepalive.is_none();
        match &ticket {
            Ok(Ticket { head, offers_websocket, .. }) => {
                // Of a request that offers a websocket, the answer says whether it is the last.
                ticket::write_head(&mut self.head, head, closing && !offers_websocket);
                self.expects = match head.body {
                    _ if *offers_websocket => Expects::Other,
                    // Hyper takes a read without bytes for the client's end.
                    Body::None | Body::Length(0) => Expects::Head,
                    Body::Length(length) => Expects::Body(length),
                    Body::Chunked => Expects::Chunks(Box::new(Chunked::new())),
                };
            }
            Err(_) => {
                self.head.extend_from_slice(b"GET / HTTP/1.1\r\nconnection: close\r\n\r\n");
                self.expects = Expects::Nothing;
            }
        }
        self.client.begin(ticket);
    }

    /// Hands on some of the body.
    fn poll_body(&mut self, context: &mut Context<'_>, cursor: &mut ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        if self.input.is_empty() {
            let most = match self.expects {
                Expects::Body(left) => usize::try_from(left).unwrap_or(READ).min(READ),
                _ => READ,
            };
            if ready!(self.poll_fill(context, most.max(READ_HEAD)))? == 0 {
                return Poll::Ready(Ok(()));
            }
            self.client.touch();
        }
        let room = self.input.len().min(cursor.remaining());
        let piece = self.input.get(..room).unwrap_or_default();
        let used = match &mut self.expects {
            Expects::Body(left) => {
                let used = room.min(usize::try_from(*left).unwrap_or(usize::MAX));
                *left -= used as u64;
                if *left == 0 {
                    self.expects = Expects::Head;
                }
                used
            }
            Expects::Chunks(chunked) => match check_chunks(chunked, piece, self.client.shop.settings.body) {
                Ok(used) => {
                    if chunked.is_done() {
                        self.expects = Expects::Head;
                    }
                    used
                }
                Err(reject) => {
                    self.expects = Expects::Nothing;
                    return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, reject)));
                }
            },
            Expects::Head | Expects::Other | Expects::Nothing => 0,
        };
        cursor.put_slice(self.input.get(..used).unwrap_or_default());
        self.input.advance(used);
        if matches!(self.expects, Expects::Head) && self.input.is_empty() {
            // A connection that is kept needs no room for a body meanwhile.
            self.input = BytesMut::new();
        }
        Poll::Ready(Ok(()))
    }
}

/// Goes over the chunks in `piece` without changing them; returns how many bytes belong to the body, which may have `limit`
/// bytes in all.
fn check_chunks(chunked: &mut Chunked, piece: &[u8], limit: Option<u64>) -> Result<usize, Reject> {
    let mut used = 0;
    loop {
        let (more, step) = chunked.step(piece.get(used..).unwrap_or_default(), usize::MAX)?;
        used += more;
        // What a chunk's size announces need not be waited for.
        if limit.is_some_and(|limit| chunked.announced() > limit) {
            return Err(Reject::new(413, "the request body is too large"));
        }
        if !matches!(step, Step::Data(_)) {
            return Ok(used);
        }
    }
}

impl<S: Wire> hyper::rt::Read for Gate<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut cursor: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        loop {
            let head = this.head.get(this.given..).unwrap_or_default();
            if !head.is_empty() {
                let take = head.len().min(cursor.remaining());
                cursor.put_slice(head.get(..take).unwrap_or_default());
                this.given += take;
                return Poll::Ready(Ok(()));
            }
            match this.expects {
                Expects::Head | Expects::Other => match ready!(this.poll_head(context))? {
                    true => {}
                    false => return Poll::Ready(Ok(())),
                },
                Expects::Body(_) | Expects::Chunks(_) => return this.poll_body(context, &mut cursor),
                Expects::Nothing => return Poll::Pending,
            }
        }
    }
}

impl<S: Wire> hyper::rt::Write for Gate<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let result = self.socket()?.poll_write(context, bytes);
        self.taken(&result);
        result
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = self.socket()?.poll_write_vectored(context, parts);
        self.taken(&result);
        result
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.as_ref().is_some_and(S::is_write_vectored)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = self.socket()?.poll_flush(context);
        self.flushed(&result);
        result
    }

    /// Closes our side, and when the client is not done sending, listens until it is: closing at once would be a reset,
    /// which may take the answer away from under its eyes.
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.client.tunnel.borrow().is_some() {
            // Hyper has said 101 and is done: the socket lives on.
            ready!(hyper::rt::Write::poll_flush(Pin::new(&mut *this), context))?;
            *this.exit.borrow_mut() = this.socket.take().map(|socket| (socket, std::mem::take(&mut this.input)));
            return Poll::Ready(Ok(()));
        }
        let closed = this.socket()?.poll_shutdown(context);
        this.flushed(&closed);
        ready!(closed)?;
        if matches!(this.expects, Expects::Head) && this.input.is_empty() {
            return Poll::Ready(Ok(()));
        }
        if this.client.phase() != Phase::Linger {
            this.client.enter(Phase::Linger);
        }
        while this.linger > 0 {
            this.input.clear();
            match ready!(this.poll_fill(context, READ_HEAD)) {
                Ok(0) | Err(_) => break,
                Ok(read) => this.linger = this.linger.saturating_sub(read),
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: Wire> Drop for Gate<S> {
    fn drop(&mut self) {
        if let Some(socket) = self.socket.as_ref().filter(|_| self.client.reset.get()) {
            socket.reset();
        }
    }
}
