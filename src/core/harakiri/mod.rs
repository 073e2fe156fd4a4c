//! Harakiri: a request that takes longer than it may ends, with its worker if it must, and leaves the evidence in the log.
//!
//! Each core has its own deadline in the scoreboard. [`watch`] decides what to do about those that have passed, in the master;
//! [`report`] words it. What is done by system calls is in `master/deadlines.rs`; the gentle way is the worker's own
//! (`worker/guardian.rs`).

pub mod report;
pub mod watch;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::time::{ClockId, clock_gettime};

/// Microseconds of the monotonic clock, which all processes of a machine share and nobody sets.
#[must_use]
pub fn now() -> u64 {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).map(Duration::from).unwrap_or_default();
    micros(now)
}

/// Microseconds since the epoch at a moment of that clock, as the machine's clock has it now.
#[must_use]
pub fn epoch(moment: u64) -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    micros(now).saturating_sub(self::now().saturating_sub(moment))
}

/// A span in microseconds.
#[must_use]
pub fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}
