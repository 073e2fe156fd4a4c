//! Offload threads (`offload-threads`): answers that are files go on without a core.
//!
//! A core sends what the socket takes at once; only when there is more does the connection go to a thread with an epoll
//! set of its own, which serves many. A finished connection waits in the cores' epoll set again, or is handed to a core
//! when there is something to do for it.

mod transfer;

use std::collections::{HashMap, VecDeque};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::{AcqRel, Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::signal::SigSet;
use rsgi_abi::host::SendError;

use super::connection::Connection;
use super::core::Fate;
use super::engine::Engine;
use super::progress::begin_linger;
use crate::memory::core_slot::CoreSlot;
pub(super) use transfer::{Step, Transfer};

/// Bytes that a core sends itself, as far as the socket takes them.
pub(super) const FIRST: u64 = 512 * 1024;
/// Bytes sent for one connection before the next has its turn.
const TURN: u64 = 1024 * 1024;
const EVENTS: usize = 64;
/// Pause between two looks at what has come to a standstill.
const TICK: Duration = Duration::from_secs(1);
/// The mark of a thread's own bell among its connections.
const BELL: u64 = u64::MAX;

/// What a connection does when its answer has been sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// It serves the next request.
    Request,
    /// It is closed.
    Close,
    /// It is closed on our side, and emptied for a while.
    Linger,
}

/// A connection with the rest of its answer.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) connection: Box<Connection>,
    pub(super) transfer: Transfer,
    pub(super) next: Next,
    /// Where a failure is counted.
    pub(super) slot: Option<CoreSlot>,
}

/// The offload threads of a worker; none without the option.
#[derive(Debug)]
pub(super) struct Offload {
    lanes: Vec<Lane>,
    /// Connections for which a core has something to do, and how cores learn of them.
    returned: Mutex<VecDeque<Box<Connection>>>,
    bell: EventFd,
}

/// The way to one thread.
#[derive(Debug)]
struct Lane {
    inbox: Mutex<Vec<Job>>,
    bell: EventFd,
    /// Connections on this lane.
    load: AtomicUsize,
}

impl Offload {
    pub(super) fn new(threads: u32) -> nix::Result<Self> {
        let bell = || EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK);
        let lane = || Ok(Lane { inbox: Mutex::default(), bell: bell()?, load: AtomicUsize::new(0) });
        let lanes = (0..threads).map(|_| lane()).collect::<nix::Result<_>>()?;
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_SEMAPHORE;
        Ok(Self { lanes, returned: Mutex::default(), bell: EventFd::from_flags(flags)? })
    }

    /// Whether there are such threads.
    pub(super) fn is_on(&self) -> bool {
        !self.lanes.is_empty()
    }

    /// Readable when a core has to [`Self::take_returned`], once for each connection.
    pub(super) fn bell(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }

    /// Gives a connection to the thread that has the fewest.
    pub(super) fn hand(&self, job: Job) {
        let Some(lane) = self.lanes.iter().min_by_key(|lane| lane.load.load(Relaxed)) else { return };
        lane.load.fetch_add(1, AcqRel);
        lane.inbox.lock().unwrap_or_else(PoisonError::into_inner).push(job);
        let _ = lane.bell.write(1);
    }

    /// A connection that needs a core.
    pub(super) fn take_returned(&self) -> Option<Box<Connection>> {
        let mut count = [0_u8; 8];
        nix::unistd::read(self.bell.as_fd(), &mut count).ok()?;
        let mut connection = self.returned.lock().unwrap_or_else(PoisonError::into_inner).pop_front()?;
        (connection.drained, connection.to_the_end) = (false, true);
        Some(connection)
    }

    /// Lets all threads see that the worker ends.
    pub(super) fn wake(&self) {
        for lane in &self.lanes {
            let _ = lane.bell.write(1);
        }
    }

    /// Lets the next core that is free go on with a connection.
    pub(super) fn give_to_core(&self, connection: Box<Connection>) {
        self.returned.lock().unwrap_or_else(PoisonError::into_inner).push_back(connection);
        let _ = self.bell.write(1);
    }
}

/// Starts the threads of a worker.
pub(super) fn start<'s, 'e: 's>(engine: &'e Engine, scope: &'s std::thread::Scope<'s, 'e>) {
    if !engine.offload.is_on() {
        return;
    }
    for (number, lane) in engine.offload.lanes.iter().enumerate() {
        let thread = std::thread::Builder::new().name(format!("rsgi-offload-{}", number + 1));
        let serve = move || {
            if let Err(error) = Thread::new(engine, lane).and_then(|mut thread| thread.run()) {
                tracing::error!("worker {}: an offload thread ends: {error}", engine.id);
                engine.stop();
            }
        };
        if let Err(error) = thread.spawn_scoped(scope, serve) {
            tracing::error!("worker {} cannot start an offload thread: {error}", engine.id);
            engine.stop();
        }
    }
    tracing::info!("spawned {} offload threads for uWSGI worker {}", engine.offload.lanes.len(), engine.id);
}

/// One thread at work.
struct Thread<'e> {
    engine: &'e Engine,
    lane: &'e Lane,
    epoll: Epoll,
    /// With the moment of the last progress.
    jobs: HashMap<RawFd, (Job, Instant)>,
    looked: Instant,
}

