//! The master's part of harakiri: looks at the cores when the next deadline comes, and does what [`Watch`] decides.
//!
//! Nothing is polled: a request that begins later cannot be late before `harakiri` seconds from now, and an application that
//! sets a deadline itself says so.

use std::os::fd::AsFd;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rsgi_config::Config;
use tracing::{info, warn};

use super::Master;
use super::fleet::{Kind, Who};
use super::generation::Generation;
use super::sockets::Bound;
use super::spawn;
use crate::control::Overdue;
use crate::harakiri::report::{Accused, accusation, kernel};
use crate::harakiri::watch::{Patience, Sight, Step};
use crate::harakiri::{micros, now};
use crate::logging;
use crate::memory::scoreboard::Scoreboard;
use crate::metrics::ledger::Cause;

impl Master {
    /// When to look at the cores; `None`: no request has a deadline, and none will without a word.
    pub(super) fn next_look(&self) -> Option<tokio::time::Instant> {
        let spans =
            |config: &Config| [config.workers.harakiri, config.aside.mule_harakiri, config.aside.spooler_harakiri];
        let spans = self.generations.values().flat_map(|generation| spans(&generation.config)).flatten();
        let shortest = spans.map(|seconds| seconds.duration()).min();
        if shortest.is_none() && !self.has_user_deadlines {
            return None;
        }
        let now = now();
        let due = self.watch.next(now, &self.sights(), |sight| self.patience(sight));
        let due = due.into_iter().chain(shortest.map(|span| now.saturating_add(micros(span)))).min()?;
        Some(tokio::time::Instant::now() + Duration::from_micros(due.saturating_sub(now)))
    }

    /// Looks, and does what is due.
    pub(super) fn look_at_deadlines(&mut self) {
        let sights = self.sights();
        self.has_user_deadlines = sights.iter().any(|sight| sight.by_user);
        let mut watch = std::mem::take(&mut self.watch);
        let steps = watch.look(now(), &sights, |sight| self.patience(sight));
        self.watch = watch;
        for step in steps {
            match step {
                Step::Accuse { sight, attempt, gently } => self.accuse(&sight, attempt, gently),
                Step::Ask(sight) => self.ask(&sight),
                Step::Kill(sight) => self.harakiri(&sight),
                Step::Spare(sight) => {
                    let Sight { kind, number, core, .. } = sight;
                    match kind {
                        Kind::Worker => {
                            info!("HARAKIRI called off: the request of worker {number} core {core} has ended")
                        }
                        Kind::Mule => info!("HARAKIRI called off: mule {number} is done with its message"),
                        Kind::Spooler => info!("HARAKIRI called off: spooler {number} is done with its task"),
                        // Has a limit of its own, and is on no board.
                        Kind::Probe => {}
                    }
                }
            }
        }
    }

    /// Every core in a request that has a deadline, of workers that are ours.
    fn sights(&self) -> Vec<Sight> {
        let mut sights = Vec::new();
        for (&generation, Generation { view, mules, spoolers, .. }) in &self.generations {
            self.sights_of(generation, Kind::Worker, *view, &mut sights);
            self.sights_of(generation, Kind::Mule, mules.view, &mut sights);
            self.sights_of(generation, Kind::Spooler, spoolers.view, &mut sights);
        }
        sights
    }

    fn sights_of(&self, generation: u32, kind: Kind, board: Scoreboard, sights: &mut Vec<Sight>) {
        for (number, block) in board.workers().filter_map(|number| Some((number, board.worker(number)?))) {
            let pid = u32::try_from(block.pid()).unwrap_or(0);
            if pid == 0 || !self.servers.values().any(|server| server.pid == pid) {
                continue;
            }
            let stacks = block.stacks().map_or(0, |count| count.load(std::sync::atomic::Ordering::Acquire));
            for (core, slot) in board.cores(number) {
                let (serial, Some((deadline, by_user))) = (slot.serial(), slot.deadline()) else { continue };
                sights.push(Sight { generation, kind, number, core, pid, serial, deadline, by_user, stacks });
            }
        }
    }

