//! The router's end of a link: frames out, events in, without blocking. One link is one core of one worker.

use std::io::IoSlice;
use std::os::fd::{AsFd, OwnedFd};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use nix::Error as Errno;
use rsgi_proto::link::{self, File, Hello, RouterEnd, ToRouter};
use rsgi_sys::{fdpass, reactor};
use tokio::io::unix::AsyncFd;

/// Longest head of an answer. Workers have a limit of their own; this one only bounds memory.
const HEAD_LIMIT: u32 = 1024 * 1024;
/// Bytes asked for in one read.
const READ: usize = 64 * 1024;
/// With less room than this in the buffer, a read is not worth its call.
const LEAST: usize = 4 * 1024;

/// A link.
#[derive(Debug)]
pub(super) struct Link {
    socket: AsyncFd<OwnedFd>,
    /// Who is at the far end.
    pub(super) hello: Hello,
    input: BytesMut,
    decoder: RouterEnd,
    /// A descriptor that came ahead of its FILE frame's end.
    passed: Option<OwnedFd>,
    /// The core leaves after the request that it has, if any.
    leaving: bool,
}

/// What a worker said.
#[derive(Debug)]
pub(super) enum Event {
    /// The application wants the body.
    Continue,
    /// The answer's head.
    Head(Head),
    /// Some of its body, never empty.
    Data(Bytes),
    /// The rest of its body; the core is idle.
    File(File, OwnedFd),
    /// The answer is complete, or broke off; the core is idle.
    End {
        /// It broke off.
        aborted: bool,
    },
}

/// The head of an answer.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) code: u16,
    pub(super) close: bool,
    pub(super) app_chunked: bool,
    /// The connection speaks what the client has offered.
    pub(super) switched: bool,
    pub(super) content_length: Option<u64>,
    /// The whole answer is there, or on its way in this very frame.
    pub(super) last: bool,
    /// Bytes of body in the frame of the head.
    pub(super) inline: u32,
    /// Code and reason.
    pub(super) status: Bytes,
    /// `Name: value\r\n` for each header.
    pub(super) lines: Bytes,
}

