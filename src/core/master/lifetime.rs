//! Workers that have become too old or too large, as the master sees them.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rsgi_config::Workers;
use tracing::info;

use super::Master;
use super::fleet::{Event, Who};
use crate::harakiri;
use crate::logging::usage::Usage;
use crate::metrics::ledger::Cause;

/// Whether workers have to be looked at now and then.
pub(super) const fn is_wanted(workers: &Workers) -> bool {
    workers.max_lifetime.is_some() || workers.evil_reload_on_as.is_some() || workers.evil_reload_on_rss.is_some()
}

/// Age in seconds at which worker `number` (1…) has to leave. The delta keeps them from leaving all at once.
fn limit(workers: &Workers, number: u32) -> Option<u64> {
    let delta = workers.max_lifetime_delta.0.saturating_mul(u64::from(number.saturating_sub(1)));
    workers.max_lifetime.map(|most| most.0.saturating_add(delta))
}

/// Why a worker with this memory has to be killed, in uWSGI's words.
fn excess(workers: &Workers, usage: Usage) -> Option<(&'static str, u64)> {
    let exceeds = |bytes: u64, limit: Option<u64>| limit.is_some_and(|limit| bytes >= limit.saturating_mul(1 << 20));
    if exceeds(usage.vsz, workers.evil_reload_on_as) {
        return Some(("AS", usage.vsz));
    }
    exceeds(usage.rss, workers.evil_reload_on_rss).then_some(("RSS", usage.rss))
}

impl Master {
    /// Lets workers go that are too old, and kills those that are too large.
    pub(super) fn look_at_workers(&mut self) {
        let Some(generation) = self.generations.get(&self.serving) else { return };
        let workers = &generation.config.workers;
        if !is_wanted(workers) {
            return;
        }
        let now = harakiri::now() / 1_000_000;
        let period = workers.memory_period.0.max(1);
        let looks_at_memory = now >= self.memory_look;
        if looks_at_memory {
            self.memory_look = now.saturating_add(period);
        }
        for (number, slot) in
            generation.view.workers().filter_map(|number| Some((number, generation.view.worker(number)?)))
        {
            let Ok(pid) = u32::try_from(slot.pid()) else { continue };
            if pid == 0 {
                continue;
            }
            let age = slot.age();
            if limit(workers, number).is_some_and(|most| age >= most) && !self.aged.contains(&pid) {
                info!("worker {number} lifetime reached, it was running for {age} second(s)");
                let who = self.servers.iter().find(|(_, server)| server.pid == pid).map(|(who, _)| *who);
                if let Some(who @ Who::Worker(_)) = who {
                    self.queue.push_back(Event::Relieve(who));
                }
                self.aged.insert(pid);
            }
            let usage = looks_at_memory.then(|| Usage::of(pid)).flatten();
            if let Some((what, bytes)) = usage.and_then(|usage| excess(workers, usage)) {
                info!("*** EVIL RELOAD ON WORKER {number} {what}: {bytes} (pid: {pid}) ***");
                self.ledger.condemn(pid, Cause::Memory);
                let _ = kill(Pid::from_raw(pid.cast_signed()), Signal::SIGKILL);
            }
        }
        self.aged.retain(|pid| self.servers.values().any(|server| server.pid == *pid));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rsgi_config::Seconds;

    #[test]
    fn each_worker_may_live_a_little_longer() {
        let workers = Workers { max_lifetime: Some(Seconds(60)), max_lifetime_delta: Seconds(5), ..Workers::default() };
        assert_eq!([1, 2, 3].map(|number| limit(&workers, number)), [Some(60), Some(65), Some(70)]);
        assert_eq!(limit(&Workers::default(), 1), None);
        assert!(is_wanted(&workers) && !is_wanted(&Workers::default()));
    }

    #[test]
    fn what_is_too_large() {
        let usage = Usage { rss: 10 << 20, vsz: 100 << 20 };
        let with = |evil_reload_on_as, evil_reload_on_rss| {
            excess(&Workers { evil_reload_on_as, evil_reload_on_rss, ..Workers::default() }, usage)
        };
        assert_eq!(with(None, None), None);
        assert_eq!(with(Some(101), Some(11)), None);
        assert_eq!(with(Some(100), Some(11)), Some(("AS", 100 << 20)));
        assert_eq!(with(None, Some(10)), Some(("RSS", 10 << 20)));
    }
}
