//! The master's part of the stats: where they are served, and what they tell.

use tracing::warn;

use super::Master;
use super::generation::Generation;
use crate::stats::model::Instance;
use crate::stats::server::{Client, Server};
use crate::stats::{collect, text};

impl Master {
    /// Serves the stats where the serving generation wants it.
    pub(super) fn open_stats(&mut self) {
        let Some(generation) = self.generations.get(&self.serving) else { return };
        let bound = generation.sockets.stats.as_ref();
        if bound.zip(self.stats.as_ref()).is_some_and(|(bound, stats)| stats.serves(bound)) {
            return;
        }
        self.stats = bound.and_then(|bound| {
            let server = Server::new(bound);
            server.inspect_err(|error| warn!("stats cannot be served on {bound}: {error}")).ok()
        });
    }

    /// Sends the state of the instance, as it is now.
    pub(super) fn tell_stats(&mut self, client: Client) {
        let Some(instance) = self.collect() else { return };
        let stats = &self.started.config.stats;
        if let Some(server) = &self.stats {
            server.answer(client, text::write(&instance, stats.http, stats.minified));
        }
    }

    /// The state of the instance, as it is now.
    pub(super) fn collect(&mut self) -> Option<Instance> {
        let generation = self.generations.get(&self.serving)?;
        let Generation { config, sockets, view, .. } = generation;
        let mut instance = collect::instance(config, sockets, *view, &mut self.full_queues);
        if self.is_paused {
            instance.workers.iter_mut().filter(|worker| worker.status == "idle").for_each(|idle| idle.status = "pause");
        }
        instance.crons = self.crons.portraits();
        instance.mules = collect::mules(generation.mules.view);
        instance.spoolers = collect::spoolers(config, generation.spoolers.view);
        instance.generation = self.serving;
        instance.reloads = self.reloads.told();
        Some(instance)
    }

    /// The process is gone, whatever it was in the middle of: nobody is to see it as a running one.
    pub(super) fn clear_board(&self, pid: u32) {
        for view in self.generations.values().flat_map(|one| [one.view, one.mules.view, one.spoolers.view]) {
            for (number, worker) in view.workers().filter_map(|number| Some((number, view.worker(number)?))) {
                if pid != 0 && worker.pid() == u64::from(pid) {
                    worker.died();
                    view.cores(number).for_each(|(_, core)| core.clear());
                }
            }
        }
    }
}
