//! What all cores of a worker share: the epoll set, the connections, the listeners, and the way to the end.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, AtomicUsize};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use rsgi_config::{Config, Network, Protocol};
use rsgi_proto::link::{Hello, WorkerEnd};
use rsgi_proto::{Body, cgi, http1};
use rsgi_sys::net::Peer;

use super::ahead::BodyLimits;
use super::backoff::Backoff;
use super::connection::{Connection, Phase, Speaks};
use super::crowd::Crowd;
use super::guardian::Guard;
use super::offload::Offload;
use super::table::Table;
use super::wire::{self, Got};
use super::{Job, Listener, link, websocket};
use crate::control::{Bell, Bells, Order, Report};
use crate::exit::Exit;
use crate::harakiri;
use crate::health::{Probes, State};
use crate::logging::episode::{Episode, Summary};
use crate::logging::form::Form;
use crate::memory::meters::{Door, Gauge, Meter, Meters, Seat};
use crate::memory::scoreboard::Scoreboard;
use crate::rate::Least;
use crate::statics::{Named, Statics, StaticsError};
use crate::tls::Certificates;

/// Longest head that a link carries; the router has applied the configured limit already.
const LINK_HEAD: u32 = 1 << 20;

/// Time after which is tried again what the system refuses at the moment.
const AGAIN: Duration = Duration::from_millis(200);

/// Links that a router may close unused before the next one waits for the clock: it cannot take any at the moment, and the two
/// would keep each other busy.
const REFUSED: u32 = 32;

/// Seconds that an idle client of a worker that retires gets for one more request.
const PARTING: u32 = 1;

/// The shared part of a worker.
#[derive(Debug)]
pub(super) struct Engine {
    pub(super) id: u32,
    pub(super) pid: u32,
    pub(super) config: Config,
    pub(super) board: Scoreboard,
    pub(super) host_name: String,
    pub(super) epoll: Epoll,
    pub(super) table: Table<Connection>,
    pub(super) listeners: Vec<Entrance>,
    pub(super) control: OwnedFd,
    /// What is not complete yet of a signal of the application: any core may read the rest of it.
    bells: Mutex<Bells>,
    signals: OwnedFd,
    pub(super) limits: Limits,
    /// `None`: nothing is encrypted.
    pub(super) certificates: Option<Certificates>,
    /// `None`: no file is ever looked for.
    pub(super) statics: Option<Statics>,
    /// `None`: applications name no files.
    pub(super) named: Option<Named>,
    /// How request lines are written.
    pub(super) form: Form,
    /// The variables of running requests are written to the scoreboard, for whoever watches.
    pub(super) is_watched: bool,
    /// The time in requests is added up.
    pub(super) is_timed: bool,
    /// Time that a request may take, microseconds.
    pub(super) harakiri: Option<u64>,
    /// One for each core, with `harakiri-graceful`.
    pub(super) guards: Vec<Guard>,
    pub(super) offload: Offload,
    hello: Hello,
    rendezvous: Vec<OwnedFd>,
    timer: TimerFd,
    timer_armed: AtomicBool,
    wake: EventFd,
    started: Instant,
    /// The instance's meters, when somebody reads them, and this process's place among them.
    pub(super) meters: Option<Meters>,
    pub(super) seat: Seat,
    /// Paths that are answered without the application.
    pub(super) probes: Probes,
    /// Clients of its own HTTP sockets.
    pub(super) crowd: Crowd,
    /// Cores that leave the interpreter to others.
    pub(super) backoff: Backoff,
    /// Connections open, links included, and cores that are about to take one ([`super::stay`]).
    live: AtomicUsize,
    /// Links that could not be dialled yet, by router.
    undialled: Vec<Mutex<Vec<u32>>>,
    /// Links that a router has closed unused, since the clock has struck.
    refused: AtomicU32,
    /// Connections that could not be accepted.
    starved: Episode,
    /// That they cannot be has been said, and none could be dialled since.
    cut_off: AtomicBool,
    /// The master has ordered a pause.
    held: AtomicBool,
    draining: AtomicBool,
    /// It has served enough, and asked for a successor.
    weary: AtomicBool,
    gentle: AtomicBool,
    stopping: AtomicBool,
    exit: AtomicI32,
}

