//! One core: a thread that takes the next event, whatever it is, and sees it through.
//!
//! With several cores each takes one event at a time, so that none waits behind a request that blocks; a single core takes
//! many at once.

use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};

use nix::errno::Errno;
use nix::libc;
use nix::sys::epoll::{EpollEvent, EpollFlags, EpollTimeout};
use rsgi_abi::host::{self, Language};
use rsgi_abi::types::Var;
use rsgi_proto::http1::request::Head;
use rsgi_sys::net::Peer;

use super::backoff::Crush;
use super::clock::Clock;
use super::connection::{Connection, Phase, Request, Speaks};
use super::engine::{Engine, Token};
use super::input::Input;
use super::offload::{Job, Next, Transfer};
use super::retire::Departure;
use super::stay::Stay;
use super::turn::Turn;
use crate::harakiri;
use crate::logging::panics;
use crate::memory::meters::{Count, Gauge, Meter};
use crate::memory::{core_slot::CoreSlot, scoreboard::WorkerSlot};
use crate::trace::Ids;

/// Connections taken from one listener before the other events get their turn.
const ACCEPTS: usize = 16;
const EVENTS: usize = 64;

/// A core at work. Its buffers are used for one request after the other.
#[derive(Debug)]
pub(super) struct Core<'e> {
    pub(super) engine: &'e Engine,
    pub(super) id: u32,
    pub(super) plugin: host::Core,
    /// On the main thread, the plugin's main-thread side.
    main: Option<Language>,
    pub(super) slot: Option<CoreSlot>,
    pub(super) worker: Option<WorkerSlot>,
    /// Counts for the metrics.
    pub(super) meter: Meter,
    /// Ids of traces that begin here.
    pub(super) ids: Ids,
    pub(super) spare_input: Input,
    pub(super) spare_request: Request,
    pub(super) head: Head,
    pub(super) out: Vec<u8>,
    pub(super) line: Vec<u8>,
    /// Where the variables of a request become text.
    pub(super) text: Vec<u8>,
    pub(super) vars: Vec<Var<'static>>,
    pub(super) clock: Clock,
    /// The rest of an answer, for an offload thread, and what its connection does then.
    pub(super) transfer: Option<(Transfer, Next)>,
    /// A request decided that this worker leaves: done when its connection has been seen to.
    pub(super) leaving: Option<Departure>,
    /// How it fares with the other cores.
    pub(super) crush: Crush,
    /// A request has met an order to leave that nobody has read: obeyed before anything new is taken.
    pub(super) is_told: bool,
    /// What the connection at hand has had of this core.
    pub(super) turn: Turn,
}

/// What becomes of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It waits for the next event.
    Wait,
    /// It is closed.
    Close,
    /// It goes to an offload thread, with [`Core::transfer`].
    Hand,
    /// It has more requests, and others have their turn first.
    Queue,
}

impl<'e> Core<'e> {
    pub(super) fn new(engine: &'e Engine, id: u32, mut plugin: host::Core, main: Option<Language>) -> Self {
        let slot = engine.board.core(engine.id, id);
        if let Some(slot) = slot {
            let (thread, number) = rsgi_sys::thread::this();
            slot.set_thread(thread, number);
        }
        super::deadline::adopt(slot);
        panics::adopt(slot);
        engine.backoff.join();
        let meter = engine.meter(id);
        // What comes from a router is not judged (`backoff`).
        let may_back_off = engine.config.workers.threads > 1 && !engine.listeners.is_empty();
        if meter.is_on() || may_back_off {
            plugin.measure_lock();
        }
        Self {
            engine,
            id,
            plugin,
            main,
            slot,
            worker: engine.board.worker(engine.id),
            meter,
            ids: Ids::default(),
            spare_input: Input::default(),
            spare_request: Request::default(),
            head: Head::default(),
            out: Vec::with_capacity(8192),
            line: Vec::new(),
            text: Vec::new(),
            vars: Vec::new(),
            clock: Clock::default(),
            transfer: None,
            leaving: None,
            crush: Crush::default(),
            is_told: false,
            turn: Turn::default(),
        }
    }

    /// Opens the worker's doors; one core does this, the first. Returns links over which something has come already, which
    /// must not keep the worker from saying that it serves.
    #[expect(clippy::vec_box, reason = "connections stay where they are, here as in the table")]
    pub(super) fn open(&self, cores: u32) -> nix::Result<Vec<Box<Connection>>> {
        let mut early = Vec::new();
        for router in 0..self.engine.routers() {
            let first = u32::try_from(router).unwrap_or(0).saturating_mul(cores);
            for link in first..first + cores {
                if let Some(link) = self.engine.dial(router, link) {
                    early.extend(self.engine.park(link)?);
                }
            }
        }
        self.engine.open()?;
        Ok(early)
    }

    /// Serves a connection that nobody had to accept.
    pub(super) fn welcome(&mut self, socket: OwnedFd) {
        self.engine.born();
        self.drive(Box::new(Connection::new(socket, Speaks::Http, Phase::Head, usize::MAX, Peer::Unix)));
        self.leave_if_due();
    }

    /// Serves until the worker ends.
    pub(super) fn run(&mut self, cores: u32) {
        let mut events = [EpollEvent::empty(); EVENTS];
        let at_once = if cores == 1 { EVENTS } else { 1 };
        while !self.engine.is_stopping() {
            self.back_off();
            let since = self.engine.backoff.is_on().then(harakiri::now);
            let room = events.get_mut(..at_once).unwrap_or_default();
            let waited = self.engine.epoll.wait(room, EpollTimeout::NONE);
            if let Some(since) = since {
                self.engine.backoff.waited(since);
            }
            let count = match waited {
                Ok(count) => count,
                Err(Errno::EINTR) => {
                    self.signalled();
                    continue;
                }
                Err(error) => {
                    tracing::error!("worker {} core {} cannot wait for events: {error}", self.engine.id, self.id);
                    self.engine.stop();
                    return;
                }
            };
            for event in events.get(..count).unwrap_or_default() {
                self.take(Token::unpack(event.data()), event.events());
                self.leave_if_due();
            }
        }
    }

