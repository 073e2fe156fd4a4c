//! The meters: what an instance has done since it began, in memory that all its processes share.
//!
//! Counters are kept in shards, so that cores rarely write to the same cache line; a shard belongs to nobody, its words are only
//! ever added to, and the memory lives as long as the master: nothing goes backwards when processes or generations change.
//! What goes up and down is kept in seats, one for each living process: whoever dies leaves its seat, and with it what it had.
//! Written only with `metrics`.

mod certificates;
mod door;
mod meter;
mod reading;
mod seat;

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use super::codes;
use super::histogram::{self, LOCK, REQUEST};
pub use door::Door;
pub use meter::{Count, Meter};
pub use reading::Reading;
pub use seat::{Gauge, Seat};

/// Shards of workers' cores, and of routers behind them.
const CORES: usize = 48;
const ROUTERS: usize = 16;
const SHARDS: usize = CORES + ROUTERS;
/// Words of a shard: two pages. The first holds counters and histograms, the second requests by door and status.
const SHARD: usize = 1024;
const COUNTS: usize = 16;
const DOORS_START: usize = 512;
const DOOR: usize = 64;
const LOCK_START: usize = COUNTS;
const QUEUE_START: usize = 32;
const DURATION_START: usize = 64;
const DURATION: usize = 24;

/// Processes that can be told apart at a time. What more there are is not seen.
const SEATS: usize = 512;
const SEAT: usize = 8;

/// Certificates whose expiry is told. Name length plus one (0: free, all ones: being written), expiry, time of the last word on
/// it, 29 words of name.
const CERTIFICATES: usize = 64;
const CERTIFICATE: usize = 32;

/// In front of the seats: which shards are used.
const SEATS_START: usize = PAGE;
const CERTIFICATES_START: usize = SEATS_START + SEATS * SEAT;
/// Words of a page.
const PAGE: usize = 512;
const SHARDS_START: usize = CERTIFICATES_START + CERTIFICATES * CERTIFICATE;
const WORDS: usize = SHARDS_START + SHARDS * SHARD;

/// A mapping of the meters.
#[derive(Debug, Clone, Copy)]
pub struct Meters {
    words: &'static [AtomicU64],
}

impl Meters {
    /// Memory for them.
    ///
    /// # Errors
    /// When the kernel refuses shared memory.
    pub fn create() -> nix::Result<OwnedFd> {
        rsgi_sys::shm::create(c"rsgi-meters", WORDS)
    }

    /// Maps it into this process.
    ///
    /// # Errors
    /// When the memory is smaller than that.
    pub fn map(fd: BorrowedFd<'_>) -> nix::Result<Self> {
        Ok(Self { words: rsgi_sys::shm::map(fd.as_fd(), WORDS)? })
    }

    /// The writer for a core, numbered over all workers.
    #[must_use]
    pub fn core(self, index: usize) -> Meter {
        self.meter(index % CORES)
    }

    /// The writer for a router, 1 first.
    #[must_use]
    pub fn router(self, id: u32) -> Meter {
        self.meter(CORES + (id as usize).saturating_sub(1) % ROUTERS)
    }

    fn meter(self, shard: usize) -> Meter {
        if let Some(used) = self.words.get(shard) {
            used.store(1, Relaxed);
        }
        Meter(self.shard(shard))
    }

    fn shard(self, shard: usize) -> Option<&'static [AtomicU64]> {
        let start = SHARDS_START + shard * SHARD;
        self.words.get(start..start + SHARD)
    }
}

const _: () = {
    assert!(histogram::words(LOCK.len()) <= QUEUE_START - LOCK_START);
    assert!(histogram::words(REQUEST.len()) <= DURATION && DURATION <= DURATION_START - QUEUE_START);
    assert!(DURATION_START + codes::CLASSES * DURATION <= DOORS_START);
    assert!(codes::PLACES <= DOOR && DOORS_START + Door::ALL.len() * DOOR <= SHARD);
    assert!((Count::Refused as usize) < COUNTS && (Gauge::QueueSince as usize) < SEAT);
    assert!(SHARDS <= PAGE && SHARDS_START.is_multiple_of(PAGE));
};

#[cfg(test)]
mod tests {
    use super::*;