/// A listener with what its connections need.
#[derive(Debug)]
pub(super) struct Entrance {
    pub(super) socket: OwnedFd,
    pub(super) protocol: Protocol,
    /// What its requests count as.
    pub(super) door: Door,
    /// SERVER_PORT of its requests.
    pub(super) port: String,
    /// Descriptors ran out: it is outside of the epoll set until the next look of the clock.
    paused: AtomicBool,
}

/// Limits in the form that the engine uses.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) http: http1::Limits,
    pub(super) packet: cgi::Limits,
    pub(super) body: BodyLimits,
    pub(super) websocket: websocket::Limits,
    pub(super) socket: Duration,
    /// For a router: how long it waits for its client is its own affair, and it closes the link when that is over.
    pub(super) router: Duration,
    /// For a client that takes nothing.
    pub(super) send: Duration,
    /// For a piece of a chunked body.
    pub(super) chunk: Duration,
    /// What HTTP clients have to send at least.
    pub(super) least: Option<Least>,
    /// Largest head of an answer.
    pub(super) answer_head: Option<usize>,
    pub(super) header: u32,
    pub(super) keepalive: u32,
    pub(super) inactive: u32,
}

/// How a worker leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hurry {
    /// Idle connections are closed at once.
    Now,
    /// Successors serve: a client that is about to ask on a kept connection is answered, and told to close.
    Gently,
}

/// What an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token {
    Connection(RawFd),
    Listener(usize),
    Timer,
    Control,
    Signal,
    Wake,
    Returned,
}

impl Token {
    const fn pack(self) -> u64 {
        let (kind, number) = match self {
            Self::Connection(fd) => (0, fd as u32),
            Self::Listener(index) => (1, index as u32),
            Self::Timer => (2, 0),
            Self::Control => (3, 0),
            Self::Signal => (4, 0),
            Self::Wake => (5, 0),
            Self::Returned => (6, 0),
        };
        (kind << 32) | number as u64
    }

    pub(super) const fn unpack(data: u64) -> Self {
        let number = data as u32;
        match data >> 32 {
            0 => Self::Connection(number.cast_signed()),
            1 => Self::Listener(number as usize),
            2 => Self::Timer,
            3 => Self::Control,
            4 => Self::Signal,
            5 => Self::Wake,
            _ => Self::Returned,
        }
    }
}

