//! A core backs off for a moment when the interpreter, or the processor, is all that its worker waits for.
//!
//! The interpreter's lock goes to whoever asks for it when it is free, often to the core that has just let go of it, and a
//! processor goes to one thread for milliseconds. The other cores hold requests meanwhile that nobody works on, while later
//! ones are answered, and each change costs a switch of threads. So what cannot be worked on stays with the kernel, in
//! order, and the cores that could only wait sleep, until those that are left get stuck, or it is time to try again.

use std::sync::atomic::Ordering::{AcqRel, Relaxed};
use std::sync::atomic::{AtomicU32, AtomicU64};
use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeSpec;
use nix::time::{ClockId, ClockNanosleepFlags, clock_nanosleep};
use rsgi_abi::types::Outcome;

use super::core::Core;
use super::demand::Demand;
use crate::harakiri;

/// Shortest time for which a core backs off, microseconds: it doubles each time.
const LEAST: u64 = 100;
/// The longest.
const MOST: u64 = 64_000;
/// Longest time after which a core that has backed off looks whether the others get on, microseconds. To wake costs more than to look.
const LOOK: u64 = 8000;
/// Requests that take longer may have been interrupted by the kernel to let others run, microseconds.
const SLICE: u64 = 2000;
/// A core that waits longer for an event is idle, microseconds.
const IDLE: u64 = 1000;

/// What the cores of a worker know of each other.
#[derive(Debug)]
pub(super) struct Backoff {
    cores: AtomicU32,
    /// Those that have not backed off.
    active: AtomicU32,
    /// For how long the next one does, microseconds.
    span: AtomicU64,
    demand: Demand,
}

impl Backoff {
    pub(super) fn new() -> Self {
        let (cores, active) = (AtomicU32::new(0), AtomicU32::new(0));
        Self { cores, active, span: AtomicU64::new(LEAST), demand: Demand::default() }
    }

    /// A core begins to serve.
    pub(super) fn join(&self) {
        self.cores.fetch_add(1, AcqRel);
        self.enter();
    }

    /// Whether a core has backed off.
    pub(super) fn is_on(&self) -> bool {
        self.active.load(Relaxed) < self.cores.load(Relaxed)
    }

    /// A core had waited for something to do since then, microseconds.
    pub(super) fn waited(&self, since: u64) {
        if harakiri::now().saturating_sub(since) > IDLE {
            self.demand.idle();
        }
    }

    /// One core less, for so many microseconds; the last one stays.
    fn leave(&self) -> Option<u64> {
        let less = |active: u32| active.checked_sub(1).filter(|left| *left > 0);
        self.active.fetch_update(AcqRel, Relaxed, less).ok()?;
        let longer = |span: u64| Some(span.saturating_mul(2).min(MOST));
        self.span.fetch_update(Relaxed, Relaxed, longer).ok()
    }

    /// It is back.
    fn enter(&self) {
        self.active.fetch_add(1, AcqRel);
    }

    /// A core was not in anybody's way after it came back: slowly, for one moment says little about the next.
    fn shorten(&self) {
        let shorter = |span: u64| Some((span - span / 8).max(LEAST));
        let _ = self.span.fetch_update(Relaxed, Relaxed, shorter);
    }
}

/// What a core has seen of the others.
#[derive(Debug, Default)]
pub(super) struct Crush {
    /// Its last request stood in the way of others, or they in its.
    pub(super) is_on: bool,
    /// It has just come back.
    is_back: bool,
    /// Requests that the worker had answered when the last one began.
    answered: u64,
    /// How often the kernel has taken the processor from this thread.
    preemptions: i64,
}

impl Crush {
    /// Whether the kernel has taken the processor from this thread since this was asked before.
    fn was_preempted(&mut self) -> bool {
        let usage = getrusage(UsageWho::RUSAGE_THREAD);
        let now = usage.map_or(0, |usage| usage.involuntary_context_switches());
        std::mem::replace(&mut self.preemptions, now) < now
    }
}

impl Core<'_> {
    /// A request begins.
    pub(super) fn enter_crush(&mut self) {
        self.crush.answered = self.answered();
    }

    /// A request has ended that took so many microseconds.
    pub(super) fn judge_crush(&mut self, outcome: &Outcome, micros: u64) {
        // Others wait for the interpreter, which had this one for most of its time.
        let is_in_the_way = outcome.waiting > 0 && outcome.inside / 1000 > micros / 2;
        let others = || self.answered().saturating_sub(self.crush.answered) > 1;
        let is_crowded = is_in_the_way || micros > SLICE && others() && self.crush.was_preempted();
        self.crush.is_on = is_crowded && self.is_in_demand();
        if std::mem::take(&mut self.crush.is_back) && !self.crush.is_on {
            self.engine.backoff.shorten();
        }
    }

    /// Backs off when the last request says so.
    pub(super) fn back_off(&mut self) {
        if !std::mem::take(&mut self.crush.is_on) {
            return;
        }
        let Some(mut span) = self.engine.backoff.leave() else { return };
        let look = (span / 8).clamp(LEAST, LOOK);
        let pause = TimeSpec::from_duration(Duration::from_micros(look));
        let mut seen = self.answered();
        while span > 0 && !self.engine.is_stopping() && self.is_in_demand() {
            span = span.saturating_sub(look);
            if clock_nanosleep(ClockId::CLOCK_MONOTONIC, ClockNanosleepFlags::empty(), &pause).is_err() {
                self.signalled();
                break;
            }
            let before = std::mem::replace(&mut seen, self.answered());
            if seen == before {
                break;
            }
        }
        self.engine.backoff.enter();
        self.crush.is_back = true;
    }

    fn is_in_demand(&self) -> bool {
        let cores = self.engine.board.cores(self.engine.id);
        let backoff = &self.engine.backoff;
        backoff.demand.is_high(cores.map(|(_, core)| core.thread().1), backoff.is_on())
    }

    /// Requests that this worker has answered.
    fn answered(&self) -> u64 {
        self.worker.map_or(0, |worker| worker.delta_requests())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_core_stays_and_the_others_back_off_longer_and_longer() {
        let backoff = Backoff::new();
        (0..3).for_each(|_| backoff.join());
        assert!(!backoff.is_on());
        assert_eq!([backoff.leave(), backoff.leave(), backoff.leave()], [Some(100), Some(200), None]);
        backoff.enter();
        assert_eq!([backoff.leave(), backoff.leave()], [Some(400), None]);
        assert!(backoff.is_on());
        for _ in 0..20 {
            backoff.enter();
            assert!(backoff.leave().is_some_and(|span| span <= MOST));
        }
        backoff.enter();
        backoff.shorten();
        assert_eq!(backoff.leave(), Some(MOST - MOST / 8));
        (0..200).for_each(|_| backoff.shorten());
        backoff.enter();
        assert_eq!(backoff.leave(), Some(LEAST));
        let alone = Backoff::new();
        alone.join();
        assert_eq!(alone.leave(), None);
    }
}
