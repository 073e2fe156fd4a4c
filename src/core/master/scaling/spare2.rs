//! `cheaper-algo = spare2`: keeps as many idle workers as `cheaper` says. Quick to add, slow to stop.
//!
//! Source: uWSGI 2.1, "The cheaper subsystem".

use rsgi_config::Cheaper;

use super::{Facts, Wish};

#[derive(Debug)]
pub(super) struct Spare2 {
    /// Idle workers that are wanted.
    wanted: u32,
    step: u32,
    /// Looks that there have to be more of them.
    patience: u64,
    /// Looks so far.
    idle: u64,
}

impl Spare2 {
    pub(super) fn new(cheaper: &Cheaper) -> Self {
        let (wanted, patience) = (cheaper.min.unwrap_or(0), cheaper.spare_idle.max(1));
        Self { wanted, step: cheaper.step, patience, idle: 0 }
    }

    pub(super) fn look(&mut self, facts: &Facts) -> Wish {
        // With threads, cores that are idle here and there are as good as a whole worker.
        let idle = facts.idle() / facts.cores.max(1);
        if idle < self.wanted {
            self.idle = 0;
            return Wish::Grow(self.step.min(self.wanted - idle));
        }
        self.idle = if idle > self.wanted { self.idle + 1 } else { 0 };
        if self.idle >= self.patience {
            self.idle = 0;
            return Wish::Shrink;
        }
        Wish::Stay
    }
}
