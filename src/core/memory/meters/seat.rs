//! What goes up and down, in a seat for each living process.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};

use super::{CERTIFICATES_START, Meters, SEAT, SEATS_START};

/// What goes up and down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gauge {
    /// Client connections that are open.
    Connections = 1,
    /// Requests that wait for a core.
    Queue,
    /// Since when the first of them waits, microseconds of the monotonic clock; 0: none does.
    QueueSince,
}

/// The place of a process. One that is nowhere is made by [`Default`].
#[derive(Debug, Clone, Copy, Default)]
pub struct Seat(Option<&'static [AtomicU64]>);

impl Meters {
    /// Takes a seat for the process `pid`; none, when all are taken.
    #[must_use]
    pub fn sit(self, pid: u32) -> Seat {
        let is_taken = |seat: &&[AtomicU64]| {
            let owner = seat.first().map(|word| word.compare_exchange(0, u64::from(pid), AcqRel, Acquire));
            owner.is_some_and(|taken| taken.is_ok())
        };
        Seat(self.seats().find(is_taken))
    }

    /// Frees the seat of a process that is gone.
    pub fn vacate(self, pid: u32) {
        let is_its = |seat: &&[AtomicU64]| seat.first().is_some_and(|word| word.load(Acquire) == u64::from(pid));
        for seat in self.seats().filter(is_its) {
            seat.iter().skip(1).for_each(|word| word.store(0, Relaxed));
            if let Some(word) = seat.first() {
                word.store(0, Release);
            }
        }
    }

    fn seats(self) -> impl Iterator<Item = &'static [AtomicU64]> {
        let seats = self.words.get(SEATS_START..CERTIFICATES_START).unwrap_or_default();
        seats.chunks_exact(SEAT)
    }

    /// What each process has of `gauge`.
    pub fn gauges(self, gauge: Gauge) -> impl Iterator<Item = u64> {
        let is_taken = |seat: &&[AtomicU64]| seat.first().is_some_and(|word| word.load(Acquire) != 0);
        self.seats().filter(is_taken).filter_map(move |seat| Some(seat.get(gauge as usize)?.load(Relaxed)))
    }
}

impl Seat {
    /// One more.
    #[inline]
    pub fn up(self, gauge: Gauge) {
        if let Some(word) = self.word(gauge) {
            word.fetch_add(1, Relaxed);
        }
    }

    /// One less.
    #[inline]
    pub fn down(self, gauge: Gauge) {
        if let Some(word) = self.word(gauge) {
            word.fetch_sub(1, Relaxed);
        }
    }

    /// So many now.
    #[inline]
    pub fn set(self, gauge: Gauge, value: u64) {
        if let Some(word) = self.word(gauge) {
            word.store(value, Relaxed);
        }
    }

    fn word(self, gauge: Gauge) -> Option<&'static AtomicU64> {
        self.0.and_then(|words| words.get(gauge as usize))
    }
}
