//! The scoreboard: what every core of every worker is doing, in memory that the whole instance shares.
//!
//! Written by workers without locks, read by the master (stats, deadlines) and by whoever wants to know. Layout: a header
//! with a table of applications, then one block a worker, each with one slot a core; everything is a 64-bit word. Blocks begin
//! at cache lines, and what nobody touches costs no memory.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use super::core_slot::CoreSlot;
use super::{core_slot, words};
use crate::harakiri;

/// Applications that are counted one by one; further ones serve all the same.
pub const APPS: usize = 64;

const COUNTERS: usize = 8;
/// Name length plus one (0: none), loading time, 30 words of mountpoint.
const APP: usize = 32;
const HEADER: usize = COUNTERS + APPS * APP;
/// Numbers of the worker, then requests and exceptions by application.
const WORKER_NUMBERS: usize = 16;
const WORKER: usize = WORKER_NUMBERS + APPS * 2;
const CORE: usize = core_slot::WORDS;

/// A mapping of the scoreboard.
#[derive(Debug, Clone, Copy)]
pub struct Scoreboard {
    words: &'static [AtomicU64],
    cores: usize,
}

/// One worker's block.
#[derive(Debug, Clone, Copy)]
pub struct WorkerSlot {
    words: &'static [AtomicU64],
}

impl Scoreboard {
    const fn size(workers: usize, cores: usize) -> usize {
        HEADER + workers * (WORKER + cores * CORE)
    }

    /// Memory for `workers` workers of `cores` cores.
    ///
    /// # Errors
    /// When the kernel refuses shared memory.
    pub fn create(workers: usize, cores: usize) -> nix::Result<OwnedFd> {
        rsgi_sys::shm::create(c"rsgi-scoreboard", Self::size(workers, cores))
    }

    /// Maps it into this process.
    ///
    /// # Errors
    /// When the memory is smaller than these numbers need.
    pub fn map(fd: BorrowedFd<'_>, workers: usize, cores: usize) -> nix::Result<Self> {
        Ok(Self { words: rsgi_sys::shm::map(fd.as_fd(), Self::size(workers, cores))?, cores })
    }

    /// Makes it as it was at the beginning. Nobody may be using it.
    pub fn wipe(self) {
        self.words.iter().for_each(|word| word.store(0, Relaxed));
    }

    /// The block of worker `worker` (1…).
    #[must_use]
    pub fn worker(self, worker: u32) -> Option<WorkerSlot> {
        let start = self.worker_start(worker)?;
        Some(WorkerSlot { words: self.words.get(start..start + WORKER)? })
    }

    /// The slot of core `core` (0…) of worker `worker` (1…).
    #[must_use]
    pub fn core(self, worker: u32, core: u32) -> Option<CoreSlot> {
        let core = core as usize;
        let start = self.worker_start(worker)? + WORKER + core * CORE;
        (core < self.cores).then(|| self.words.get(start..start + CORE)).flatten().map(CoreSlot::new)
    }

    fn worker_start(self, worker: u32) -> Option<usize> {
        let index = (worker as usize).checked_sub(1)?;
        let start = HEADER + index * (WORKER + self.cores * CORE);
        (start < self.words.len()).then_some(start)
    }

    /// Numbers of workers that have a block.
    pub fn workers(self) -> impl Iterator<Item = u32> {
        (1..).take_while(move |&worker| self.worker(worker).is_some())
    }

    /// Cores of a worker that have a slot, by number.
    pub fn cores(self, worker: u32) -> impl Iterator<Item = (u32, CoreSlot)> {
        (0..).map_while(move |core| Some((core, self.core(worker, core)?)))
    }

    /// Enters an application that was loaded in `micros` microseconds. Workers that load for themselves enter the same.
    pub fn publish_app(self, app: u32, mountpoint: &[u8], micros: u64) {
        let Some([state, took, name @ ..]) = self.app_words(app) else { return };
        let mountpoint = mountpoint.get(..name.len() * 8).unwrap_or(mountpoint);
        took.store(micros, Relaxed);
        words::write(name, mountpoint);
        state.store(mountpoint.len() as u64 + 1, Release);
    }

    /// Mountpoint and loading time (microseconds) of application `app`.
    #[must_use]
    pub fn app(self, app: u32) -> Option<(Vec<u8>, u64)> {
        let [state, took, name @ ..] = self.app_words(app)? else { return None };
        let length = usize::try_from(state.load(Acquire)).ok()?.checked_sub(1)?;
        Some((words::read(name, length), took.load(Relaxed)))
    }

