//! What a core enters into the scoreboard: the beginning and the end of each request.

use rsgi_abi::types::Outcome;

use super::answer::Tally;
use super::clock::Moment;
use super::connection::{Connection, Request, Speaks};
use super::core::Core;
use super::deadline;
use super::engine::Engine;
use crate::harakiri;
use crate::memory::core_slot::CoreSlot;
use crate::memory::meters::Count;
use crate::memory::scoreboard::Scoreboard;

/// Takes over what the scoreboard has for worker `id`; its last process may have left in the middle of a request.
pub(super) fn born(board: Scoreboard, id: u32) {
    board.cores(id).for_each(|(_, core)| core.clear());
    if let Some(worker) = board.worker(id) {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        worker.born(std::process::id(), now.as_secs());
    }
}

/// The status for a request that the application has not answered: was it interrupted for taking too long?
pub(super) fn failure(engine: &Engine, core: u32, slot: Option<CoreSlot>) -> u16 {
    let guard = engine.guards.get(core as usize);
    let interrupted = guard.zip(slot).is_some_and(|(guard, slot)| guard.interrupted() == slot.serial());
    if interrupted { 504 } else { 500 }
}

impl Core<'_> {
    /// A request begins. Its variables are written only when somebody may look.
    pub(super) fn begin_on_board(&mut self, connection: &Connection, request: &Request, started: Moment) {
        let Some(slot) = self.slot else { return };
        let is_watched = self.worker.is_some_and(|worker| worker.is_watched(started.steady));
        if self.engine.is_watched || is_watched || deadline::is_in_use() {
            let vars = request.vars.iter(connection.input.data()).map(|var| (var.key, var.value));
            slot.describe(vars, self.engine.config.stats.secrets, &mut self.text);
        }
        if let Some(guard) = self.engine.guards.get(self.id as usize) {
            guard.interrupted();
        }
        let deadline = self.engine.harakiri.map(|span| harakiri::now() + span);
        slot.set_link(match connection.speaks {
            Speaks::Link { link, .. } => Some(link),
            _ => None,
        });
        slot.begin(started.steady, deadline);
    }

    /// A request has ended after `micros` microseconds: counts it for the metrics. What came over a link is counted by its
    /// router, which knows what the client has seen of it.
    pub(super) fn measure(
        &self,
        connection: &Connection,
        request: &Request,
        micros: u64,
        outcome: &Outcome,
        tally: &Tally,
    ) {
        let meter = self.meter;
        meter.add(Count::Busy, micros);
        if outcome.app >= 0 {
            meter.lock_wait(outcome.lock_wait / 1000);
        }
        if outcome.exceptions > 0 {
            meter.add(Count::Exceptions, outcome.exceptions.into());
        }
        let Some(entrance) = self.engine.listeners.get(connection.listener) else { return };
        meter.request(entrance.door, tally.code, micros);
        meter.add(Count::Sent, tally.head_bytes + tally.body_bytes);
        meter.add(Count::Received, request.facts.head as u64 + tally.received);
        if tally.is_static {
            meter.count(Count::Statics);
        }
    }

    /// A request was refused before any application heard of it, with this status: counts it for the metrics.
    pub(super) fn measure_refusal(&self, connection: &Connection, status: u16) {
        if let Some(entrance) = self.engine.listeners.get(connection.listener) {
            self.meter.request(entrance.door, status, 0);
        }
    }

    /// A request has ended. Returns its number among those of this worker, and of the whole instance.
    pub(super) fn end_on_board(&mut self, started: Moment, outcome: &Outcome, tally: &Tally) -> (u64, u64) {
        let number = self.engine.board.count_request();
        let mut number_here = 0;
        if let Some(worker) = self.worker {
            number_here = worker.count_request();
            worker.count_sent(tally.head_bytes + tally.body_bytes);
            let exceptions = u64::from(outcome.exceptions);
            if exceptions > 0 {
                worker.count_exceptions(exceptions);
            }
            if let Ok(app) = u32::try_from(outcome.app) {
                worker.count_app(app, exceptions);
            }
            if self.engine.is_timed || worker.is_watched(started.steady) {
                worker.count_time(started.age());
            }
        }
        if let Some(slot) = self.slot {
            slot.end();
            if tally.failed.is_some() {
                slot.count_write_error();
            }
            if tally.is_static {
                slot.count_static();
            }
            if tally.is_offloaded {
                slot.count_offloaded();
            }
            if tally.unread {
                slot.count_read_error();
            }
        }
        (number_here, number)
    }
}
