//! Rates: what has changed from one look to the next.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::tools::view::{View, Worker};

/// What a worker did since the last look.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Rate {
    /// Requests a second.
    pub requests: f64,
    /// Share of its cores' time spent in requests, 0 to 1.
    pub busy: f64,
}

/// Rates of all workers, by number.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rates {
    by_worker: BTreeMap<u32, Rate>,
}

impl Rates {
    /// What happened between two looks.
    #[must_use]
    pub fn between(before: &View, after: &View, passed: Duration) -> Self {
        let by_number: BTreeMap<_, _> = before.stats.workers.iter().map(|worker| (worker.id, worker)).collect();
        let rate = |worker: &Worker| {
            let earlier = by_number.get(&worker.id)?;
            let seconds = passed.as_secs_f64().max(0.001);
            let requests = worker.requests.saturating_sub(earlier.requests) as f64 / seconds;
            // A request counts when it has ended; what those that run have taken so far is added.
            let spent = spent(after, worker).saturating_sub(spent(before, earlier)) as f64 / 1e6;
            let busy = (spent / seconds / cores(worker) as f64).clamp(0.0, 1.0);
            Some((worker.id, Rate { requests, busy }))
        };
        Self { by_worker: after.stats.workers.iter().filter_map(rate).collect() }
    }

    /// The rate of a worker.
    #[must_use]
    pub fn of(&self, worker: u32) -> Rate {
        self.by_worker.get(&worker).copied().unwrap_or_default()
    }

    /// That of all together.
    #[must_use]
    pub fn total(&self, view: &View) -> Rate {
        let all = view.stats.workers.iter().map(|worker| (self.of(worker.id), cores(worker) as f64));
        let sum = |sum: (f64, f64, f64), (rate, cores): (Rate, f64)| {
            (sum.0 + rate.requests, sum.1 + rate.busy * cores, sum.2 + cores)
        };
        let (requests, busy, cores) = all.fold((0.0, 0.0, 0.0), sum);
        Rate { requests, busy: if cores > 0.0 { busy / cores } else { 0.0 } }
    }
}

fn cores(worker: &Worker) -> usize {
    worker.cores.len().max(1)
}

/// Microseconds that the cores of a worker have been in requests.
fn spent(view: &View, worker: &Worker) -> u64 {
    worker.running_time + view.running_in(worker).map(|one| one.age).sum::<u64>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::stats::tests::sample;

    #[test]
    fn a_request_that_goes_on_makes_its_core_busy() {
        let (before, mut after) = (sample(), sample());
        after.stats.workers[0].requests += 500;
        after.running[0].age += 2_000_000;
        after.running.pop();
        let rates = Rates::between(&before, &after, Duration::from_secs(2));
        let rate = rates.of(1);
        assert!((rate.requests - 250.0).abs() < 1e-9 && (rate.busy - 0.5).abs() < 0.01, "{rate:?}");
        let total = rates.total(&after);
        assert!((total.requests - 250.0).abs() < 1e-9 && (total.busy - 0.25).abs() < 0.01, "{total:?}");
        assert_eq!(rates.of(9), Rate::default());
    }

    #[test]
    fn a_counter_that_went_back_is_no_rate() {
        let (before, mut after) = (sample(), sample());
        after.stats.workers[0].requests = 0;
        after.running.clear();
        assert_eq!(Rates::between(&before, &after, Duration::ZERO).of(1), Rate::default());
    }
}