impl Engine {
    /// Sets everything up, links and listeners still outside of the epoll set.
    ///
    /// # Errors
    /// When the kernel has no descriptors left, or static files cannot be served as configured.
    pub(super) fn new(job: Job, host_name: String, signals: OwnedFd) -> nix::Result<Self> {
        let limits = Limits::new(&job.config);
        let refuse = |error: StaticsError| {
            tracing::error!("{}", crate::logging::chain(&error));
            nix::errno::Errno::EINVAL
        };
        let statics = Statics::of(&job.config).map_err(refuse)?;
        let named = Named::of(&job.config).map_err(refuse)?;
        let certificates = match job.config.sockets.iter().any(|socket| socket.tls.is_some()) {
            true => Some(Certificates::new(&job.config, job.material).map_err(|error| {
                tracing::error!("{}", crate::logging::chain(&error));
                nix::errno::Errno::EINVAL
            })?),
            false => None,
        };
        let listeners = job.listeners.into_iter().map(Entrance::new).collect();
        let engine = Self {
            id: job.id,
            pid: std::process::id(),
            board: job.board,
            host_name,
            epoll: Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?,
            table: Table::new(),
            listeners,
            control: job.control,
            bells: Mutex::default(),
            signals,
            limits,
            is_watched: job.config.stats.address.is_some() || job.config.workers.harakiri.is_some(),
            is_timed: is_timed(&job.config),
            harakiri: job.config.workers.harakiri.map(|seconds| crate::harakiri::micros(seconds.duration())),
            guards: match job.config.workers.harakiri_graceful {
                Some(_) => (0..job.config.workers.threads.max(1)).map(|_| Guard::default()).collect(),
                None => Vec::new(),
            },
            certificates,
            statics,
            named,
            offload: Offload::new(job.config.workers.offload_threads)?,
            form: Form::of(&job.config.log),
            hello: Hello { worker: job.id, core: 0, pid: std::process::id(), generation: job.generation },
            undialled: job.rendezvous.iter().map(|_| Mutex::default()).collect(),
            refused: AtomicU32::new(0),
            starved: Episode::default(),
            cut_off: AtomicBool::new(false),
            rendezvous: job.rendezvous,
            timer: TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::TFD_CLOEXEC | TimerFlags::TFD_NONBLOCK)?,
            timer_armed: AtomicBool::new(false),
            wake: EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?,
            started: Instant::now(),
            seat: job.meters.map(|meters| meters.sit(std::process::id())).unwrap_or_default(),
            meters: job.meters,
            probes: Probes::of(&job.config),
            crowd: Crowd::of(&job.config),
            backoff: Backoff::new(),
            live: AtomicUsize::new(0),
            held: AtomicBool::new(false),
            draining: AtomicBool::new(false),
            weary: AtomicBool::new(false),
            gentle: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
            exit: AtomicI32::new(Exit::WorkerEnd.code()),
            config: job.config,
        };
        engine.tell_of_certificates();
        engine.watch(engine.timer.as_fd(), Token::Timer)?;
        engine.watch(engine.wake.as_fd(), Token::Wake)?;
        engine.watch(engine.control.as_fd(), Token::Control)?;
        engine.watch(engine.signals.as_fd(), Token::Signal)?;
        engine.watch(engine.offload.bell(), Token::Returned)?;
        Ok(engine)
    }

    /// Where core `core` counts what it does.
    pub(super) fn meter(&self, core: u32) -> Meter {
        let cores = self.config.workers.threads.max(1) as usize;
        let index = (self.id as usize).saturating_sub(1).saturating_mul(cores).saturating_add(core as usize);
        self.meters.map(|meters| meters.core(index)).unwrap_or_default()
    }

    /// Tells until when the certificates last.
    pub(super) fn tell_of_certificates(&self) {
        if let Some((meters, certificates)) = self.meters.zip(self.certificates.as_ref()) {
            let now = crate::harakiri::now();
            let expiries = certificates.expiries();
            expiries.iter().for_each(|(name, expiry)| meters.publish_certificate(name, *expiry, now));
        }
    }

    fn watch(&self, fd: impl AsFd, token: Token) -> nix::Result<()> {
        self.epoll.add(fd, EpollEvent::new(EpollFlags::EPOLLIN, token.pack()))
    }

    /// The descriptor on which signals of this process arrive.
    pub(super) fn signals(&self) -> BorrowedFd<'_> {
        self.signals.as_fd()
    }

    /// Logs what each core is doing.
    pub(super) fn describe(&self) {
        let now = harakiri::now();
        for core in 0..self.config.workers.threads {
            let Some(slot) = self.board.core(self.id, core) else { continue };
            let busy = slot.busy_since().map(|since| now.saturating_sub(since) / 1_000_000);
            match busy {
                Some(seconds) => tracing::info!("worker {} core {core}: in a request for {seconds} s", self.id),
                None => tracing::info!("worker {} core {core}: idle, {} requests", self.id, slot.requests()),
            }
        }
    }

    /// Opens the listeners.
    pub(super) fn open(&self) -> nix::Result<()> {
        let is_held = self.held.load(Acquire);
        if !is_held {
            (0..self.listeners.len()).try_for_each(|index| self.listen(index))?;
        }
        self.set_accepting(!is_held);
        Ok(())
    }

    fn set_accepting(&self, accepting: bool) {
        if let Some(worker) = self.board.worker(self.id) {
            worker.set_accepting(accepting);
        }
    }

    /// What comes first on a connection of a listener: a PROXY header where the peer has to send one.
    pub(super) fn first_phase(&self, listener: usize, speaks: &Speaks, peer: Peer) -> Phase {
        let limits = &self.config.limits;
        let peer = match peer {
            Peer::Ip(address) => Some(address.ip()),
            Peer::Unix => None,
        };
        let is_meant = limits.proxy_protocol && matches!(speaks, Speaks::Http);
        if is_meant && Network::is_listed(&limits.proxy_protocol_from, peer) {
            return Phase::Proxy;
        }
        self.second_phase(listener)
    }

    /// What comes next.
    pub(super) fn second_phase(&self, listener: usize) -> Phase {
        match &self.certificates {
            Some(certificates) if certificates.is_encrypted(listener) => Phase::Hello(Box::default()),
            _ => Phase::Head,
        }
    }

    /// Number of routers.
    pub(super) fn routers(&self) -> usize {
        self.rendezvous.len()
    }

    fn listen(&self, index: usize) -> nix::Result<()> {
        let Some(entrance) = self.listeners.get(index) else { return Ok(()) };
        let flags = EpollFlags::EPOLLIN | EpollFlags::EPOLLEXCLUSIVE;
        self.epoll.add(entrance.socket.as_fd(), EpollEvent::new(flags, Token::Listener(index).pack()))
    }

    /// Opens a link for `core` to a router; when that cannot be now, the clock tries again.
    pub(super) fn dial(&self, router: usize, link: u32) -> Option<Box<Connection>> {
        let rendezvous = self.rendezvous.get(router).filter(|_| !self.is_draining())?;
        match link::dial(rendezvous.as_fd(), &Hello { core: link, ..self.hello }) {
            Ok(socket) => {
                let speaks = Speaks::Link { end: WorkerEnd::new(LINK_HEAD), router, link };
                self.born();
                self.cut_off.store(false, Relaxed);
                Some(Box::new(Connection::new(socket, speaks, Phase::Head, usize::MAX, Peer::Unix)))
            }
            // The router is gone for good, and so will this worker be.
            Err(nix::Error::EPIPE | nix::Error::ECONNRESET) => None,
            // Everything else may pass, and without its link the core would serve nothing for the rest of its life.
            Err(error) => {
                if error != nix::Error::EAGAIN && !self.cut_off.swap(true, Relaxed) {
                    tracing::warn!(
                        "worker {} cannot reach router {}, it tries again until it can: {error}",
                        self.id,
                        router + 1
                    );
                }
                self.dial_later(router, link);
                None
            }
        }
    }

    /// [`Self::dial`] for a link in the place of one that has served so many requests.
    pub(super) fn redial(&self, router: usize, link: u32, served: u32) -> Option<Box<Connection>> {
        if served > 0 || self.refused.fetch_add(1, Relaxed) < REFUSED {
            return self.dial(router, link);
        }
        self.dial_later(router, link);
        None
    }

    /// Leaves it to the clock.
    pub(super) fn dial_later(&self, router: usize, link: u32) {
        if let Some(undialled) = self.undialled.get(router) {
            undialled.lock().unwrap_or_else(PoisonError::into_inner).push(link);
        }
        self.arm_soon();
    }

    /// Whether a router has not even taken the links that were passed to it: it is gone, or not there yet.
    pub(super) fn is_deaf(&self, router: usize) -> bool {
        self.rendezvous.get(router).is_none_or(|fd| rsgi_sys::net::unreceived(fd.as_fd()).is_ok_and(|count| count > 0))
    }

    /// Takes the links to a router that could not be dialled; the caller dials them again.
    pub(super) fn take_undialled(&self, router: usize) -> Vec<u32> {
        let take = |links: &Mutex<Vec<u32>>| std::mem::take(&mut *links.lock().unwrap_or_else(PoisonError::into_inner));
        self.undialled.get(router).map(take).unwrap_or_default()
    }

    /// Lets a connection wait for its next event. It comes back when an event came meanwhile: look at it again.
    ///
    /// # Errors
    /// When the kernel cannot watch it; it is closed then.
    pub(super) fn park(&self, mut connection: Box<Connection>) -> nix::Result<Option<Box<Connection>>> {
        let Some(slot) = self.table.slot(connection.socket.as_raw_fd()) else {
            self.close(connection);
            return Err(nix::Error::EMFILE);
        };
        if !connection.registered {
            slot.claim();
            connection.registered = true;
            if let Err(error) = self.epoll.add(connection.fd(), event(&connection)) {
                self.close(connection);
                return Err(error);
            }
        } else if connection.is_stuck()
            && let Err(error) = self.epoll.modify(connection.fd(), &mut event(&connection))
        {
            self.close(connection);
            return Err(error);
        }
        let deadline = self.deadline(&connection);
        slot.set_idle(connection.is_idle());
        let again = slot.park(connection, deadline);
        if deadline != 0 {
            self.arm_timer();
        }
        Ok(again)
    }

    /// Closes a connection that the caller owns.
    pub(super) fn close(&self, connection: Box<Connection>) {
        if !connection.is_link() {
            self.seat.down(Gauge::Connections);
        }
        if !matches!(connection.phase, Phase::Linger { .. }) && !connection.takes_nothing {
            connection.wire().say_goodbye();
        }
        if connection.registered
            && let Some(slot) = self.table.slot(connection.socket.as_raw_fd())
        {
            slot.vacate();
        }
        if connection.takes_nothing {
            // An end in order would lie behind all that it does not take, in memory of the kernel, for minutes.
            let _ = socket2::SockRef::from(&connection.socket).set_linger(Some(Duration::ZERO));
        }
        let is_awaited = self.crowd.leave(connection.counted);
        drop(connection);
        self.gone();
        if is_awaited {
            self.resume();
        }
    }

    /// Second of the engine's clock.
    pub(super) fn now(&self) -> u32 {
        u32::try_from(self.started.elapsed().as_secs()).unwrap_or(u32::MAX)
    }

    /// Second in which a waiting connection expires; 0 never.
    pub(super) fn deadline(&self, connection: &Connection) -> u32 {
        // Seconds from now on, and the second in which it is over however much comes until then.
        let mut end = u32::MAX;
        let seconds = match (&connection.speaks, &connection.phase) {
            // A router that is alive closes a link at once when its core has said goodbye.
            (Speaks::Link { .. }, _) if connection.said_bye => 1,
            (Speaks::Link { .. }, _) => return 0,
            (_, Phase::Linger { end: until, .. }) => {
                end = *until;
                u32::MAX
            }
            (speaks, Phase::Body(pending)) => {
                let is_chunked = pending.request.facts.body == Body::Chunked;
                let silence = if is_chunked { whole(self.limits.chunk) } else { self.limits.inactive };
                if let (Speaks::Http, Some(least)) = (speaks, self.limits.least) {
                    end = pending.began.saturating_add(whole(least.span(pending.ahead.received)));
                }
                silence
            }
            (_, Phase::Proxy | Phase::Hello(_) | Phase::Handshake) if self.is_draining() => PARTING,
            (_, Phase::Proxy | Phase::Hello(_) | Phase::Handshake | Phase::Head) => match connection.head_began {
                // However diligently it drips in, a handshake or a head has an end.
                Some(began) => {
                    let least = self.limits.least.filter(|_| matches!(connection.speaks, Speaks::Http));
                    let span = least.map_or(u32::MAX, |least| whole(least.span(connection.input.len() as u64)));
                    end = began.saturating_add(span.min(self.limits.header));
                    self.limits.inactive
                }
                None if self.is_draining() => PARTING,
                None if connection.served > 0 => self.limits.keepalive,
                None => self.limits.inactive,
            },
        };
        // Whole seconds have passed only after one more tick.
        self.now().saturating_add(seconds).min(end).saturating_add(1)
    }

    /// Makes sure that the clock looks within a second.
    pub(super) fn arm_timer(&self) {
        if !self.timer_armed.swap(true, AcqRel) {
            self.set_timer(Duration::from_secs(1));
        }
    }

    /// Makes sure that the clock looks after [`AGAIN`].
    fn arm_soon(&self) {
        self.timer_armed.store(true, Release);
        self.set_timer(AGAIN);
    }

    fn set_timer(&self, time: Duration) {
        let once = Expiration::OneShot(TimeSpec::from_duration(time));
        if let Err(error) = self.timer.set(once, TimerSetTimeFlags::empty()) {
            tracing::error!("cannot set the timer of worker {}: {error}", self.id);
        }
    }

    /// Takes note that the clock has struck.
    pub(super) fn timer_struck(&self) {
        // Non-blocking in effect: another core may have read it, and then there is nothing to do.
        let mut count = [0_u8; 8];
        let _ = nix::unistd::read(self.timer.as_fd(), &mut count);
        self.refused.store(0, Relaxed);
        self.timer_armed.store(false, Release);
    }

    /// No descriptors left: stop listening until the clock strikes, instead of spinning.
    pub(super) fn pause(&self, index: usize, error: &std::io::Error) {
        let Some(entrance) = self.listeners.get(index) else { return };
        if !entrance.paused.swap(true, AcqRel) {
            if self.starved.count() {
                tracing::error!("cannot accept connections: {error}; trying again until it can be done (see max-fd)");
            }
            let _ = self.epoll.delete(entrance.socket.as_fd());
            self.arm_soon();
            // Who waits there has woken this worker alone (`EPOLLEXCLUSIVE`).
            let _ = self.report(Report::CannotAccept);
        }
    }

    /// Whether nobody is accepted at a listener for now.
    pub(super) fn is_paused(&self, index: usize) -> bool {
        self.listeners.get(index).is_none_or(|entrance| entrance.paused.load(Acquire))
    }

    /// As many clients as there may be: stop listening until one leaves.
    pub(super) fn await_room(&self, index: usize) {
        let Some(entrance) = self.listeners.get(index) else { return };
        self.crowd.await_leave();
        if !entrance.paused.swap(true, AcqRel) {
            let _ = self.epoll.delete(entrance.socket.as_fd());
            // Somebody may have left just before that was noted.
            self.arm_timer();
            // Another worker may have room.
            let _ = self.report(Report::CannotAccept);
        }
    }

    /// Says how many clients were refused, once none are.
    pub(super) fn tell_of_refusals(&self) {
        if let Some(Summary { count, span }) = self.crowd.refusals() {
            tracing::warn!("worker {}: {count} connections were refused within {} s", self.id, span.as_secs());
        } else if self.crowd.refuses() {
            self.arm_timer();
        }
    }

    /// Says when connections are accepted again.
    pub(super) fn tell_of_accepting(&self) {
        if let Some(Summary { count, .. }) = self.starved.end() {
            tracing::warn!("worker {} accepts connections again: {count} attempts have failed", self.id);
        } else if self.starved.is_on() {
            self.arm_timer();
        }
    }

    /// Stops listening, or goes on; connections that are open are served all the same.
    pub(super) fn hold(&self, held: bool) {
        if self.held.swap(held, AcqRel) == held {
            return;
        }
        if held {
            for entrance in &self.listeners {
                entrance.paused.store(true, Release);
                let _ = self.epoll.delete(entrance.socket.as_fd());
            }
        } else {
            self.resume();
        }
        self.set_accepting(!held);
    }

    /// Listens again where a lack of descriptors, or the master, had stopped it.
    pub(super) fn resume(&self) {
        for (index, entrance) in self.listeners.iter().enumerate() {
            if self.held.load(Acquire) {
                return;
            }
            if entrance.paused.swap(false, AcqRel) && !self.is_draining() {
                match self.listen(index) {
                    Ok(()) | Err(nix::Error::EEXIST) => {}
                    // Not for now, and never to be forgotten.
                    Err(_) => {
                        entrance.paused.store(true, Release);
                        self.arm_soon();
                    }
                }
            }
        }
    }

    /// Counts a connection that opened.
    pub(super) fn born(&self) {
        self.live.fetch_add(1, SeqCst);
    }

    /// Counts a connection that closed; the last one of a draining worker ends it.
    pub(super) fn gone(&self) {
        if self.live.fetch_sub(1, SeqCst) == 1 && self.is_draining() {
            self.stop();
        }
    }

    /// Whether no new work is taken.
    pub(super) fn is_draining(&self) -> bool {
        self.draining.load(SeqCst)
    }

    /// Whether the master has ordered a pause.
    pub(super) fn is_held(&self) -> bool {
        self.held.load(Acquire)
    }

    /// Whether this worker has asked for a successor: the master tells it when to leave.
    pub(super) fn awaits_successor(&self) -> bool {
        self.weary.load(Acquire)
    }

    /// Asks for a successor; `false` when there is no master any more.
    pub(super) fn ask_for_successor(&self) -> bool {
        self.weary.swap(true, AcqRel) || self.report(Report::WantsSuccessor)
    }

    /// Whether this worker leaves, or is about to be told so: with every core in a request nobody reads the orders.
    pub(super) fn is_leaving(&self) -> bool {
        // There may be many others before it that nobody has read.
        let mut orders = [0_u8; 4096];
        let flags = nix::sys::socket::MsgFlags::MSG_PEEK | nix::sys::socket::MsgFlags::MSG_DONTWAIT;
        let leaves = |byte: &u8| matches!(Order::from_byte(*byte), Some(Order::Drain | Order::Retire | Order::Quit));
        self.is_draining()
            || match nix::sys::socket::recv(self.control.as_raw_fd(), &mut orders, flags) {
                Ok(0) => true,
                Ok(count) => orders.get(..count).unwrap_or_default().iter().any(leaves),
                Err(_) => false,
            }
    }

    /// Whether idle clients get a moment before their connections are closed.
    pub(super) fn is_gentle(&self) -> bool {
        self.gentle.load(Acquire)
    }

    /// Takes nothing new from now on; the worker ends when all connections are closed. `false`: nothing is new in that.
    pub(super) fn drain(&self, exit: Exit, hurry: Hurry) -> bool {
        let was_gentle = self.gentle.swap(hurry == Hurry::Gently, AcqRel);
        if self.draining.swap(true, SeqCst) {
            return was_gentle && hurry == Hurry::Now;
        }
        self.exit.store(exit.code(), Release);
        self.set_accepting(false);
        for entrance in &self.listeners {
            let _ = self.epoll.delete(entrance.socket.as_fd());
        }
        true
    }

    /// Ends the loops of all cores.
    pub(super) fn stop(&self) {
        self.stopping.store(true, Release);
        let _ = self.wake.write(1);
        self.offload.wake();
        super::deadline::wake_guardian();
    }

    /// What a probe for readiness is told.
    pub(super) fn state(&self) -> State {
        match () {
            () if self.is_draining() => State::Stopping,
            () if self.is_held() => State::Paused,
            () => State::Ready,
        }
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Acquire)
    }

    pub(super) fn exit_code(&self) -> i32 {
        self.exit.load(Acquire)
    }

    /// Reads from the control stream: what there is, and the signals of the application that are complete with it.
    pub(super) fn read_orders(&self, orders: &mut [u8]) -> (Got, Vec<Bell>) {
        // Held from reading on: another core must not come first with the second half of a number.
        let mut bells = self.bells.lock().unwrap_or_else(PoisonError::into_inner);
        let got = wire::receive(self.control.as_fd(), orders);
        let count = if let Got::Bytes(count) = got { count } else { 0 };
        let rung = orders.iter().take(count).filter_map(|byte| bells.take(*byte)).collect();
        (got, rung)
    }

    /// The master's end of the control stream is gone: do not look at it again.
    pub(super) fn forget_control(&self) {
        let _ = self.epoll.delete(self.control.as_fd());
    }

    /// Tells the master something; `false` when it is gone.
    pub(super) fn report(&self, report: Report) -> bool {
        self.try_report(report).is_ok()
    }

    /// # Errors
    /// When the master is gone, or the system refuses.
    pub(super) fn try_report(&self, report: Report) -> nix::Result<()> {
        let flags = nix::sys::socket::MsgFlags::MSG_NOSIGNAL | nix::sys::socket::MsgFlags::MSG_DONTWAIT;
        nix::sys::socket::send(self.control.as_raw_fd(), &[report.byte()], flags).map(drop)
    }
}