impl<'e> Thread<'e> {
    fn new(engine: &'e Engine, lane: &'e Lane) -> nix::Result<Self> {
        // Signals are for the cores: the first of them runs the application's handlers.
        SigSet::all().thread_block()?;
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        epoll.add(&lane.bell, EpollEvent::new(EpollFlags::EPOLLIN, BELL))?;
        Ok(Self { engine, lane, epoll, jobs: HashMap::new(), looked: Instant::now() })
    }

    fn run(&mut self) -> nix::Result<()> {
        let mut events = [EpollEvent::empty(); EVENTS];
        let tick = EpollTimeout::try_from(TICK).unwrap_or(EpollTimeout::NONE);
        while !self.engine.is_stopping() {
            let timeout = if self.jobs.is_empty() { EpollTimeout::NONE } else { tick };
            let count = match self.epoll.wait(&mut events, timeout) {
                Err(Errno::EINTR) => continue,
                count => count?,
            };
            for event in events.get(..count).unwrap_or_default() {
                match event.data() {
                    BELL => self.welcome(),
                    fd => self.go_on(RawFd::try_from(fd).unwrap_or(-1)),
                }
            }
            if self.looked.elapsed() >= TICK {
                self.looked = Instant::now();
                self.expire();
            }
        }
        Ok(())
    }

    fn welcome(&mut self) {
        let _ = self.lane.bell.read();
        let arrived = std::mem::take(&mut *self.lane.inbox.lock().unwrap_or_else(PoisonError::into_inner));
        for job in arrived {
            let fd = job.connection.socket.as_raw_fd();
            // Level-triggered: who has had a turn and could take more is told of again.
            let event = EpollEvent::new(EpollFlags::EPOLLOUT, u64::try_from(fd).unwrap_or(BELL));
            if let Err(error) = self.epoll.add(job.connection.fd(), event) {
                tracing::error!("cannot watch a connection: {error}");
                self.fail(job);
                continue;
            }
            self.jobs.insert(fd, (job, Instant::now()));
        }
    }

    fn go_on(&mut self, fd: RawFd) {
        let Some((job, touched)) = self.jobs.get_mut(&fd) else { return };
        let before = job.transfer.moved();
        let step = job.transfer.step(job.connection.fd(), TURN);
        if job.transfer.moved() > before {
            *touched = Instant::now();
        }
        match step {
            Step::Blocked => {}
            Step::Done => {
                let Some(job) = self.remove(fd) else { return };
                self.lane.load.fetch_sub(1, AcqRel);
                finish(self.engine, job);
            }
            Step::Broken(error) => {
                let Some(job) = self.remove(fd) else { return };
                if error == SendError::Misuse {
                    tracing::error!("client {}: its file cannot be sent to the end: it has changed", name(&job));
                }
                self.fail(job);
            }
        }
    }

    /// Closes what has taken nothing for the socket timeout.
    fn expire(&mut self) {
        let most = self.engine.limits.socket;
        let late = |(fd, (_, touched)): (&RawFd, &(Job, Instant))| (touched.elapsed() > most).then_some(*fd);
        for fd in self.jobs.iter().filter_map(late).collect::<Vec<_>>() {
            let Some(mut job) = self.remove(fd) else { continue };
            job.connection.takes_nothing = true;
            tracing::warn!(
                "client {}: took nothing of its file for {} s, connection closed",
                name(&job),
                most.as_secs()
            );
            self.fail(job);
        }
    }

    fn remove(&mut self, fd: RawFd) -> Option<Job> {
        let (job, _) = self.jobs.remove(&fd)?;
        let _ = self.epoll.delete(job.connection.fd());
        Some(job)
    }

    fn fail(&self, job: Job) {
        self.lane.load.fetch_sub(1, AcqRel);
        if let Some(slot) = job.slot {
            slot.count_write_error();
        }
        self.engine.close(job.connection);
    }
}

fn name(job: &Job) -> &str {
    job.connection.peer_name()
}

/// The answer has been sent: what the core would do now is done here, as far as it needs none.
fn finish(engine: &Engine, job: Job) {
    let mut connection = job.connection;
    match job.next {
        Next::Close => engine.close(connection),
        Next::Linger if begin_linger(&mut connection, engine) == Fate::Close => engine.close(connection),
        Next::Linger => park(engine, connection),
        Next::Request if !connection.input.is_empty() || engine.is_draining() => {
            engine.offload.give_to_core(connection);
        }
        Next::Request => park(engine, connection),
    }
}

fn park(engine: &Engine, connection: Box<Connection>) {
    let fd = connection.socket.as_raw_fd();
    match engine.park(connection) {
        Ok(None) => {}
        Ok(Some(again)) => return engine.offload.give_to_core(again),
        Err(error) => return tracing::error!("cannot watch a connection: {error}"),
    }
    // The worker may have begun to leave meanwhile, and have looked at its waiting connections before this one was.
    if engine.is_draining()
        && let Some(connection) = engine.table.slot(fd).and_then(|slot| slot.acquire_if(|_| true))
    {
        engine.offload.give_to_core(connection);
    }
}
