//! One request's body on its way in, with no request around it: for the target `uploads` of `tests/fuzz`, which cuts it anywhere.

use std::io::{self, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, recv};
use rsgi_abi::host::ReadError;
use rsgi_proto::Body;
use rsgi_proto::fastcgi::Stdin;
use rsgi_proto::http1::chunked::Chunked;
use rsgi_proto::link::WorkerEnd;

use super::ahead::{Ahead, BodyLimits, Decoder};
use super::input::Input;
use super::rest::Rest;
use super::wire::{Got, Wire};

/// How a body is told from what follows it.
#[derive(Debug, Clone, Copy)]
pub enum Framing {
    /// It has so many bytes.
    Length(u64),
    /// Chunks (RFC 9112 §7.1).
    Chunked,
    /// STDIN records of the FastCGI request with this number.
    Fastcgi(u16),
    /// BODY frames of a link whose head this decoder has taken.
    Link(WorkerEnd),
}

/// A body, and how it comes.
#[derive(Debug, Clone, Copy)]
pub struct Upload<'a> {
    /// The head of its request, which stays in front of it.
    pub head: &'a [u8],
    /// What comes behind the head, in so many pieces. None is longer than what a socket holds, 64 KiB.
    pub pieces: &'a [&'a [u8]],
    /// How it is framed.
    pub framing: Framing,
    /// The application runs after the first piece, as for a client that waits for `100 Continue`; else when all is here. Without
    /// `post-buffering` only.
    pub is_asked_for: bool,
    /// `limit-post`, bytes.
    pub largest: Option<u64>,
    /// `post-buffering`, bytes; 0 is off.
    pub buffering: u64,
    /// Bytes that the application reads at once, 1….
    pub portion: usize,
}

/// What came of it.
#[derive(Debug)]
pub struct Arrived {
    /// What the application has read.
    pub body: Vec<u8>,
    /// Whether that is all of it.
    pub end: Result<(), ReadError>,
    /// Bytes behind the body: the next request.
    pub behind: Vec<u8>,
    /// Over a link: the router has called the request off, or said what it may not say before the answer.
    pub is_called_off: bool,
    /// Over a link: its decoder, where the next request begins.
    pub link: Option<WorkerEnd>,
}

impl Upload<'_> {
    /// Receives it as a worker does.
    ///
    /// # Errors
    /// The system has no sockets left.
    pub fn receive(&self) -> io::Result<Arrived> {
        let (mut client, ours) = UnixStream::pair()?;
        let mut pieces = self.pieces.iter();
        let wire = Wire::new(ours.as_fd(), None);
        let (body, decoder, mut link) = self.framing.parts();
        let limits = BodyLimits { largest: self.largest, buffering: self.buffering };
        let mut input = Input::default();
        input.append(self.head);
        let mut ahead = Ahead::new(self.head.len(), body, decoder);
        let mut ready = ahead.check(limits).and_then(|()| ahead.advance(&mut input, limits));
        loop {
            match ready {
                Ok(true) => break,
                Ok(false) => {}
                Err(trouble) => return Ok(Arrived::cut(Vec::new(), trouble.told())),
            }
            let Some(piece) = pieces.next() else { return Ok(Arrived::cut(Vec::new(), ReadError::Gone)) };
            client.write_all(piece)?;
            let mut is_drained = false;
            while let Got::Bytes(_) = input.fill(wire, ahead.buffer_limit(limits), &mut is_drained) {}
            ready = ahead.advance(&mut input, limits).map(|ready| ready || (self.is_asked_for && self.buffering == 0));
        }
        ahead.hand_over(&mut input);
        let used = ahead.used();
        let decoded = std::mem::take(&mut ahead.decoded);
        let plain = input.data().get(self.head.len()..used).unwrap_or_default();
        let prefix = if ahead.is_apart() { decoded.as_slice() } else { plain };
        let mut rest = Rest::new(wire, Duration::ZERO, None, self.largest, body, &mut ahead, prefix);
        let mut all = prefix.to_vec();
        let mut portion = vec![0; self.portion.max(1)];
        let end = loop {
            match rest.read(&mut portion, None) {
                Ok(0) => break Ok(()),
                Ok(count) => all.extend_from_slice(portion.get(..count).unwrap_or_default()),
                Err(ReadError::Timeout) => match pieces.next() {
                    Some(piece) => client.write_all(piece)?,
                    None => client.shutdown(Shutdown::Write)?,
                },
                Err(error) => break Err(error),
            }
        };
        if let Err(error) = end {
            return Ok(Arrived::cut(all, error));
        }
        pieces.try_for_each(|piece| client.write_all(piece))?;
        let unread = peek(&ours)?;
        let is_called_off = link.is_some() && rest.is_called_off();
        let remains = rest.finish();
        if let Some(Decoder::Link(end)) = remains.decoder {
            link = Some(end);
        }
        let mut behind = input.data().get(used..).unwrap_or_default().to_vec();
        behind.extend_from_slice(&remains.leftover);
        behind.extend_from_slice(&unread);
        Ok(Arrived { body: all, end, behind, is_called_off, link })
    }
}

impl Framing {
    fn parts(self) -> (Body, Option<Decoder>, Option<WorkerEnd>) {
        match self {
            Self::Length(length) => (Body::Length(length), None, None),
            Self::Chunked => (Body::Chunked, Some(Decoder::Chunked(Chunked::new())), None),
            Self::Fastcgi(id) => (Body::Chunked, Some(Decoder::Fastcgi(Stdin::new(id))), None),
            Self::Link(end) => (Body::Chunked, Some(Decoder::Link(end)), Some(end)),
        }
    }
}

impl Arrived {
    /// Not all of it: nothing of the connection is used any more.
    const fn cut(body: Vec<u8>, error: ReadError) -> Self {
        Self { body, end: Err(error), behind: Vec::new(), is_called_off: false, link: None }
    }
}

/// What is in the socket, which stays there.
fn peek(socket: &UnixStream) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; 1 << 18];
    match recv(socket.as_raw_fd(), &mut bytes, MsgFlags::MSG_PEEK | MsgFlags::MSG_DONTWAIT) {
        Ok(count) => bytes.truncate(count),
        Err(Errno::EAGAIN) => bytes.clear(),
        Err(error) => return Err(error.into()),
    }
    Ok(bytes)
}
