//! What a core enters into the scoreboard: the beginning and the end of each request.

use rsgi_abi::types::Outcome;

use super::answer::Tally;
use super::connection::{Connection, Request};
use super::core::Core;
use crate::memory::scoreboard::Scoreboard;

/// Takes over what the scoreboard has for worker `id`; its last process may have left in the middle of a request.
pub(super) fn born(board: Scoreboard, id: u32) {
    board.cores(id).for_each(|(_, core)| core.clear());
    if let Some(worker) = board.worker(id) {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        worker.born(std::process::id(), now.as_secs());
    }
}

impl Core<'_> {
    /// A request begins. Its variables are written only when somebody may look.
    pub(super) fn begin_on_board(&mut self, connection: &Connection, request: &Request, started: u64) {
        let Some(slot) = self.slot else { return };
        if self.engine.is_watched {
            let vars = request.vars.iter(connection.input.data()).map(|var| (var.key, var.value));
            slot.variables().write(vars, self.engine.config.stats.secrets, &mut self.text);
        }
        slot.begin(started, None);
    }

    /// A request has ended. Returns its number among those of this worker, and of the whole instance.
    pub(super) fn end_on_board(&mut self, started: u64, outcome: &Outcome, tally: &Tally) -> (u64, u64) {
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
            if self.engine.is_watched {
                worker.count_time(self.clock.read().saturating_sub(started));
            }
        }
        if let Some(slot) = self.slot {
            slot.end();
            if tally.failed.is_some() {
                slot.count_write_error();
            }
            if tally.unread {
                slot.count_read_error();
            }
        }
        (number_here, number)
    }
}
