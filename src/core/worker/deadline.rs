//! Deadlines that the application sets for the request it is in (`uwsgi.set_user_harakiri`).

use std::cell::Cell;
use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::Thread;
use std::time::Duration;

use crate::control::Report;
use crate::harakiri;
use crate::memory::core_slot::CoreSlot;

thread_local! {
    /// The core that this thread is.
    static MINE: Cell<Option<CoreSlot>> = const { Cell::new(None) };
}

static IN_USE: AtomicBool = AtomicBool::new(false);
static GUARDIAN: OnceLock<Thread> = OnceLock::new();

/// This thread is a core.
pub(super) fn adopt(slot: Option<CoreSlot>) {
    MINE.set(slot);
}

/// The core that the calling thread is.
pub(super) fn mine() -> Option<CoreSlot> {
    MINE.get()
}

/// Whether the application sets deadlines: then the master may have to name requests.
pub(super) fn is_in_use() -> bool {
    IN_USE.load(Relaxed)
}

/// Gives the request on this thread `seconds` from now on; 0 takes that back. `false`: there is none.
pub(crate) fn set(seconds: u32) -> bool {
    let Some(slot) = MINE.get().filter(|slot| slot.busy_since().is_some()) else { return false };
    if seconds == 0 {
        slot.set_user_deadline(0);
        return true;
    }
    slot.set_user_deadline(harakiri::now() + harakiri::micros(Duration::from_secs(u64::from(seconds))));
    IN_USE.store(true, Relaxed);
    wake_guardian();
    // A master that is gone has nobody killed, and this worker is leaving.
    let _ = crate::identity::identity().is_some_and(|worker| worker.report(Report::HasDeadline));
    true
}

/// This thread is the guardian.
pub(super) fn be_guardian() {
    GUARDIAN.get_or_init(std::thread::current);
}

/// The guardian has to look again.
pub(super) fn wake_guardian() {
    if let Some(guardian) = GUARDIAN.get() {
        guardian.unpark();
    }
}
