//! Has this worker served enough? Asked after each request.

use rsgi_abi::types::{NEXT_EXIT, Outcome};

use super::core::Core;
use super::engine::Hurry;
use crate::exit::Exit;
use crate::logging::usage::Usage;

/// How a worker leaves of its own accord.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Departure {
    pub(super) exit: Exit,
    pub(super) hurry: Hurry,
}

impl Core<'_> {
    /// Has this worker served enough, or did the application ask for its end?
    pub(super) fn consider_leaving(&mut self, outcome: &Outcome) {
        if outcome.next == NEXT_EXIT {
            let code = outcome.exit_code;
            tracing::error!("the application asked for the end of worker {} (exit {code})", self.engine.id);
            self.leaving = Some(Departure { exit: Exit::App(code), hurry: Hurry::Now });
            return;
        }
        let workers = &self.engine.config.workers;
        let is_young = u64::from(self.engine.now()) < workers.min_lifetime.0;
        if is_young || self.leaving.is_some() || self.engine.is_draining() || self.engine.awaits_successor() {
            return;
        }
        if self.has_served_enough() || self.has_grown_too_large() {
            tracing::info!("...The work of process {} is done. Seeya!", self.engine.pid);
            if workers.lazy_apps && self.engine.ask_for_successor() {
                return;
            }
            // Clients of kept connections are about to ask: they are answered, and told to close.
            self.leaving = Some(Departure { exit: Exit::Reload, hurry: Hurry::Gently });
        }
    }

    fn has_served_enough(&self) -> bool {
        let workers = &self.engine.config.workers;
        let Some(most) = workers.max_requests else { return false };
        let most = most.saturating_add(workers.max_requests_delta.saturating_mul(u64::from(self.engine.id - 1)));
        self.worker.map_or(0, |worker| worker.delta_requests()) >= most
    }

    fn has_grown_too_large(&self) -> bool {
        let workers = &self.engine.config.workers;
        if workers.reload_on_as.is_none() && workers.reload_on_rss.is_none() {
            return false;
        }
        let Usage { rss, vsz } = Usage::here();
        exceeds(vsz, workers.reload_on_as) || exceeds(rss, workers.reload_on_rss)
    }
}

/// Whether so many bytes are at least `limit` MiB.
const fn exceeds(bytes: u64, limit: Option<u64>) -> bool {
    match limit {
        Some(limit) => bytes >= limit.saturating_mul(1 << 20),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_in_mebibytes() {
        assert!(exceeds(1 << 20, Some(1)) && !exceeds((1 << 20) - 1, Some(1)));
        assert!(!exceeds(u64::MAX, None) && !exceeds(u64::MAX - 1, Some(u64::MAX)));
    }
}
