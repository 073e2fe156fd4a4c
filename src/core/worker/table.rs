//! The worker's connections, by descriptor, and who owns each at the moment.
//!
//! Events come edge-triggered to whichever core is idle. A core must own a connection before it touches it; an event for a
//! connection that another core owns only leaves a note, which the owner finds when it lets go.

use std::os::fd::RawFd;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicUsize};
use std::sync::{Mutex, OnceLock, PoisonError};

const CHUNK: usize = 1024;
const CHUNKS: usize = 4096;

const IDLE: u8 = 0;
const BUSY: u8 = 1;
/// Busy, and an event came meanwhile.
const AGAIN: u8 = 2;

/// Room for one connection under each descriptor number; memory comes in chunks as numbers are first used.
#[derive(Debug)]
pub(super) struct Table<T> {
    chunks: Box<[OnceLock<Chunk<T>>]>,
    /// One more than the highest descriptor seen.
    high: AtomicUsize,
}

type Chunk<T> = Box<[Slot<T>]>;

/// The place of one descriptor.
#[derive(Debug)]
pub(super) struct Slot<T> {
    owner: AtomicU8,
    /// Second (of the engine's clock) in which the waiting connection expires; 0 never.
    deadline: AtomicU32,
    /// The waiting connection could as well be closed.
    idle: AtomicBool,
    waiting: Mutex<Option<Box<T>>>,
}

impl<T> Table<T> {
    pub(super) fn new() -> Self {
        Self { chunks: (0..CHUNKS).map(|_| OnceLock::new()).collect(), high: AtomicUsize::new(0) }
    }

    /// The slot of `fd`; `None` for numbers beyond any sensible limit (four million).
    pub(super) fn slot(&self, fd: RawFd) -> Option<&Slot<T>> {
        let fd = usize::try_from(fd).ok()?;
        let chunk = self.chunks.get(fd / CHUNK)?.get_or_init(|| (0..CHUNK).map(|_| Slot::new()).collect());
        if self.high.load(Relaxed) <= fd {
            self.high.fetch_max(fd + 1, Relaxed);
        }
        chunk.get(fd % CHUNK)
    }

    /// All slots that were ever used.
    pub(super) fn slots(&self) -> impl Iterator<Item = &Slot<T>> {
        let high = self.high.load(Relaxed);
        self.chunks.iter().take(high.div_ceil(CHUNK)).filter_map(OnceLock::get).flat_map(|chunk| chunk.iter())
    }
}

impl<T> Slot<T> {
    const fn new() -> Self {
        let (deadline, idle) = (AtomicU32::new(0), AtomicBool::new(false));
        Self { owner: AtomicU8::new(IDLE), deadline, idle, waiting: Mutex::new(None) }
    }

    /// Takes the connection for an event, or leaves a note for its owner.
    pub(super) fn acquire(&self) -> Option<Box<T>> {
        loop {
            if self.owner.compare_exchange(IDLE, BUSY, AcqRel, Acquire).is_ok() {
                return self.take_or_release();
            }
            match self.owner.compare_exchange(BUSY, AGAIN, AcqRel, Acquire) {
                Ok(_) | Err(AGAIN) => return None,
                Err(_) => {}
            }
        }
    }

    /// Takes the connection when it waits and `wanted` says so of its deadline; leaves no note.
    pub(super) fn acquire_if(&self, wanted: impl Fn(u32) -> bool) -> Option<Box<T>> {
        if !wanted(self.deadline.load(Relaxed)) || self.owner.compare_exchange(IDLE, BUSY, AcqRel, Acquire).is_err() {
            return None;
        }
        self.take_or_release()
    }

    /// Becomes the owner of a slot for a connection that is new under this number. A late event for the number's last
    /// user may hold it for a moment.
    pub(super) fn claim(&self) {
        while self.owner.compare_exchange(IDLE, BUSY, AcqRel, Acquire).is_err() {
            std::hint::spin_loop();
        }
    }

    /// Lets the connection wait. When an event came meanwhile, it is handed back: its owner has to look again.
    pub(super) fn park(&self, connection: Box<T>, deadline: u32) -> Option<Box<T>> {
        self.deadline.store(deadline, Relaxed);
        *self.waiting.lock().unwrap_or_else(PoisonError::into_inner) = Some(connection);
        if self.owner.compare_exchange(BUSY, IDLE, AcqRel, Acquire).is_ok() {
            return None;
        }
        self.owner.store(BUSY, Release);
        self.take()
    }

    /// Gives the slot up: its connection is about to be closed by the caller, who owns it.
    pub(super) fn vacate(&self) {
        self.deadline.store(0, Relaxed);
        self.idle.store(false, Relaxed);
        self.owner.store(IDLE, Release);
    }

    /// Second in which the waiting connection expires, 0 never.
    pub(super) fn deadline(&self) -> u32 {
        self.deadline.load(Relaxed)
    }

    /// Says whether the connection that is about to wait could as well be closed.
    pub(super) fn set_idle(&self, idle: bool) {
        self.idle.store(idle, Relaxed);
    }

    pub(super) fn is_idle(&self) -> bool {
        self.idle.load(Relaxed)
    }

    fn take(&self) -> Option<Box<T>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn take_or_release(&self) -> Option<Box<T>> {
        let taken = self.take();
        if taken.is_none() {
            // A late event for a number that has no connection now.
            self.owner.store(IDLE, Release);
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_for_a_busy_connection_is_noted() {
        let table = Table::new();
        let slot = table.slot(7).unwrap();
        slot.claim();
        assert_eq!(slot.acquire(), None);
        assert_eq!(slot.park(Box::new("c"), 0), Some(Box::new("c")), "the owner has to look again");
        assert_eq!(slot.park(Box::new("c"), 0), None);
        assert_eq!(slot.acquire(), Some(Box::new("c")));
    }

    #[test]
    fn a_late_event_finds_nothing_and_harms_nothing() {
        let table = Table::<()>::new();
        let slot = table.slot(3000).unwrap();
        assert_eq!(slot.acquire(), None);
        slot.claim();
        slot.vacate();
        assert_eq!(slot.acquire(), None);
        slot.claim();
    }

    #[test]
    fn only_expired_connections_are_taken_by_the_clock() {
        let table = Table::new();
        let slot = table.slot(1).unwrap();
        slot.claim();
        assert_eq!(slot.park(Box::new(1), 5), None);
        assert_eq!(slot.acquire_if(|deadline| deadline < 5), None);
        assert_eq!(slot.acquire_if(|deadline| deadline <= 5), Some(Box::new(1)));
        assert_eq!(slot.acquire_if(|_| true), None, "busy");
        assert_eq!(slot.park(Box::new(1), 0), None, "a look by the clock leaves no note");
    }

    #[test]
    fn absurd_descriptors_have_no_slot() {
        let table = Table::<()>::new();
        assert!(table.slot(-1).is_none() && table.slot(RawFd::MAX).is_none());
        assert_eq!(table.slots().count(), 0);
    }

    #[test]
    fn two_threads_never_own_one_connection_together() {
        let table = Table::new();
        let slot = table.slot(0).unwrap();
        slot.claim();
        assert!(slot.park(Box::new(0_u32), 0).is_none());
        let total = 20_000;
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    for _ in 0..total {
                        let Some(mut held) = slot.acquire() else { continue };
                        loop {
                            let before = *held;
                            *held = before + 1;
                            match slot.park(held, 0) {
                                Some(again) => held = again,
                                None => break,
                            }
                        }
                    }
                });
            }
        });
        assert!(slot.acquire().is_some(), "it waits in the end");
    }
}
