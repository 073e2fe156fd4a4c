//! The guardian: a thread that raises an exception in requests that have passed their deadline, so that they can end without
//! their worker. It exists only with `harakiri-graceful`.
//!
//! What does not end so (a system call, an extension that does not return) is the master's concern when the grace is over.

use std::io;
use std::os::fd::AsFd;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rsgi_abi::host::Remote;

use super::deadline;
use super::engine::Engine;
use crate::harakiri::report::Accused;
use crate::harakiri::{micros, now};
use crate::logging;
use crate::master::fleet::Kind;
use crate::memory::core_slot::CoreSlot;

/// Pause before trying again what could not be interrupted.
const AGAIN: u64 = 50_000;

/// Longest sleep: deadlines that are set meanwhile wake the guardian.
const LONGEST: u64 = 3_600_000_000;

/// One core's part: the number of the request that was interrupted last. While the guardian holds it, the core neither
/// begins nor ends a request, so that the exception cannot hit another one than was meant.
#[derive(Debug, Default)]
pub(super) struct Guard(Mutex<u64>);

impl Guard {
    /// Waits until the guardian is done with the core; returns the number of the request that was interrupted last.
    pub(super) fn interrupted(&self) -> u64 {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Watches the cores of this worker until it ends. `grace` is the time until the master acts.
pub(super) fn watch(engine: &Engine, remote: Remote, grace: Duration) {
    deadline::be_guardian();
    while !engine.is_stopping() {
        let now = now();
        let mut next = now + engine.harakiri.unwrap_or(LONGEST);
        for ((core, slot), guard) in engine.board.cores(engine.id).zip(&engine.guards) {
            match slot.deadline() {
                Some((deadline, _)) if deadline > now => next = next.min(deadline),
                Some(_) if !guard.interrupt(engine.id, core, slot, remote, grace) => next = next.min(now + AGAIN),
                _ => {}
            }
        }
        std::thread::park_timeout(Duration::from_micros(next.saturating_sub(self::now())));
    }
}

impl Guard {
    /// Interrupts the request if it is still the one that is late. `false`: it cannot be interrupted yet.
    fn interrupt(&self, worker: u32, core: u32, slot: CoreSlot, remote: Remote, grace: Duration) -> bool {
        let mut interrupted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let serial = slot.serial();
        let is_late = slot.deadline().is_some_and(|(deadline, _)| deadline <= now());
        let (Some(accused), true) = (Accused::of(Kind::Worker, core, slot), is_late && *interrupted != serial) else {
            return true;
        };
        let mut lines = vec![accused.line()];
        lines.extend(accused.details());
        lines.push(format!(
            "HARAKIRI !!! worker {worker} core {core}: the request is interrupted; \
             unless it ends, the worker is killed in {} s",
            micros(grace) / 1_000_000
        ));
        lines.iter().for_each(|line| logging::line(line.as_bytes()));
        remote.dump_traceback(io::stderr().as_fd());
        // Waits for the interpreter; an extension that never lets go of it is what the master is for.
        let done = remote.interrupt(core);
        if done {
            *interrupted = serial;
        }
        done
    }
}
