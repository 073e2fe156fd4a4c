//! Lets the master ask this process for the stacks of all its threads, whatever state it is in: by a signal.

use std::os::fd::AsFd;
use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Relaxed, Release};

use rsgi_abi::host::Remote;

use crate::memory::scoreboard::Scoreboard;

static DOOR: OnceLock<(Remote, &'static AtomicU64)> = OnceLock::new();

/// Answers the signal from now on, unless the application has taken it, and says so in the scoreboard.
pub(super) fn answer(remote: Remote, board: Scoreboard, worker: u32) {
    let Some(count) = board.worker(worker).and_then(|slot| slot.stacks()) else { return };
    DOOR.get_or_init(|| (remote, count));
    match rsgi_sys::signal::call(rsgi_sys::signal::stacks(), write) {
        Ok(true) => count.store(1, Release),
        Ok(false) => tracing::info!("worker {worker}: the application handles the signal for stacks itself"),
        Err(errno) => tracing::warn!("worker {worker} cannot be asked for its stacks: {errno}"),
    }
}

/// Runs in the signal handler: nothing here takes a lock or allocates.
fn write() {
    if let Some((remote, count)) = DOOR.get() {
        remote.dump_traceback(std::io::stderr().as_fd());
        count.fetch_add(1, Relaxed);
    }
}