/// Whole seconds of a span.
fn whole(span: Duration) -> u32 {
    u32::try_from(span.as_secs()).unwrap_or(u32::MAX)
}

/// Whether somebody reads how long requests take.
fn is_timed(config: &Config) -> bool {
    let by_busyness = config.cheaper.min.is_some() && config.cheaper.algo == rsgi_config::Algo::Busyness;
    by_busyness || config.stats.address.is_some() || config.workers.harakiri.is_some()
}

/// What a connection waits for.
fn event(connection: &Connection) -> EpollEvent {
    let mut flags = EpollFlags::EPOLLIN | EpollFlags::EPOLLRDHUP | EpollFlags::EPOLLET;
    flags.set(EpollFlags::EPOLLOUT, connection.is_stuck());
    EpollEvent::new(flags, Token::Connection(connection.socket.as_raw_fd()).pack())
}

impl Entrance {
    fn new(listener: Listener) -> Self {
        let port = listener.name.rsplit_once(':').map_or("80", |(_, port)| port).to_owned();
        let _ = socket2::SockRef::from(&listener.socket).set_tcp_nodelay(true);
        let protocol = listener.protocol;
        Self { socket: listener.socket, protocol, door: Door::of(protocol), port, paused: AtomicBool::new(false) }
    }
}