    /// Begins to leave when a request has decided so, or has met the order.
    fn leave_if_due(&mut self) {
        if let Some(Departure { exit, hurry }) = self.leaving.take() {
            self.drain(exit, hurry);
        }
        if std::mem::take(&mut self.is_told) {
            self.obey();
        }
    }

    /// A wait was interrupted: the application may have signal handlers.
    pub(super) fn signalled(&self) {
        if let Some(language) = self.main {
            language.check_signals();
        }
    }

    fn take(&mut self, token: Token, flags: EpollFlags) {
        match token {
            Token::Connection(fd) => {
                if let Some(mut connection) = self.engine.table.slot(fd).and_then(|slot| slot.acquire()) {
                    connection.drained = false;
                    connection.to_the_end = flags != EpollFlags::EPOLLIN;
                    self.drive(connection);
                }
            }
            Token::Listener(index) => self.accept(index),
            Token::Timer => self.sweep(),
            Token::Control => self.obey(),
            Token::Signal => self.heed_signals(),
            Token::Wake => {}
            Token::Returned => {
                if let Some(connection) = self.engine.offload.take_returned() {
                    self.drive(connection);
                }
            }
        }
    }

    /// Takes connections and serves each at once: one that closes after its answer never meets the epoll set, and the
    /// next one is only taken when this core is free for it.
    pub(super) fn accept(&mut self, index: usize) {
        for _ in 0..ACCEPTS {
            let _stay = Stay::begin(self.engine);
            if self.engine.is_draining() || self.crush.is_on || !self.accept_one(index) {
                return;
            }
            self.leave_if_due();
        }
    }

    /// Takes what came before this worker turned away: the kernel has woken nobody else for it (`EPOLLEXCLUSIVE`), so it would
    /// wait until the next client comes.
    pub(super) fn accept_the_last(&mut self) {
        if self.engine.is_held() {
            return;
        }
        for index in 0..self.engine.listeners.len() {
            for _ in 0..ACCEPTS {
                if !self.accept_one(index) {
                    break;
                }
            }
        }
    }

    /// Takes a connection and serves it; `false` when there is none.
    fn accept_one(&mut self, index: usize) -> bool {
        if !self.has_room(index) {
            return false;
        }
        let Some(entrance) = self.engine.listeners.get(index) else { return false };
        match rsgi_sys::net::accept(std::os::fd::AsFd::as_fd(&entrance.socket)) {
            Ok(Some((socket, peer))) => {
                let Some(speaks) = Speaks::of(entrance.protocol) else { return false };
                self.engine.born();
                self.engine.seat.up(Gauge::Connections);
                self.meter.count(Count::Connections);
                let phase = self.engine.first_phase(index, &speaks, peer);
                let mut connection = Box::new(Connection::new(socket, speaks, phase, index, peer));
                self.enter(&mut connection, entrance.protocol);
                if self.admit(&mut connection) {
                    self.drive(connection);
                } else {
                    self.engine.close(connection);
                }
                true
            }
            Ok(None) => false,
            // Whoever is idle gives way to who waits.
            Err(error) if matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE)) && self.make_room() => true,
            Err(error) => {
                self.engine.pause(index, &error);
                false
            }
        }
    }

    /// Does everything that can be done for a connection now, then lets it wait or closes it.
    pub(super) fn drive(&mut self, mut connection: Box<Connection>) {
        self.turn = Turn::default();
        loop {
            let step = catch_unwind(AssertUnwindSafe(|| self.progress(&mut connection)));
            let fate = step.unwrap_or_else(|_| {
                let panic = panics::take().map(|id| format!(", see panic {id}")).unwrap_or_default();
                tracing::error!("worker {} core {}: internal error{panic}, connection closed", self.engine.id, self.id);
                self.out.clear();
                // It is in no request any more.
                self.slot.inspect(|slot| slot.clear());
                Fate::Close
            });
            if let Some(memory) = connection.input.take_memory() {
                self.spare_input = memory;
            }
            match (fate, self.transfer.take()) {
                (Fate::Hand, Some((transfer, next))) => {
                    return self.engine.offload.hand(Job { connection, transfer, next, slot: self.slot });
                }
                (Fate::Queue, _) => return self.engine.offload.give_to_core(connection),
                (Fate::Close | Fate::Hand, _) => return self.close(connection),
                (Fate::Wait, _) => {}
            }
            let link = connection.link();
            match self.engine.park(connection) {
                Ok(None) => return,
                Ok(Some(again)) => {
                    connection = again;
                    connection.drained = false;
                    connection.to_the_end = true;
                }
                Err(error) => {
                    tracing::error!("cannot watch a connection: {error}");
                    // The core needs its link, and may get another one later.
                    if let Some((router, link)) = link {
                        self.engine.dial_later(router, link);
                    }
                    return;
                }
            }
        }
    }

    /// Closes a connection; a link is dialled again unless the worker leaves.
    pub(super) fn close(&mut self, connection: Box<Connection>) {
        let router = connection.link();
        // The new link first: a draining worker must not see zero connections in between.
        let served = connection.served;
        let link = router.and_then(|(router, link)| self.engine.redial(router, link, served));
        self.engine.close(connection);
        if let Some(link) = link {
            self.drive(link);
        }
    }
}
