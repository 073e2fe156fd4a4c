//! How many workers there should be: pure machines that look at facts and say what they wish for.
//!
//! One file an algorithm of `cheaper-algo`; this one keeps to the limits of number and memory, and chooses who leaves. The
//! master looks ([`super::workload`]), the fleet does.

mod backlog;
mod busyness;
mod spare;
mod spare2;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use rsgi_config::{Algo, Cheaper};

use super::fleet::Scale;
use backlog::Backlog;
use busyness::Busyness;
use spare::Spare;
use spare2::Spare2;

/// What is seen at one look.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Facts {
    /// The workers that are to be there, none of which has been told to leave.
    pub(super) workers: Vec<Worker>,
    /// Cores of each worker.
    pub(super) cores: u32,
    /// Requests that wait, in routers and in the kernel.
    pub(super) waiting: u32,
    /// How long the first one in a router has been waiting.
    pub(super) age: Duration,
    /// Resident memory of all workers, bytes.
    pub(super) rss: u64,
}

/// One worker.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Worker {
    pub(super) number: u32,
    /// It serves; else it is on its way.
    pub(super) serves: bool,
    /// Cores in a request.
    pub(super) busy: u32,
    /// Time that its cores have been in requests so far, microseconds.
    pub(super) busy_time: u64,
}

impl Facts {
    /// Cores that could take a request. Those of a worker on its way are among them: help is near.
    fn idle(&self) -> u32 {
        self.workers.iter().map(|worker| self.cores.saturating_sub(worker.busy)).sum()
    }

    fn count(&self) -> u32 {
        u32::try_from(self.workers.len()).unwrap_or(u32::MAX)
    }

    /// Nobody can take another request. Who waits says so too: at the moment of a look, a core may just be between two.
    fn is_overloaded(&self) -> bool {
        self.idle() == 0 || (self.waiting > 0 && self.workers.iter().all(|worker| worker.serves))
    }

    /// The worker whose leaving disturbs least.
    fn most_idle(&self) -> Option<u32> {
        let order = |worker: &&Worker| (worker.busy, std::cmp::Reverse(worker.number));
        self.workers.iter().min_by_key(order).map(|worker| worker.number)
    }
}

/// What an algorithm would like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    Stay,
    Grow(u32),
    Shrink,
}

/// How far the number can go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Room {
    /// Workers that may be added.
    up: u32,
    /// Workers that may be stopped.
    down: u32,
}

/// What is to be done, and what is to be said of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Decision {
    pub(super) scale: Option<Scale>,
    pub(super) lines: Vec<String>,
}

/// Decides over the number of workers of one generation.
#[derive(Debug)]
pub(super) struct Scaler {
    cheaper: Cheaper,
    processes: u32,
    algorithm: Algorithm,
    /// The soft limit of memory has kept a worker from being added.
    is_short: bool,
}

#[derive(Debug)]
enum Algorithm {
    Spare(Spare),
    Spare2(Spare2),
    Backlog(Backlog),
    Busyness(Box<Busyness>),
    Manual,
}

impl Scaler {
    /// For up to `processes` workers, looked at every `interval`.
    pub(super) fn new(cheaper: &Cheaper, processes: u32, interval: Duration) -> Self {
        let algorithm = match cheaper.algo {
            Algo::Spare => Algorithm::Spare(Spare::new(cheaper, interval)),
            Algo::Spare2 => Algorithm::Spare2(Spare2::new(cheaper)),
            Algo::Backlog => Algorithm::Backlog(Backlog::new(cheaper)),
            Algo::Busyness => Algorithm::Busyness(Box::new(Busyness::new(cheaper))),
            Algo::Manual => Algorithm::Manual,
        };
        Self { cheaper: cheaper.clone(), processes, algorithm, is_short: false }
    }

    /// What is to be done at this look.
    pub(super) fn look(&mut self, facts: &Facts, now: Instant) -> Decision {
        let mut lines = Vec::new();
        if facts.workers.is_empty() {
            return Decision::default();
        }
        let lacking = self.cheaper.min.unwrap_or(0).min(self.processes).saturating_sub(facts.count());
        if lacking > 0 {
            return Decision { scale: Some(Scale::Grow(lacking)), lines };
        }
        let mut room = self.room(facts.count());
        if self.cheaper.rss_limit_hard.is_some_and(|hard| facts.rss >= hard) && room.down > 0 {
            let scale = facts.most_idle().map(Scale::Shrink);
            lines
                .push(format!("all workers together use {} bytes: one is stopped (cheaper-rss-limit-hard)", facts.rss));
            return Decision { scale, lines };
        }
        let is_large = self.cheaper.rss_limit_soft.is_some_and(|soft| facts.rss >= soft);
        if is_large {
            room.up = 0;
        }
        let wish = match &mut self.algorithm {
            Algorithm::Spare(spare) => spare.look(facts),
            Algorithm::Spare2(spare) => spare.look(facts),
            Algorithm::Backlog(backlog) => backlog.look(facts),
            Algorithm::Busyness(busyness) => busyness.look(facts, room, now, &mut lines),
            Algorithm::Manual => Wish::Stay,
        };
        let is_short = is_large && matches!(wish, Wish::Grow(_));
        if is_short && !self.is_short {
            lines.push(format!("all workers together use {} bytes: none is added (cheaper-rss-limit-soft)", facts.rss));
        }
        // Not said again until there was room for one.
        self.is_short = is_short || (self.is_short && is_large);
        let scale = match wish {
            Wish::Grow(count) if room.up > 0 => Some(Scale::Grow(count.min(room.up))),
            Wish::Shrink if room.down > 0 => facts.most_idle().map(Scale::Shrink),
            Wish::Grow(_) | Wish::Shrink | Wish::Stay => None,
        };
        Decision { scale, lines }
    }

    /// One worker more, for somebody said so; `None` when all run.
    pub(super) fn one_more(&self, count: u32) -> Option<Scale> {
        (self.room(count).up > 0).then_some(Scale::Grow(1))
    }

    /// One worker less, for somebody said so; `None` when so few run.
    pub(super) fn one_less(&self, facts: &Facts) -> Option<Scale> {
        if self.room(facts.count()).down > 0 { facts.most_idle().map(Scale::Shrink) } else { None }
    }

    fn room(&self, count: u32) -> Room {
        let least = self.cheaper.min.unwrap_or(self.processes);
        Room { up: self.processes.saturating_sub(count), down: count.saturating_sub(least) }
    }
}
