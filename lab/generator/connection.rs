//! A connection and the request on it.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::Instant;

use nix::sys::epoll::{Epoll, EpollEvent, EpollFlags};
use socket2::{Domain, Protocol, Socket, Type};

use crate::answer::{Answer, Step};

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Ending {
    /// A whole answer with 2xx.
    Answered,
    /// A whole answer with another status.
    Status(u16),
    /// The connection could not be made.
    Refused,
    /// It ended before the first byte of the answer.
    Unanswered,
    /// It ended in the middle of the answer.
    Cut,
    /// No answer long after the load.
    Late,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    Idle,
    Connecting,
    /// So many bytes of the request are sent.
    Sending(usize),
    Receiving,
}

/// One client.
#[derive(Debug)]
pub(crate) struct Connection {
    socket: Option<Socket>,
    state: State,
    answer: Answer,
    /// When the request in hand was due.
    pub(crate) due: Instant,
    /// It has had an answer on this socket before.
    is_kept: bool,
}

/// Where connections lead, what is sent on them, and who wakes them.
#[derive(Debug)]
pub(crate) struct Way<'a> {
    pub(crate) address: SocketAddr,
    pub(crate) request: &'a [u8],
    pub(crate) epoll: &'a Epoll,
}

/// What came of a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Progress {
    Waits,
    /// Ended, and whether it was sent twice.
    Ended(Ending, bool),
}

impl Connection {
    pub(crate) fn new() -> Self {
        Self { socket: None, state: State::Idle, answer: Answer::default(), due: Instant::now(), is_kept: false }
    }

    /// Sends a request that is due then.
    pub(crate) fn begin(&mut self, way: &Way<'_>, number: u64, due: Instant) -> Progress {
        self.due = due;
        self.answer.clear();
        if self.socket.is_some() {
            self.state = State::Sending(0);
        } else if self.connect(way, number).is_err() {
            return self.end(Ending::Refused);
        }
        self.go_on(way, number)
    }

    /// Goes on as far as it can. A server may close a kept connection at any time, also while a request is on its way; a GET that had no byte of
    /// an answer then goes to a new one (RFC 9112, 9.3.1), once.
    pub(crate) fn go_on(&mut self, way: &Way<'_>, number: u64) -> Progress {
        let was_kept = self.is_kept;
        match self.step(way) {
            Progress::Ended(Ending::Unanswered, _) if was_kept => {
                if self.connect(way, number).is_err() {
                    return Progress::Ended(Ending::Refused, true);
                }
                match self.step(way) {
                    Progress::Ended(ending, _) => Progress::Ended(ending, true),
                    Progress::Waits => Progress::Waits,
                }
            }
            progress => progress,
        }
    }

    fn connect(&mut self, way: &Way<'_>, number: u64) -> std::io::Result<()> {
        let socket = Socket::new(Domain::for_address(way.address), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        let flags = EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT | EpollFlags::EPOLLRDHUP | EpollFlags::EPOLLET;
        way.epoll.add(&socket, EpollEvent::new(flags, number))?;
        match socket.connect(&way.address.into()) {
            Ok(()) => {}
            Err(error) if error.raw_os_error() == Some(nix::errno::Errno::EINPROGRESS as i32) => {}
            Err(error) => return Err(error),
        }
        (self.socket, self.is_kept, self.state) = (Some(socket), false, State::Connecting);
        Ok(())
    }

    fn step(&mut self, way: &Way<'_>) -> Progress {
        let mut buffer = [0; 16384];
        loop {
            let Some(mut socket) = self.socket.as_ref() else { return Progress::Waits };
            match self.state {
                State::Idle => match socket.read(&mut buffer) {
                    Err(error) if error.kind() == ErrorKind::WouldBlock => return Progress::Waits,
                    // Closed between two requests, which is nobody's loss.
                    _ => {
                        self.socket = None;
                        return Progress::Waits;
                    }
                },
                State::Connecting => match socket.take_error() {
                    Ok(None) if socket.peer_addr().is_ok() => self.state = State::Sending(0),
                    Ok(None) => return Progress::Waits,
                    _ => return self.end(Ending::Refused),
                },
                State::Sending(sent) => match socket.write(way.request.get(sent..).unwrap_or_default()) {
                    Ok(count) if sent + count >= way.request.len() => self.state = State::Receiving,
                    Ok(count) => self.state = State::Sending(sent + count),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => return Progress::Waits,
                    Err(_) => return self.end(Ending::Unanswered),
                },
                State::Receiving => {
                    let step = match socket.read(&mut buffer) {
                        Ok(0) => self.answer.at_end(),
                        Ok(count) => self.answer.take_in(buffer.get(..count).unwrap_or_default()),
                        Err(error) if error.kind() == ErrorKind::WouldBlock => return Progress::Waits,
                        Err(_) => Step::Wrong,
                    };
                    match step {
                        Step::More => {}
                        Step::Whole { status, stays } => return self.whole(status, stays),
                        Step::Wrong if self.answer.has_begun() => return self.end(Ending::Cut),
                        Step::Wrong => return self.end(Ending::Unanswered),
                    }
                }
            }
        }
    }

    fn whole(&mut self, status: u16, stays: bool) -> Progress {
        (self.state, self.is_kept) = (State::Idle, true);
        if !stays {
            self.socket = None;
        }
        let ending = if (200..300).contains(&status) { Ending::Answered } else { Ending::Status(status) };
        Progress::Ended(ending, false)
    }

    fn end(&mut self, ending: Ending) -> Progress {
        (self.socket, self.state, self.is_kept) = (None, State::Idle, false);
        Progress::Ended(ending, false)
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.state == State::Idle
    }
}
