//! A run that is interrupted takes its containers with it.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use anyhow::Result;
use nix::sys::signal::{SigSet, Signal};

use super::super::remains;

static IS_INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// From now on, SIGINT, SIGTERM and SIGHUP remove what this process has started, and end it. To be called before there are other threads,
/// which inherit that the signals wait; programs that are started do not (std lets them begin with an empty mask).
pub(super) fn watch() -> Result<()> {
    let signals: SigSet = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP].into_iter().collect();
    signals.thread_block()?;
    std::thread::spawn(move || {
        let Ok(signal) = signals.wait() else { return };
        IS_INTERRUPTED.store(true, SeqCst);
        if let Err(error) = remains::remove_own() {
            eprintln!("error: {error:#}");
        }
        std::process::exit(128 + signal as i32);
    });
    Ok(())
}

/// Whose containers are being taken away fails for that reason, and waits here for the end.
pub(super) fn let_it_end() {
    while IS_INTERRUPTED.load(SeqCst) {
        std::thread::park();
    }
}
