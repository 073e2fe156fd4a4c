//! Which minutes are due on a clock that may be set at any time.

use crate::harakiri;

/// Minutes by which the clock may be set back, while commands wait for it to come to where it was (cron(8) draws this line too).
const CORRECTION: u64 = 3 * 60;

/// The present second on both clocks: one tells when something is due, the other how long it takes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Now {
    /// Since 1970.
    pub(super) epoch: u64,
    /// Of the monotonic clock.
    pub(super) steady: u64,
}

impl Now {
    pub(super) fn read() -> Self {
        let steady = harakiri::now();
        Self { epoch: harakiri::epoch(steady) / 1_000_000, steady: steady / 1_000_000 }
    }
}

/// Whether what is due in `minute` is to be done, when `last` was the last minute that was looked at.
pub(super) fn is_new(minute: u64, last: u64) -> bool {
    minute > last || minute < last.saturating_sub(CORRECTION)
}