    fn app_words(self, app: u32) -> Option<&'static [AtomicU64]> {
        let app = app as usize;
        let start = COUNTERS + app * APP;
        (app < APPS).then(|| self.words.get(start..start + APP)).flatten()
    }

    /// Counts one request of the whole instance; returns its number, 1 first.
    #[must_use]
    pub fn count_request(self) -> u64 {
        self.words.first().map_or(0, |word| word.fetch_add(1, Relaxed) + 1)
    }

    /// Sets the pause between looks for tasks, seconds: on the board of spoolers.
    pub fn set_frequency(self, seconds: u64) {
        if let Some(word) = self.words.get(1) {
            word.store(seconds, Relaxed);
        }
    }

    /// The pause that was set; `None`: that of the configuration.
    #[must_use]
    pub fn frequency(self) -> Option<u64> {
        self.words.get(1).map(|word| word.load(Relaxed)).filter(|&seconds| seconds != 0)
    }

    /// Requests answered by the whole instance.
    #[must_use]
    pub fn requests(self) -> u64 {
        self.words.first().map_or(0, |word| word.load(Relaxed))
    }
}

/// What the words of a worker's block are.
#[derive(Debug, Clone, Copy)]
enum Number {
    Pid,
    Requests,
    DeltaRequests,
    Exceptions,
    Sent,
    Harakiri,
    Spawned,
    /// The same on the monotonic clock, in microseconds.
    Born,
    Spawns,
    Running,
    Average,
    Accepting,
    Stacks,
    WatchedUntil,
}

impl WorkerSlot {
    /// Takes the block over for a new process, born at `now` (seconds since the epoch).
    pub fn born(self, pid: u32, now: u64) {
        self.set(Number::DeltaRequests, 0);
        self.set(Number::Stacks, 0);
        self.set(Number::Spawned, now);
        self.set(Number::Born, harakiri::now());
        self.add(Number::Spawns, 1);
        self.set(Number::Pid, u64::from(pid));
    }

    /// The process is gone.
    pub fn died(self) {
        self.set(Number::Accepting, 0);
        self.set(Number::Pid, 0);
    }

    /// Process id of the worker, 0 when there is none.
    #[must_use]
    pub fn pid(self) -> u64 {
        self.get(Number::Pid)
    }

    /// Birth of the present process, seconds since the epoch.
    #[must_use]
    pub fn spawned(self) -> u64 {
        self.get(Number::Spawned)
    }

    /// Seconds that the present process has lived, whatever was done to the clock meanwhile.
    #[must_use]
    pub fn age(self) -> u64 {
        harakiri::now().saturating_sub(self.get(Number::Born)) / 1_000_000
    }

    /// Processes that have had this number.
    #[must_use]
    pub fn spawns(self) -> u64 {
        self.get(Number::Spawns)
    }

    /// Says whether new requests are taken.
    pub fn set_accepting(self, accepting: bool) {
        self.set(Number::Accepting, u64::from(accepting));
    }

    /// Whether new requests are taken.
    #[must_use]
    pub fn is_accepting(self) -> bool {
        self.get(Number::Accepting) != 0
    }

    /// Counts one request; returns its number among those of all processes that had this worker's number, 1 first.
    #[must_use]
    pub fn count_request(self) -> u64 {
        self.add(Number::DeltaRequests, 1);
        self.add(Number::Requests, 1) + 1
    }

    /// Requests of all processes that had this number.
    #[must_use]
    pub fn requests(self) -> u64 {
        self.get(Number::Requests)
    }

    /// Requests of the present process.
    #[must_use]
    pub fn delta_requests(self) -> u64 {
        self.get(Number::DeltaRequests)
    }

    /// Counts exceptions that left the application.
    pub fn count_exceptions(self, count: u64) {
        self.add(Number::Exceptions, count);
    }

    /// Exceptions that left the application.
    #[must_use]
    pub fn exceptions(self) -> u64 {
        self.get(Number::Exceptions)
    }

    /// Counts body and head bytes sent.
    pub fn count_sent(self, bytes: u64) {
        self.add(Number::Sent, bytes);
    }

    /// Bytes sent.
    #[must_use]
    pub fn sent(self) -> u64 {
        self.get(Number::Sent)
    }

    /// Counts a request that took `micros` microseconds. The average is uWSGI's: half of it is the latest request.
    pub fn count_time(self, micros: u64) {
        self.add(Number::Running, micros);
        self.set(Number::Average, self.average_time().midpoint(micros));
    }

    /// Microseconds spent in requests.
    #[must_use]
    pub fn running_time(self) -> u64 {
        self.get(Number::Running)
    }

    /// Average time of a request, microseconds.
    #[must_use]
    pub fn average_time(self) -> u64 {
        self.get(Number::Average)
    }

    /// Counts a process killed because a request passed its deadline.
    pub fn count_harakiri(self) {
        self.add(Number::Harakiri, 1);
    }

    /// Processes killed because a request passed its deadline.
    #[must_use]
    pub fn harakiris(self) -> u64 {
        self.get(Number::Harakiri)
    }

