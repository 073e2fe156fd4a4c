//! Histograms in shared words: how many values fell below each bound, and their sum. Values are microseconds.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

/// Bounds of the time that a request takes: from what a cache answers to what a proxy gives up on.
pub const REQUEST: [u64; 15] = [
    1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000,
    10_000_000, 30_000_000, 60_000_000,
];

/// Bounds of the wait for the interpreter lock. CPython lets others run every 5 ms, so waits come in steps of that.
pub const LOCK: [u64; 10] = [100, 500, 1_000, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000];

/// Words that a histogram with so many bounds takes: a count for each, one for what lies beyond, and the sum.
pub(super) const fn words(bounds: usize) -> usize {
    bounds + 2
}

/// Takes a value in.
#[inline]
pub(super) fn observe(words: &[AtomicU64], bounds: &[u64], micros: u64) {
    let place = bounds.iter().position(|&bound| micros <= bound).unwrap_or(bounds.len());
    if let (Some(count), Some(sum)) = (words.get(place), words.get(bounds.len() + 1)) {
        count.fetch_add(1, Relaxed);
        sum.fetch_add(micros, Relaxed);
    }
}

/// What has been taken in, by several writers together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Histogram {
    /// The bounds, microseconds.
    pub bounds: &'static [u64],
    /// Values up to each bound and beyond the one before; the last one is for those beyond all.
    pub counts: Vec<u64>,
    /// Sum of all values, microseconds.
    pub sum: u64,
}

impl Histogram {
    /// An empty one.
    #[must_use]
    pub fn new(bounds: &'static [u64]) -> Self {
        Self { bounds, counts: vec![0; bounds.len() + 1], sum: 0 }
    }

    /// Adds what a writer has taken in.
    pub(super) fn add(&mut self, words: &[AtomicU64]) {
        for (count, word) in self.counts.iter_mut().zip(words) {
            *count += word.load(Relaxed);
        }
        self.sum += words.get(self.bounds.len() + 1).map_or(0, |word| word.load(Relaxed));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_falls_below_its_bound() {
        let memory: Vec<_> = (0..words(LOCK.len())).map(|_| AtomicU64::new(0)).collect();
        for micros in [0, 100, 101, 1_000_000, 1_000_001] {
            observe(&memory, &LOCK, micros);
        }
        let mut histogram = Histogram::new(&LOCK);
        histogram.add(&memory);
        histogram.add(&memory);
        assert_eq!(histogram.counts, [4, 2, 0, 0, 0, 0, 0, 0, 0, 2, 2]);
        assert_eq!(histogram.sum, 2 * (100 + 101 + 1_000_000 + 1_000_001));
    }

    #[test]
    fn bounds_rise() {
        assert!(REQUEST.is_sorted() && LOCK.is_sorted());
    }
}
