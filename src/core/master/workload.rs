//! The load, as the master sees it: from the scoreboard, the kernel's queues and what routers tell. [`super::scaling`] decides what follows.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use rsgi_config::{Config, Workers};
use tracing::{info, warn};

use super::Master;
use super::fleet::{Event, Mood, Who};
use super::generation::Generation;
use super::scaling::{Facts, Scaler, Worker};
use super::sockets::Bound;
use crate::control::{Order, Queue};
use crate::harakiri;
use crate::logging::usage::Usage;
use crate::memory::scoreboard::Scoreboard;

/// What decides over the number of workers; `None`: it is fixed.
pub(super) fn scaler(config: &Config) -> Option<Scaler> {
    let Workers { processes, check_interval, .. } = config.workers;
    config.cheaper.min.map(|_| Scaler::new(&config.cheaper, processes, check_interval.duration()))
}

impl Master {
    /// Looks at the load, and has workers added or stopped.
    pub(super) fn look_at_load(&mut self) {
        let serves = matches!(self.fleet.mood(), Mood::Serving | Mood::Reloading);
        // In a pause everybody waits, which says nothing of the load.
        if self.scaler.is_none() || !serves || self.is_paused {
            return;
        }
        let Some(facts) = self.workload() else { return };
        let Some(scaler) = &mut self.scaler else { return };
        let decision = scaler.look(&facts, Instant::now());
        decision.lines.iter().for_each(|line| info!("{line}"));
        self.queue.extend(decision.scale.map(Event::Scale));
    }

    /// One worker more, for somebody says so.
    pub(super) fn grow(&mut self) {
        if self.is_resting {
            return self.wake();
        }
        let Some(scaler) = &self.scaler else { return warn!("{FIXED}") };
        match scaler.one_more(u32::try_from(self.fleet.seats().len()).unwrap_or(u32::MAX)) {
            Some(scale) => self.queue.push_back(Event::Scale(scale)),
            None => warn!("no worker is added: all {} run (processes)", self.started.config.workers.processes),
        }
    }

    /// One worker less, for somebody says so.
    pub(super) fn shrink(&mut self) {
        let Some(scaler) = &self.scaler else { return warn!("{FIXED}") };
        let least = self.started.config.cheaper.min.unwrap_or(0);
        match self.workload().and_then(|facts| scaler.one_less(&facts)) {
            Some(scale) => self.queue.push_back(Event::Scale(scale)),
            None => warn!("no worker is stopped: no fewer than {least} are to run (cheaper)"),
        }
    }

    /// Requests that wait in routers.
    pub(super) fn routed(&self) -> Queue {
        let routers = self.servers.iter().filter(|(who, _)| matches!(who, Who::Router(_)));
        routers.fold(Queue::default(), |all, (_, router)| Queue {
            waiting: all.waiting.saturating_add(router.queue.waiting),
            age: all.age.max(router.queue.age),
        })
    }

    /// Has every router tell how many wait, when somebody here wants to know.
    pub(super) fn question_routers(&self) {
        let routers = self.servers.keys().filter(|who| matches!(who, Who::Router(_)));
        routers.for_each(|router| self.question(*router));
    }

    pub(super) fn question(&self, router: Who) {
        if self.is_resting {
            self.tell_server(router, Order::Rest);
        } else if self.scaler.is_some() {
            self.tell_server(router, Order::TellQueue);
        }
    }

    fn workload(&self) -> Option<Facts> {
        let generation = self.generations.get(&self.serving)?;
        let Generation { config, sockets, view, .. } = generation;
        let now = harakiri::now();
        let seats = self.fleet.seats();
        let workers: Vec<_> =
            seats.iter().map(|seat| Worker { serves: seat.serves, ..seen(*view, seat.number, now) }).collect();
        let in_kernel = |bound: &Bound| rsgi_sys::backlog::of(bound.fd.as_fd()).map_or(0, |backlog| backlog.waiting);
        let in_kernel = sockets.workers.iter().map(in_kernel).fold(0, u32::saturating_add);
        let routed = self.routed();
        let is_limited = config.cheaper.rss_limit_soft.is_some();
        let pids = workers.iter().filter_map(|worker| view.worker(worker.number)).map(|slot| slot.pid());
        let rss = pids.filter(|&pid| is_limited && pid != 0).filter_map(Usage::of).map(|usage| usage.rss).sum();
        Some(Facts {
            workers,
            cores: config.workers.threads.max(1),
            waiting: routed.waiting.saturating_add(in_kernel),
            age: Duration::from_millis(u64::from(routed.age)),
            rss,
        })
    }
}

const FIXED: &str = "the number of workers is fixed without cheaper";

/// What the scoreboard tells of a worker. A request that goes on counts with the time that it has taken so far.
fn seen(view: Scoreboard, number: u32, now: u64) -> Worker {
    let since: Vec<_> = view.cores(number).filter_map(|(_, core)| core.busy_since()).collect();
    let so_far: u64 = since.iter().map(|since| now.saturating_sub(*since)).sum();
    let finished = view.worker(number).map_or(0, |slot| slot.running_time());
    let busy = u32::try_from(since.len()).unwrap_or(u32::MAX);
    Worker { number, serves: false, busy, busy_time: finished.saturating_add(so_far) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_counts_before_it_has_ended_and_once_afterwards() {
        let fd = Scoreboard::create(2, 2).unwrap();
        let view = Scoreboard::map(fd.as_fd(), 2, 2).unwrap();
        let (worker, core) = (view.worker(2).unwrap(), view.core(2, 1).unwrap());
        worker.count_time(1000);
        core.begin(50, None);
        assert_eq!(seen(view, 2, 80), Worker { number: 2, serves: false, busy: 1, busy_time: 1030 });
        worker.count_time(40);
        core.end();
        assert_eq!(seen(view, 2, 95), Worker { number: 2, serves: false, busy: 0, busy_time: 1040 });
    }
}
