//! `cheaper-algo = spare`: when all cores have been busy for a while, more workers; when more than a worker's worth of them has been idle for as
//! long, one less.

use std::time::Duration;

use rsgi_config::Cheaper;

use super::{Facts, Wish};

#[derive(Debug)]
pub(super) struct Spare {
    /// Looks that a state has to last.
    patience: u64,
    step: u32,
    interval: Duration,
    /// Looks in a row at which nobody was idle.
    busy: u64,
    /// Looks in a row at which too many were.
    idle: u64,
}

impl Spare {
    pub(super) fn new(cheaper: &Cheaper, interval: Duration) -> Self {
        Self { patience: cheaper.overload.max(1), step: cheaper.step, interval, busy: 0, idle: 0 }
    }

    pub(super) fn look(&mut self, facts: &Facts) -> Wish {
        let is_overloaded = facts.is_overloaded();
        // One is idle still when a worker has left.
        let has_spare = !is_overloaded && facts.waiting == 0 && facts.idle() > facts.cores;
        self.busy = if is_overloaded { (self.busy + 1).max(self.looks(facts.age)) } else { 0 };
        self.idle = if has_spare { self.idle + 1 } else { 0 };
        if self.busy >= self.patience {
            self.busy = 0;
            return Wish::Grow(self.step);
        }
        if self.idle >= self.patience {
            self.idle = 0;
            return Wish::Shrink;
        }
        Wish::Stay
    }

    /// Looks that have passed since the first in a router's queue came: no core has been idle since.
    fn looks(&self, age: Duration) -> u64 {
        let looks = age.as_millis() / self.interval.as_millis().max(1);
        u64::try_from(looks).unwrap_or(u64::MAX)
    }
}