    /// Counts a request, and exceptions, of application `app`.
    pub fn count_app(self, app: u32, exceptions: u64) {
        if let Some([requests, failures]) = self.app(app) {
            requests.fetch_add(1, Relaxed);
            failures.fetch_add(exceptions, Relaxed);
        }
    }

    /// Requests and exceptions of application `app`.
    #[must_use]
    pub fn app_counts(self, app: u32) -> (u64, u64) {
        self.app(app).map_or((0, 0), |[requests, failures]| (requests.load(Relaxed), failures.load(Relaxed)))
    }

    fn app(self, app: u32) -> Option<&'static [AtomicU64; 2]> {
        let start = WORKER_NUMBERS + app as usize * 2;
        self.words.get(start..start + 2)?.try_into().ok()
    }

    /// Somebody looks at the requests of this worker until `until` (microseconds since the epoch).
    pub fn watch(self, until: u64) {
        self.set(Number::WatchedUntil, until);
    }

    /// Whether somebody looks at its requests at this time (microseconds of the monotonic clock).
    #[must_use]
    pub fn is_watched(self, now: u64) -> bool {
        now < self.get(Number::WatchedUntil)
    }

    /// The word that counts, from 1 on, how often this process has written its stacks; 0: it cannot.
    #[must_use]
    pub fn stacks(self) -> Option<&'static AtomicU64> {
        self.words.get(Number::Stacks as usize)
    }

    fn get(self, number: Number) -> u64 {
        self.words.get(number as usize).map_or(0, |word| word.load(Relaxed))
    }

    fn set(self, number: Number, value: u64) {
        if let Some(word) = self.words.get(number as usize) {
            word.store(value, Relaxed);
        }
    }

    fn add(self, number: Number, value: u64) -> u64 {
        self.words.get(number as usize).map_or(0, |word| word.fetch_add(value, Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_core_has_its_own_slot() {
        let fd = Scoreboard::create(2, 3).unwrap();
        let board = Scoreboard::map(fd.as_fd(), 2, 3).unwrap();
        for worker in 1..=2 {
            for core in 0..3 {
                board.core(worker, core).unwrap().begin(u64::from(worker * 10 + core), None);
            }
        }
        assert_eq!(board.core(1, 2).unwrap().busy_since(), Some(12));
        assert_eq!(board.core(2, 0).unwrap().busy_since(), Some(20));
        board.core(2, 0).unwrap().end();
        assert_eq!((board.core(2, 0).unwrap().busy_since(), board.core(2, 0).unwrap().requests()), (None, 1));
    }

    #[test]
    fn numbers_outside_are_refused() {
        let fd = Scoreboard::create(1, 1).unwrap();
        let board = Scoreboard::map(fd.as_fd(), 1, 1).unwrap();
        assert!(board.worker(0).is_none() && board.worker(2).is_none());
        assert!(board.core(1, 1).is_none() && board.core(2, 0).is_none());
    }

    #[test]
    fn counts_are_kept_over_a_rebirth() {
        let fd = Scoreboard::create(1, 1).unwrap();
        let board = Scoreboard::map(fd.as_fd(), 1, 1).unwrap();
        let worker = board.worker(1).unwrap();
        worker.born(5, 100);
        assert_eq!((worker.count_request(), worker.count_request(), board.count_request()), (1, 2, 1));
        worker.born(6, 200);
        assert_eq!((worker.pid(), worker.requests(), worker.delta_requests()), (6, 2, 0));
        assert_eq!((worker.spawned(), worker.spawns()), (200, 2));
        worker.watch(10);
        assert!(worker.is_watched(9) && !worker.is_watched(10));
    }

    #[test]
    fn applications_are_known_by_number() {
        let fd = Scoreboard::create(1, 1).unwrap();
        let board = Scoreboard::map(fd.as_fd(), 1, 1).unwrap();
        board.publish_app(0, b"", 7);
        board.publish_app(63, &[b'a'; 500], 1);
        board.publish_app(64, b"/beyond", 1);
        assert_eq!(board.app(0), Some((Vec::new(), 7)));
        assert_eq!(board.app(63).unwrap().0, [b'a'; 240]);
        assert!(board.app(1).is_none() && board.app(64).is_none());
        let worker = board.worker(1).unwrap();
        worker.count_app(63, 2);
        worker.count_app(64, 1);
        assert_eq!((worker.app_counts(63), worker.app_counts(64)), ((1, 2), (0, 0)));
        assert_eq!((board.core(1, 0).unwrap().requests(), worker.requests()), (0, 0));
    }

    #[test]
    fn a_table_knows_its_own_size() {
        let fd = Scoreboard::create(3, 2).unwrap();
        let board = Scoreboard::map(fd.as_fd(), 3, 2).unwrap();
        assert_eq!(board.workers().collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(board.cores(3).map(|(core, _)| core).collect::<Vec<_>>(), [0, 1]);
    }
}