    /// The board that a process is on.
    fn board_of(&self, sight: &Sight) -> Option<Scoreboard> {
        let generation = self.generations.get(&sight.generation)?;
        Some(match sight.kind {
            Kind::Worker => generation.view,
            Kind::Mule => generation.mules.view,
            Kind::Spooler => generation.spoolers.view,
            Kind::Probe => return None,
        })
    }

    fn patience(&self, sight: &Sight) -> Patience {
        let generation = self.generations.get(&sight.generation).filter(|_| sight.kind == Kind::Worker);
        let Some(generation) = generation else { return Patience::default() };
        let workers = &generation.config.workers;
        Patience {
            held: workers.harakiri_queue_threshold.is_some_and(|least| !self.is_crowded(generation, least)),
            grace: workers.harakiri_graceful.map(rsgi_config::Seconds::duration),
            asked: workers.harakiri_graceful_timeout.map(rsgi_config::Seconds::duration),
        }
    }

    /// Whether clients wait: in a router, which has told so, or in the kernel before a socket.
    fn is_crowded(&self, generation: &Generation, least: u32) -> bool {
        let waiting = |bound: &Bound| rsgi_sys::backlog::of(bound.fd.as_fd()).map_or(0, |backlog| backlog.waiting);
        self.servers.values().any(|server| server.has_long_queue)
            || generation.sockets.all().any(|bound| waiting(bound) >= least)
    }

    fn accuse(&self, sight: &Sight, attempt: u32, gently: bool) {
        let Sight { kind, number, core, pid, .. } = *sight;
        let Some(Generation { config, .. }) = self.generations.get(&sight.generation) else { return };
        let Some(board) = self.board_of(sight) else { return };
        let accused: Vec<_> = board.cores(number).filter_map(|(core, slot)| Accused::of(kind, core, slot)).collect();
        let thread = board.core(number, core).map_or(0, |slot| slot.thread().1);
        let mut lines = accusation(sight, attempt, gently, &accused);
        if config.workers.harakiri_verbose {
            lines.extend(kernel(pid, thread));
        }
        lines.iter().for_each(|line| logging::line(line.as_bytes()));
        if sight.stacks == 0 {
            warn!("{kind} {number} cannot write its stacks: the application handles the signal for that itself");
        } else if let Err(errno) = rsgi_sys::thread::signal(pid, thread, rsgi_sys::signal::stacks()) {
            warn!("{kind} {number} cannot be asked for its stacks: {errno}");
        }
    }

    fn ask(&mut self, sight: &Sight) {
        let number = self.generations.get(&sight.generation).map(|one| one.config.workers.harakiri_graceful_signal);
        let signal = number.and_then(|number| Signal::try_from(number).ok()).unwrap_or(Signal::SIGTERM);
        send(sight.pid, signal);
        self.count(sight);
    }

    fn harakiri(&mut self, sight: &Sight) {
        // Routers are told first: the end of a link is then seen by someone who knows its reason. Other requests of the
        // worker that are late as well share the verdict, the rest is innocent and may be tried again.
        let now = now();
        let board = self.board_of(sight);
        for (_, slot) in board.iter().flat_map(|board| board.cores(sight.number)) {
            let is_late = slot.deadline().is_some_and(|(deadline, _)| deadline <= now);
            let Some(link) = slot.link().filter(|_| is_late) else { continue };
            let overdue = Overdue { pid: sight.pid, link }.message();
            for (_, router) in self.servers.iter().filter(|(who, _)| matches!(who, Who::Router(_))) {
                let _ = spawn::send(&router.control, &overdue);
            }
        }
        if self.patience(sight).asked.is_none() {
            self.count(sight);
        }
        send(sight.pid, Signal::SIGKILL);
    }

    fn count(&mut self, sight: &Sight) {
        self.ledger.harakiris += 1;
        self.ledger.condemn(sight.pid, Cause::Harakiri);
        if let Some(block) = self.board_of(sight).and_then(|board| board.worker(sight.number)) {
            block.count_harakiri();
        }
    }
}

fn send(pid: u32, signal: Signal) {
    if let Ok(pid) = i32::try_from(pid) {
        // One that is gone by now is being reaped.
        let _ = kill(Pid::from_raw(pid), signal);
    }
}
