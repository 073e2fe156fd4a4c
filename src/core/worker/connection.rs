//! One connection of a worker: a client's, a proxy's, or a link to the router.

use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Mutex, PoisonError};

use rsgi_config::Protocol;
use rsgi_proto::http1::request::Head;
use rsgi_proto::link::WorkerEnd;
use rsgi_proto::vars::Vars;
use rsgi_proto::{Body, Version};
use rsgi_sys::net::Peer;

use super::ahead::Ahead;
use super::crowd::Counted;
use super::handshake::Hello;
use super::input::Input;
use super::session::Session;
use super::wire::Wire;
use crate::tls;

/// A connection, in the hands of one core or waiting in the table.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) socket: OwnedFd,
    pub(super) speaks: Speaks,
    /// What encrypts it, from the client's first message on.
    pub(super) session: Option<Box<Mutex<Session>>>,
    /// Who shook hands.
    pub(super) client: Option<Box<tls::Peer>>,
    /// Index of the listener it came from; links have none.
    pub(super) listener: usize,
    pub(super) remote_addr: String,
    pub(super) remote_port: String,
    pub(super) input: Input,
    pub(super) phase: Phase,
    /// Requests answered.
    pub(super) served: u32,
    /// Second of the engine's clock at which the unfinished head, or what comes before it, began.
    pub(super) head_began: Option<u32>,
    /// Bytes of the unfinished head that have been looked at.
    pub(super) searched: usize,
    /// The kernel has no more bytes for now: wait for an event before the next read.
    pub(super) drained: bool,
    /// A short read does not mean that there is no more: the end of the stream may be right behind it, and the event that
    /// told of both has been used up.
    pub(super) to_the_end: bool,
    /// It is in the epoll set.
    pub(super) registered: bool,
    /// The router was told that this link's core leaves.
    pub(super) said_bye: bool,
    /// The client has not taken its answer in time.
    pub(super) takes_nothing: bool,
    /// How it counts among the worker's clients.
    pub(super) counted: Counted,
}

/// What is spoken on a connection.
#[derive(Debug)]
pub(super) enum Speaks {
    Http,
    /// Packets; with `persistent` one after the other.
    Uwsgi {
        persistent: bool,
    },
    /// `nph`: answers begin with a status line instead of `Status:`.
    Scgi {
        nph: bool,
    },
    Fastcgi {
        nph: bool,
    },
    /// Frames with router number so-and-so (index of its rendezvous).
    Link {
        end: WorkerEnd,
        router: usize,
        /// Number of the link among all of this worker: any core may serve it, but never two requests at a time.
        link: u32,
    },
}

/// Where a connection is between two requests.
#[derive(Debug)]
pub(super) enum Phase {
    /// A proxy says who its client is.
    Proxy,
    /// The first message of a handshake is expected.
    Hello(Box<Hello>),
    /// The rest of a handshake is.
    Handshake,
    /// A head is expected or coming in.
    Head,
    /// A head is complete, its body is coming in.
    Body(Box<Pending>),
    /// Answered and closed on our side; what the client still sends is thrown away, so that it gets to read the answer: until
    /// so many bytes have come, or this second of the engine's clock.
    Linger { left: usize, end: u32 },
}

/// A request whose body is read ahead.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) request: Request,
    pub(super) ahead: Ahead,
    /// Second of the engine's clock at which the body was first waited for.
    pub(super) began: u32,
}

/// A decoded request.
#[derive(Debug, Default)]
pub(super) struct Request {
    /// Its variables; spans count from the start of the connection's data.
    pub(super) vars: Vars,
    pub(super) facts: Facts,
}

/// What the server itself needs to know of a request.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Facts {
    /// Length of the head at the start of the connection's data.
    pub(super) head: usize,
    pub(super) body: Body,
    pub(super) version: Version,
    pub(super) is_head: bool,
    pub(super) keep_alive: bool,
    pub(super) expect_continue: bool,
    /// The client offers another protocol.
    pub(super) upgrade: bool,
    /// Number of a FastCGI request.
    pub(super) record: u16,
}

impl From<Head> for Facts {
    fn from(head: Head) -> Self {
        Self {
            head: head.consumed,
            body: head.body,
            version: head.version,
            is_head: head.method.is_head(),
            keep_alive: head.keep_alive,
            expect_continue: head.expect_continue,
            upgrade: head.upgrade,
            record: 0,
        }
    }
}

impl Speaks {
    /// How connections of a listener speak; `None` for protocols that workers do not have.
    pub(super) const fn of(protocol: Protocol) -> Option<Self> {
        match protocol {
            Protocol::Http | Protocol::Http11 | Protocol::Https => Some(Self::Http),
            Protocol::Uwsgi | Protocol::Suwsgi => Some(Self::Uwsgi { persistent: false }),
            Protocol::Puwsgi => Some(Self::Uwsgi { persistent: true }),
            Protocol::Scgi => Some(Self::Scgi { nph: false }),
            Protocol::ScgiNph => Some(Self::Scgi { nph: true }),
            Protocol::Fastcgi => Some(Self::Fastcgi { nph: false }),
            Protocol::FastcgiNph => Some(Self::Fastcgi { nph: true }),
            Protocol::Raw => None,
        }
    }
}

impl Connection {
    pub(super) fn new(socket: OwnedFd, speaks: Speaks, phase: Phase, listener: usize, peer: Peer) -> Self {
        let (remote_addr, remote_port) = match peer {
            Peer::Ip(address) => address_text(address),
            Peer::Unix => (String::new(), String::new()),
        };
        Self {
            socket,
            speaks,
            session: None,
            client: None,
            listener,
            remote_addr,
            remote_port,
            input: Input::default(),
            phase,
            served: 0,
            head_began: None,
            searched: 0,
            drained: false,
            to_the_end: false,
            registered: false,
            said_bye: false,
            takes_nothing: false,
            counted: Counted::default(),
        }
    }

    /// Which link it is: the index of its router, and its number.
    pub(super) const fn link(&self) -> Option<(usize, u32)> {
        match self.speaks {
            Speaks::Link { router, link, .. } => Some((router, link)),
            _ => None,
        }
    }

    /// An encrypted message has begun to come that nobody can read yet.
    pub(super) fn is_amid(&self) -> bool {
        let session = self.session.as_ref();
        session.is_some_and(|session| session.lock().unwrap_or_else(PoisonError::into_inner).is_amid())
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// The client is somebody else than the one who connected.
    pub(super) fn rename(&mut self, client: SocketAddr) {
        (self.remote_addr, self.remote_port) = address_text(client);
    }

    /// The way of its bytes.
    pub(super) fn wire(&self) -> Wire<'_> {
        Wire::new(self.fd(), self.session.as_deref())
    }

    /// It waits for the client to take something, not only for what it sends.
    pub(super) fn is_stuck(&self) -> bool {
        matches!(self.phase, Phase::Handshake)
            && self
                .session
                .as_ref()
                .is_some_and(|session| session.lock().unwrap_or_else(PoisonError::into_inner).is_stuck())
    }

    pub(super) const fn is_link(&self) -> bool {
        matches!(self.speaks, Speaks::Link { .. })
    }

    /// The peer's address for a log line.
    pub(super) fn peer_name(&self) -> &str {
        if self.remote_addr.is_empty() { "unix socket" } else { &self.remote_addr }
    }
}

fn address_text(address: SocketAddr) -> (String, String) {
    (address.ip().to_string(), address.port().to_string())
}
