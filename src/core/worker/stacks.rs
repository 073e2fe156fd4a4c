//! Lets the master ask this process for the stacks of all its threads, whatever state it is in: by a signal.

use std::os::fd::AsFd;
use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Relaxed, Release};

use rsgi_abi::host::Remote;

use crate::memory::scoreboard::WorkerSlot;

static DOOR: OnceLock<(Remote, &'static AtomicU64)> = OnceLock::new();

/// Answers the signal from now on, unless the application has taken it, and says so in the process's block of the
/// scoreboard. `name` is what the log calls the process.
pub(crate) fn answer(remote: Remote, block: Option<WorkerSlot>, name: &str) {
    let Some(count) = block.and_then(WorkerSlot::stacks) else { return };
    DOOR.get_or_init(|| (remote, count));
    match rsgi_sys::signal::call(rsgi_sys::signal::stacks(), write) {
        Ok(true) => count.store(1, Release),
        Ok(false) => tracing::info!("{name}: the application handles the signal for stacks itself"),
        Err(errno) => tracing::warn!("{name} cannot be asked for its stacks: {errno}"),
    }
}

/// Runs in the signal handler: nothing here takes a lock or allocates.
fn write() {
    if let Some((remote, count)) = DOOR.get() {
        remote.dump_traceback(std::io::stderr().as_fd());
        count.fetch_add(1, Relaxed);
    }
}
