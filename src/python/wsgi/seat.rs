//! What other threads may know of a core and do to it: interrupt its request.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::threads;

/// What other threads need to know of a core, to interrupt it.
#[derive(Debug)]
pub(crate) struct Seat {
    /// Python's identifier of the thread.
    pub(crate) thread: std::ffi::c_long,
    /// A request is being worked on. Written with the interpreter lock held.
    busy: AtomicBool,
    /// An exception was thrown in from outside and may still be pending.
    interrupted: AtomicBool,
}

impl Seat {
    pub(crate) const fn new(thread: std::ffi::c_long) -> Self {
        Self { thread, busy: AtomicBool::new(false), interrupted: AtomicBool::new(false) }
    }

    /// Marks the request as interrupted; `false` when there is none. The interpreter lock must be held.
    pub(crate) fn mark_interrupted(&self) -> bool {
        let busy = self.busy.load(Ordering::Relaxed);
        if busy {
            self.interrupted.store(true, Ordering::Relaxed);
        }
        busy
    }

    /// A request begins.
    pub(super) fn enter(&self) {
        self.busy.store(true, Ordering::Relaxed);
    }

    /// The request is done: an exception that was thrown in and has not been raised yet must not hit the next one.
    pub(super) fn leave(&self) {
        self.busy.store(false, Ordering::Relaxed);
        if self.interrupted.load(Ordering::Relaxed) {
            self.interrupted.store(false, Ordering::Relaxed);
            threads::forget_interrupt(self.thread);
        }
    }
}
