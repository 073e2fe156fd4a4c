//! The master's part of the stats: where they are served, and what they tell.

use tracing::warn;

use super::Master;
use super::generation::Generation;
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
        let (Some(server), Some(generation)) = (&self.stats, self.generations.get(&self.serving)) else { return };
        let Generation { config, sockets, view, .. } = generation;
        let mut instance = collect::instance(config, sockets, *view, &mut self.full_queues);
        instance.mules = collect::mules(generation.mules.view);
        instance.spoolers = collect::spoolers(config, generation.spoolers.view);
        server.answer(client, text::write(&instance, config.stats.http, config.stats.minified));
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