impl Limits {
    fn new(config: &Config) -> Self {
        let limits = &config.limits;
        let span = |seconds: rsgi_config::Seconds| seconds.duration().max(Duration::from_secs(1));
        let seconds = |seconds: rsgi_config::Seconds| u32::try_from(seconds.0).unwrap_or(u32::MAX).max(1);
        Self {
            http: http1::Limits { head: limits.buffer_size, ..http1::Limits::default() },
            packet: cgi::Limits { block: limits.buffer_size, vars: limits.max_vars, code_loading: false },
            body: BodyLimits { largest: limits.limit_post, buffering: limits.post_buffering as u64 },
            websocket: websocket::Limits::new(limits),
            socket: span(limits.socket_timeout),
            router: Duration::from_secs(365 * 24 * 3600),
            send: span(limits.so_send_timeout.unwrap_or(limits.socket_timeout)),
            chunk: span(limits.chunked_input_timeout.unwrap_or(limits.socket_timeout)),
            least: Least::of(config),
            answer_head: limits.response_headers,
            header: seconds(limits.header_timeout),
            keepalive: seconds(limits.keepalive_timeout),
            inactive: seconds(limits.socket_timeout),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_survive_the_kernel() {
        let all = [Token::Connection(7), Token::Listener(3), Token::Timer, Token::Control, Token::Signal, Token::Wake];
        for token in all.into_iter().chain([Token::Returned]) {
            assert_eq!(Token::unpack(token.pack()), token);
        }
    }
}
