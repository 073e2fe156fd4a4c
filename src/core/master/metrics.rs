//! The master's part of the metrics: where they are served, and what they tell.

use std::os::fd::AsFd;

use tracing::warn;

use super::fleet::{Event, Mood, Who};
use super::generation::Generation;
use super::{Master, meters};
use crate::harakiri::now;
use crate::health::State;
use crate::memory::meters::{Door, Gauge, Meters};
use crate::metrics::facts::Facts;
use crate::metrics::server::{Question, Server};

/// Microseconds for which the word of a router on a certificate holds; it is repeated every two seconds.
const FRESH: u64 = 30_000_000;

impl Master {
    /// Serves the metrics where the serving generation wants it.
    pub(super) fn open_metrics(&mut self) {
        let Some(generation) = self.generations.get(&self.serving) else { return };
        let bound = generation.sockets.metrics.as_ref();
        if bound.zip(self.metrics.as_ref()).is_some_and(|(bound, metrics)| metrics.serves(bound)) {
            return;
        }
        self.metrics = bound.and_then(|bound| {
            let server = Server::new(bound);
            server.inspect_err(|error| warn!("metrics cannot be served on {bound}: {error}")).ok()
        });
    }

    /// Tells a client of the metrics what it wants to know.
    pub(super) fn tell_metrics(&self, question: Question) {
        match question {
            Question::State(reply) => drop(reply.send(self.state())),
            Question::Facts(reply) => {
                if let Some(facts) = self.facts() {
                    let _ = reply.send(facts);
                }
            }
        }
    }

    /// Enters into the ledger what has happened to a process.
    pub(super) fn enter(&mut self, event: Event) {
        match event {
            Event::Born(who, _) => self.ledger.born(who),
            Event::Gone(who, ending) => {
                let pid = match who {
                    Who::Zygote(serial) => self.zygotes.get(&serial).map(|zygote| zygote.pid),
                    _ => self.servers.get(&who).map(|server| server.pid),
                };
                let Some(pid) = pid.filter(|&pid| pid != 0) else { return };
                self.ledger.gone(who, pid, ending);
                if let Some(meters) = meters::known() {
                    meters.vacate(pid);
                }
            }
            _ => {}
        }
    }

    /// What a probe for readiness is told.
    pub(super) fn state(&self) -> State {
        // Workers that rest come when somebody asks.
        let has_workers = self.is_resting || self.fleet.ready_workers() > 0;
        match self.fleet.mood() {
            Mood::Starting => State::Starting,
            Mood::Stopping => State::Stopping,
            Mood::Serving | Mood::Reloading if self.is_paused => State::Paused,
            Mood::Serving | Mood::Reloading if !has_workers => State::NoWorker,
            Mood::Serving | Mood::Reloading => State::Ready,
        }
    }

    /// Looks at everything that can be seen without waiting.
    fn facts(&self) -> Option<Facts> {
        let generation = self.generations.get(&self.serving)?;
        let meters = meters::known()?;
        let now = now();
        let since = meters.gauges(Gauge::QueueSince).filter(|&since| since != 0).min();
        let view = generation.view;
        let process = |number| Some((number, view.worker(number)?.pid())).filter(|&(_, pid)| pid != 0);
        Some(Facts {
            version: env!("CARGO_PKG_VERSION"),
            started: self.started.since,
            is_ready: self.state() == State::Ready,
            generation: self.serving,
            doors: doors(generation),
            reading: meters.read(),
            connections: meters.gauges(Gauge::Connections).sum(),
            queue: meters.gauges(Gauge::Queue).sum(),
            queue_age: since.map_or(0, |since| now.saturating_sub(since)),
            cores: self.cores(),
            workers: (generation.config.workers.processes.into(), self.fleet.ready_workers() as u64),
            processes: view.workers().filter_map(process).collect(),
            ledger: self.ledger.clone(),
            listeners: listeners(generation),
            certificates: certificates(generation, meters, now),
        })
    }

    /// Busy and idle cores of every living worker.
    fn cores(&self) -> (u64, u64) {
        let (mut busy, mut idle) = (0, 0);
        for view in self.generations.values().map(|generation| generation.view) {
            let is_alive = |number: &u32| view.worker(*number).is_some_and(|worker| worker.pid() != 0);
            for (_, core) in view.workers().filter(is_alive).flat_map(|number| view.cores(number)) {
                *(if core.busy_since().is_some() { &mut busy } else { &mut idle }) += 1;
            }
        }
        (busy, idle)
    }
}

/// Where requests may come in, each once.
fn doors(generation: &Generation) -> Vec<Door> {
    let config = &generation.config;
    let router = config.router.binds.iter().map(|bind| if bind.tls.is_some() { Door::Https } else { Door::Http });
    let mut doors: Vec<_> = router.chain(config.sockets.iter().map(|socket| Door::of(socket.protocol))).collect();
    doors.sort_unstable();
    doors.dedup();
    doors
}

/// Certificates that are shown now: those of the configuration, and those that routers have found in a directory since it was
/// read, as long as they go on saying so.
fn certificates(generation: &Generation, meters: Meters, now: u64) -> Vec<(String, u64)> {
    let names = generation.materials.names(&generation.config);
    let is_fresh = |told: u64| generation.config.router.sni_dir.is_some() && now.saturating_sub(told) < FRESH;
    let shown = |(name, until, told)| (names.contains(&name) || is_fresh(told)).then_some((name, until));
    meters.certificates().into_iter().filter_map(shown).collect()
}

/// Queues of the sockets that the kernel can tell of, each once.
fn listeners(generation: &Generation) -> Vec<(String, u32, u32)> {
    let sockets = &generation.sockets;
    let mut found: Vec<(String, u32, u32)> = Vec::new();
    for bound in sockets.workers.iter().chain(&sockets.router) {
        let Ok(backlog) = rsgi_sys::backlog::of(bound.fd.as_fd()) else { continue };
        if !found.iter().any(|(name, ..)| *name == bound.name) {
            found.push((bound.name.clone(), backlog.waiting, backlog.room));
        }
    }
    found
}
