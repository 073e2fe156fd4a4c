//! `idle`: when nobody has asked for anything for so long, the workers rest ([`super::rest`]), or with `die-on-idle` the instance ends.

use std::time::{Duration, Instant};

use tracing::info;

use super::Master;
use super::fleet::{Event, Mood};

/// The pause between two looks: nobody tells the master of requests, it counts them.
const LOOK: Duration = Duration::from_secs(1);

/// What was seen at the last look.
#[derive(Debug)]
pub(super) struct Idleness {
    requests: u64,
    since: Instant,
    looked: Instant,
}

impl Default for Idleness {
    fn default() -> Self {
        let now = Instant::now();
        Self { requests: 0, since: now, looked: now }
    }
}

impl Idleness {
    /// Begins to count anew.
    pub(super) fn begin(&mut self) {
        self.since = Instant::now();
    }

    /// Takes note of the number of requests so far, and whether one is in progress. Returns for how long nothing has happened.
    fn note(&mut self, requests: u64, is_busy: bool, now: Instant) -> Duration {
        self.looked = now;
        if is_busy || requests != self.requests {
            self.requests = requests;
            self.since = now;
        }
        now.saturating_duration_since(self.since)
    }
}

impl Master {
    /// When to look whether the instance is idle; never, when nothing is to follow.
    pub(super) fn next_idle_look(&self) -> Option<tokio::time::Instant> {
        let cheaper = &self.started.config.cheaper;
        let is_known = self.is_resting && !cheaper.die_on_idle;
        let wanted = cheaper.idle.is_some() && !is_known && self.fleet.mood() != Mood::Stopping;
        wanted.then(|| tokio::time::Instant::from_std(self.idleness.looked + LOOK))
    }

    /// Looks whether the instance is idle, and lets its workers rest or ends it then.
    pub(super) fn look_for_requests(&mut self) {
        let (Some(limit), Some(generation)) = (self.started.config.cheaper.idle, self.generations.get(&self.serving))
        else {
            return;
        };
        let view = generation.view;
        let is_busy = view.workers().any(|worker| view.cores(worker).any(|(_, core)| core.busy_since().is_some()));
        let is_busy = is_busy || self.routed().waiting > 0;
        let is_settled = self.fleet.mood() == Mood::Serving;
        let idle = self.idleness.note(view.requests(), is_busy || !is_settled, Instant::now());
        if idle < limit.duration() || !is_settled {
            return;
        }
        if self.started.config.cheaper.die_on_idle {
            info!("workers have been inactive for more than {} seconds: leaving (die-on-idle)", limit.0);
            self.queue.push_back(Event::End);
        } else {
            info!("workers have been inactive for more than {} seconds", limit.0);
            self.rest();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_that_were_counted_or_are_in_progress_are_a_sign_of_life() {
        let start = Instant::now();
        let mut idleness = Idleness { requests: 0, since: start, looked: start };
        let at = |seconds| start + Duration::from_secs(seconds);
        let seconds = Duration::from_secs;
        assert_eq!(idleness.note(0, false, at(3)), seconds(3));
        assert_eq!(idleness.note(1, false, at(4)), seconds(0));
        assert_eq!(idleness.note(1, true, at(9)), seconds(0));
        assert_eq!(idleness.note(1, false, at(12)), seconds(3));
    }
}
