//! How long the generation on its way has, when the reload that was asked for after it waits: an import that hangs never ends by
//! itself. One that is under way is not cut off.

use std::time::{Duration, Instant};

use super::Fleet;
use super::crew::State;

/// Time that an application has to be loaded in, before another reload takes the place of its own.
pub(super) const HANGS: Duration = Duration::from_secs(10);

/// How many times longer than the first worker another one may take.
const LONGER: u32 = 3;

/// What the generation that came last has come to.
#[derive(Debug)]
pub(super) struct Headway {
    /// When it was first on its way.
    attempted: Instant,
    /// When a worker of it was last ready.
    advanced: Instant,
    /// What the first of them took for that.
    took: Option<Duration>,
}

impl Headway {
    pub(super) const fn new(now: Instant) -> Self {
        Self { attempted: now, advanced: now, took: None }
    }
}

impl Fleet {
    /// Takes note of a worker that says to be ready.
    pub(super) fn advance(&mut self, serial: u64, now: Instant) {
        let next = self.next();
        let worker = self.workers.get_mut(serial).filter(|worker| Some(worker.generation) == next);
        if let Some(worker) = worker.filter(|worker| worker.state == State::Starting) {
            self.headway.took.get_or_insert_with(|| now.saturating_duration_since(worker.since));
            self.headway.advanced = now;
        }
    }

    /// When the generation on its way makes room for the reload that was asked for after it, if nothing loads its application
    /// by then: neither its zygote nor a worker that is starting.
    pub(super) fn patience(&self) -> Option<Instant> {
        let next = self.next().filter(|_| self.reload_again.is_some())?;
        if !self.has_loaded(next) {
            return Some(self.headway.attempted + HANGS);
        }
        // What workers have in common, zygote or machine, makes all of them slow.
        let each = self.headway.took.map_or(HANGS, |took| HANGS.max(took.saturating_mul(LONGER)));
        let starting = self.workers.iter().map(|(_, worker)| worker);
        let starting = starting.filter(|worker| worker.generation == next && worker.state == State::Starting);
        starting.map(|worker| worker.since.max(self.headway.advanced) + each).min()
    }
}
