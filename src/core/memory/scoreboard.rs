//! The scoreboard: what every core of every worker is doing, in memory that the whole instance shares.
//!
//! Written by workers without locks, read by the master (stats, deadlines) and by whoever wants to know. Layout: a header,
//! then one block a worker, each with one slot a core; everything is a 64-bit word.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

const HEADER: usize = 8;
const WORKER: usize = 8;
const CORE: usize = 8;

/// A mapping of the scoreboard.
#[derive(Debug, Clone, Copy)]
pub struct Scoreboard {
    words: &'static [AtomicU64],
    cores: usize,
}

/// One core's slot.
#[derive(Debug, Clone, Copy)]
pub struct CoreSlot {
    words: &'static [AtomicU64],
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
        (core < self.cores).then(|| self.words.get(start..start + CORE)).flatten().map(|words| CoreSlot { words })
    }

    fn worker_start(self, worker: u32) -> Option<usize> {
        let index = (worker as usize).checked_sub(1)?;
        let start = HEADER + index * (WORKER + self.cores * CORE);
        (start < self.words.len()).then_some(start)
    }

    /// Counts one request of the whole instance; returns its number, 1 first.
    #[must_use]
    pub fn count_request(self) -> u64 {
        self.words.first().map_or(0, |word| word.fetch_add(1, Relaxed) + 1)
    }

    /// Requests answered by the whole instance.
    #[must_use]
    pub fn requests(self) -> u64 {
        self.words.first().map_or(0, |word| word.load(Relaxed))
    }
}

impl WorkerSlot {
    /// Takes the block over for a new process.
    pub fn born(self, pid: u32) {
        self.set(0, u64::from(pid));
        self.set(2, 0);
    }

    /// Process id of the worker, 0 when there is none.
    #[must_use]
    pub fn pid(self) -> u64 {
        self.get(0)
    }

    /// Counts one request; returns its number among those of all processes that had this worker's number, 1 first.
    #[must_use]
    pub fn count_request(self) -> u64 {
        self.add(2, 1);
        self.add(1, 1) + 1
    }

    /// Requests of all processes that had this number.
    #[must_use]
    pub fn requests(self) -> u64 {
        self.get(1)
    }

    /// Requests of the present process.
    #[must_use]
    pub fn delta_requests(self) -> u64 {
        self.get(2)
    }

    /// Counts exceptions that left the application.
    pub fn count_exceptions(self, count: u64) {
        self.add(3, count);
    }

    /// Exceptions that left the application.
    #[must_use]
    pub fn exceptions(self) -> u64 {
        self.get(3)
    }

    /// Counts body and head bytes sent.
    pub fn count_sent(self, bytes: u64) {
        self.add(4, bytes);
    }

    fn get(self, index: usize) -> u64 {
        self.words.get(index).map_or(0, |word| word.load(Relaxed))
    }

    fn set(self, index: usize, value: u64) {
        if let Some(word) = self.words.get(index) {
            word.store(value, Relaxed);
        }
    }

    fn add(self, index: usize, value: u64) -> u64 {
        self.words.get(index).map_or(0, |word| word.fetch_add(value, Relaxed))
    }
}

impl CoreSlot {
    /// Marks the core busy since `now` (microseconds since the epoch).
    pub fn begin(self, now: u64) {
        self.store(0, now);
    }

    /// Marks the core idle and counts the request.
    pub fn end(self) {
        self.store(0, 0);
        if let Some(word) = self.words.get(1) {
            word.fetch_add(1, Relaxed);
        }
    }

    /// Start of the request in progress, microseconds since the epoch; `None` when idle.
    #[must_use]
    pub fn busy_since(self) -> Option<u64> {
        self.words.first().map(|word| word.load(Relaxed)).filter(|&since| since != 0)
    }

    /// Requests this core has finished.
    #[must_use]
    pub fn requests(self) -> u64 {
        self.words.get(1).map_or(0, |word| word.load(Relaxed))
    }

    fn store(self, index: usize, value: u64) {
        if let Some(word) = self.words.get(index) {
            word.store(value, Relaxed);
        }
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
                board.core(worker, core).unwrap().begin(u64::from(worker * 10 + core));
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
        worker.born(5);
        assert_eq!((worker.count_request(), worker.count_request(), board.count_request()), (1, 2, 1));
        worker.born(6);
        assert_eq!((worker.pid(), worker.requests(), worker.delta_requests()), (6, 2, 0));
    }
}
