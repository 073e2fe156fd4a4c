//! Threads for what may block, and what is done when the system gives none.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tokio::task::JoinHandle;

use crate::logging::panics;

/// Does `work` on a thread for blocking calls. `None`: there is none, and none can be made at the moment.
pub(crate) fn away<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<JoinHandle<T>> {
    // Tokio knows no other way to say so.
    let begin = AssertUnwindSafe(|| tokio::task::spawn_blocking(work));
    panics::quietly(|| catch_unwind(begin)).ok()
}