/// Why a link is of no more use.
#[derive(Debug, thiserror::Error)]
pub(super) enum Lost {
    /// The worker is gone.
    #[error("the worker ended before it had answered")]
    Closed,
    /// The worker is gone and had not read all that it was sent.
    #[error("the worker ended without reading the request")]
    Unread,
    /// The worker does not keep to the protocol.
    #[error("the worker sent nonsense: {0}")]
    Garbage(#[from] link::LinkError),
    /// A frame that does not belong here.
    #[error("the worker sent nonsense: {0}")]
    OutOfPlace(&'static str),
    /// The system refuses.
    #[error("the link to the worker failed: {0}")]
    Io(#[from] std::io::Error),
}

impl Link {
    /// Takes over a link's far end.
    pub(super) fn new(socket: OwnedFd, hello: Hello) -> std::io::Result<Self> {
        socket2::SockRef::from(&socket).set_nonblocking(true)?;
        let socket = reactor::register(socket)?;
        Ok(Self {
            socket,
            hello,
            input: BytesMut::new(),
            decoder: RouterEnd::new(HEAD_LIMIT),
            passed: None,
            leaving: false,
        })
    }

    /// Sends some of `bytes`; returns how many.
    pub(super) fn poll_send(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize, Lost>> {
        loop {
            let mut ready = ready!(self.socket.poll_write_ready(context))?;
            match fdpass::send(self.socket.as_fd(), &[IoSlice::new(bytes)], None) {
                Ok(sent) => {
                    if sent < bytes.len() {
                        ready.clear_ready();
                    }
                    return Poll::Ready(Ok(sent));
                }
                Err(Errno::EAGAIN) => ready.clear_ready(),
                Err(Errno::EINTR) => {}
                Err(error) => return Poll::Ready(Err(error.into())),
            }
        }
    }

    /// The next event.
    pub(super) fn poll_event(&mut self, context: &mut Context<'_>) -> Poll<Result<Event, Lost>> {
        loop {
            match self.decode() {
                Ok(Some(Event::Data(data))) if data.is_empty() => {}
                Ok(Some(event)) => return Poll::Ready(Ok(event)),
                Ok(None) => ready!(self.poll_fill(context))?,
                Err(lost) => return Poll::Ready(Err(lost)),
            }
        }
    }

    /// Whether an idle link is still good: all that a worker says on it is that it leaves, or has left.
    pub(super) fn is_idle(&mut self, context: &mut Context<'_>) -> bool {
        !self.leaving && self.input.is_empty() && self.poll_fill(context).is_pending()
    }

    fn decode(&mut self) -> Result<Option<Event>, Lost> {
        let Some((mut used, mut frame)) = self.decoder.decode(&self.input)? else { return Ok(None) };
        if frame == ToRouter::Bye {
            // It crossed our request, which is still answered.
            self.leaving = true;
            self.input.advance(used);
            match self.decoder.decode(&self.input)? {
                Some(next) => (used, frame) = next,
                None => return Ok(None),
            }
        }
        Ok(Some(match frame {
            ToRouter::Continue => self.bare(used, Event::Continue),
            ToRouter::End { aborted } => self.bare(used, Event::End { aborted }),
            ToRouter::Data(data) => {
                let len = data.len();
                self.input.advance(used - len);
                Event::Data(self.input.split_to(len).freeze())
            }
            ToRouter::Response(response) => {
                let (status, lines) = (response.status.len(), response.lines.len());
                let mut head = Head {
                    code: response.code,
                    close: response.close,
                    app_chunked: response.app_chunked,
                    switched: response.switched,
                    content_length: response.content_length,
                    last: response.last,
                    inline: response.inline,
                    status: Bytes::new(),
                    lines: Bytes::new(),
                };
                self.input.advance(used - status - lines);
                let mut text = self.input.split_to(status + lines).freeze();
                head.status = text.split_to(status);
                head.lines = text;
                Event::Head(head)
            }
            ToRouter::File(file) => {
                let fd = self.passed.take().ok_or(Lost::OutOfPlace("a file without its descriptor"))?;
                self.bare(used, Event::File(file, fd))
            }
            ToRouter::Bye => return Err(Lost::OutOfPlace("a second farewell")),
            ToRouter::Hello(_) => return Err(Lost::OutOfPlace("a second hello")),
        }))
    }

    fn bare(&mut self, used: usize, event: Event) -> Event {
        self.input.advance(used);
        event
    }

    /// Reads once. A read that leaves room has emptied the socket, so the next one waits instead of asking.
    fn poll_fill(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Lost>> {
        loop {
            let mut ready = ready!(self.socket.poll_read_ready(context))?;
            if self.input.capacity() - self.input.len() < LEAST {
                self.input.reserve(READ);
            }
            let room = self.input.capacity() - self.input.len();
            match fdpass::receive(self.socket.as_fd(), &mut self.input) {
                Ok(received) if received.len == 0 => return Poll::Ready(Err(Lost::Closed)),
                Ok(received) => {
                    // The kernel stops after a descriptor, whatever lies behind it.
                    if received.len < room && received.fd.is_none() {
                        ready.clear_ready();
                    }
                    if received.fd.is_some() {
                        self.passed = received.fd;
                    }
                    return Poll::Ready(Ok(()));
                }
                Err(Errno::EAGAIN) => ready.clear_ready(),
                Err(Errno::EINTR) => {}
                Err(Errno::ECONNRESET) => return Poll::Ready(Err(Lost::Unread)),
                Err(error) => return Poll::Ready(Err(error.into())),
            }
        }
    }
}

impl From<Errno> for Lost {
    fn from(error: Errno) -> Self {
        match error {
            Errno::EPIPE => Self::Closed,
            Errno::ECONNRESET => Self::Unread,
            other => Self::Io(other.into()),
        }
    }
}