    fn meters() -> Meters {
        let fd = Meters::create().unwrap();
        Meters::map(fd.as_fd()).unwrap()
    }

    #[test]
    fn what_several_count_is_added_up() {
        let meters = meters();
        for (writer, code) in
            [(meters.core(0), 200), (meters.core(47), 200), (meters.core(48), 503), (meters.router(1), 404)]
        {
            writer.request(if code == 404 { Door::Http } else { Door::UwsgiSocket }, code, 3_000);
            writer.count(Count::Shed);
            writer.queued(1);
        }
        meters.router(17).lock_wait(7);
        let reading = meters.read();
        let of = |door, code: &str, count| (door, code.to_owned(), count);
        let wanted = [of(Door::Http, "404", 1), of(Door::UwsgiSocket, "200", 2), of(Door::UwsgiSocket, "503", 1)];
        assert_eq!(reading.requests, wanted);
        assert_eq!((reading.count(Count::Shed), reading.count(Count::Busy)), (4, 0));
        let counts = |class: usize| reading.durations[class].counts.iter().sum::<u64>();
        assert_eq!([0, 1, 2, 3, 4].map(counts), [0, 2, 0, 1, 1]);
        assert_eq!((reading.durations[1].counts[2], reading.durations[1].sum), (2, 6_000));
        assert_eq!((reading.queue.counts[0], reading.lock.sum), (4, 7));
    }

    #[test]
    fn no_counter_touches_another() {
        let meters = meters();
        let meter = meters.core(5);
        for door in Door::ALL {
            for code in 0..1000 {
                meter.request(door, code, u64::from(code));
            }
        }
        meter.queued(u64::MAX / 4);
        meter.lock_wait(u64::MAX / 4);
        let reading = meters.read();
        assert_eq!(reading.requests.iter().map(|(.., count)| count).sum::<u64>(), 8000);
        assert_eq!(reading.durations.iter().flat_map(|one| &one.counts).sum::<u64>(), 8000);
        assert_eq!(reading.counts, [0; COUNTS]);
        assert_eq!((reading.queue.counts.iter().sum::<u64>(), reading.lock.counts.iter().sum::<u64>()), (1, 1));
    }

    #[test]
    fn who_dies_leaves_nothing_behind() {
        let meters = meters();
        let (first, second) = (meters.sit(7), meters.sit(8));
        first.up(Gauge::Connections);
        first.up(Gauge::Connections);
        second.up(Gauge::Connections);
        second.down(Gauge::Connections);
        second.set(Gauge::Queue, 5);
        assert_eq!(meters.gauges(Gauge::Connections).sum::<u64>(), 2);
        meters.vacate(7);
        assert_eq!(meters.gauges(Gauge::Connections).collect::<Vec<_>>(), [0]);
        let third = meters.sit(9);
        assert_eq!(meters.gauges(Gauge::Queue).collect::<Vec<_>>(), [0, 5]);
        third.up(Gauge::Queue);
        assert_eq!(meters.gauges(Gauge::Queue).sum::<u64>(), 6);
    }

    #[test]
    fn without_a_seat_or_a_shard_nothing_happens() {
        let meters = meters();
        let seats: Vec<_> = (0..=SEATS as u32).map(|pid| meters.sit(pid + 1)).collect();
        seats.iter().for_each(|seat| seat.up(Gauge::Connections));
        assert_eq!(meters.gauges(Gauge::Connections).sum::<u64>(), SEATS as u64);
        Meter::default().request(Door::Http, 200, 1);
        Seat::default().down(Gauge::Queue);
        assert!(!Meter::default().is_on() && meters.core(0).is_on());
    }

    #[test]
    fn certificates_are_known_by_name() {
        let meters = meters();
        meters.publish_certificate("a.example", 10, 1);
        meters.publish_certificate("b.example", 20, 2);
        meters.publish_certificate("a.example", 30, 3);
        let long = "x".repeat(500);
        meters.publish_certificate(&long, 40, 4);
        meters.publish_certificate(&long, 50, 5);
        let found = meters.certificates();
        assert_eq!(found[..2], [("a.example".to_owned(), 30, 3), ("b.example".to_owned(), 20, 2)]);
        assert_eq!((found.len(), found[2].1, found[2].0.len()), (3, 50, 232));
    }
}
