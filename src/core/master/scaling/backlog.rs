//! `cheaper-algo = backlog`: more workers while more requests wait than `cheaper-overload`; one less when none waits and a whole worker is idle.

use rsgi_config::Cheaper;

use super::{Facts, Wish};

#[derive(Debug)]
pub(super) struct Backlog {
    /// Requests that may wait.
    may_wait: u64,
    step: u32,
}

impl Backlog {
    pub(super) const fn new(cheaper: &Cheaper) -> Self {
        Self { may_wait: cheaper.overload, step: cheaper.step }
    }

    pub(super) fn look(&self, facts: &Facts) -> Wish {
        if u64::from(facts.waiting) > self.may_wait {
            return Wish::Grow(self.step);
        }
        if facts.waiting == 0 && facts.idle() >= facts.cores { Wish::Shrink } else { Wish::Stay }
    }
}
