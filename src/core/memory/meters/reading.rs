//! All counters of an instance, added up.

use std::sync::atomic::Ordering::Relaxed;

use super::super::codes;
use super::super::histogram::{Histogram, LOCK, REQUEST};
use super::{
    COUNTS, Count, DOOR, DOORS_START, DURATION, DURATION_START, Door, LOCK_START, Meters, QUEUE_START, SHARDS,
};

/// All counters of an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    pub(super) counts: [u64; COUNTS],
    /// Requests by door and by the name of their status.
    pub requests: Vec<(Door, String, u64)>,
    /// What requests took, by the class of their status.
    pub durations: Vec<Histogram>,
    /// How long requests waited for a core.
    pub queue: Histogram,
    /// How long requests waited for the interpreter lock.
    pub lock: Histogram,
}

impl Meters {
    /// Adds everything up.
    #[must_use]
    pub fn read(self) -> Reading {
        let mut counts = [0; COUNTS];
        let (mut queue, mut lock) = (Histogram::new(&REQUEST), Histogram::new(&LOCK));
        let mut durations = vec![Histogram::new(&REQUEST); codes::CLASSES];
        let mut by_door = [[0_u64; codes::PLACES]; Door::ALL.len()];
        // What nobody has written to is left alone: a look would make it take memory.
        let is_used = |shard: &usize| self.words.get(*shard).is_some_and(|word| word.load(Relaxed) != 0);
        for shard in (0..SHARDS).filter(is_used).filter_map(|shard| self.shard(shard)) {
            for (count, word) in counts.iter_mut().zip(shard) {
                *count += word.load(Relaxed);
            }
            lock.add(shard.get(LOCK_START..).unwrap_or_default());
            queue.add(shard.get(QUEUE_START..).unwrap_or_default());
            for (class, histogram) in durations.iter_mut().enumerate() {
                histogram.add(shard.get(DURATION_START + class * DURATION..).unwrap_or_default());
            }
            for (door, counted) in by_door.iter_mut().enumerate() {
                let words = shard.get(DOORS_START + door * DOOR..).unwrap_or_default();
                counted.iter_mut().zip(words).for_each(|(count, word)| *count += word.load(Relaxed));
            }
        }
        let mut requests = Vec::new();
        for (door, counted) in Door::ALL.into_iter().zip(by_door) {
            let seen = counted.into_iter().enumerate().filter(|(_, count)| *count > 0);
            requests.extend(seen.map(|(place, count)| (door, codes::name(place), count)));
        }
        Reading { counts, requests, durations, queue, lock }
    }
}

impl Reading {
    /// One of the counters.
    #[must_use]
    pub fn count(&self, what: Count) -> u64 {
        self.counts.get(what as usize).copied().unwrap_or(0)
    }
}
