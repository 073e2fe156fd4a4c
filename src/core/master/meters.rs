//! The instance's meters as the master has them: one memory for all generations, made when the first of them wants it, so that
//! counters go on where they were.

use std::cell::RefCell;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;

use crate::memory::meters::Meters;

thread_local! {
    /// All the master's work is on one thread.
    static SHARED: RefCell<Option<Rc<Memory>>> = const { RefCell::new(None) };
}

/// The memory and the master's own view of it.
#[derive(Debug)]
pub(super) struct Memory {
    fd: OwnedFd,
    pub(super) view: Meters,
}

/// The instance's meters.
///
/// # Errors
/// When descriptors or memory are short.
pub(super) fn shared() -> io::Result<Rc<Memory>> {
    SHARED.with_borrow_mut(|shared| {
        if let Some(memory) = shared {
            return Ok(Rc::clone(memory));
        }
        let fd = Meters::create()?;
        let memory = Rc::new(Memory { view: Meters::map(fd.as_fd())?, fd });
        crate::logging::panics::count_in(memory.view.core(0));
        *shared = Some(Rc::clone(&memory));
        Ok(memory)
    })
}

/// The instance's meters, if any generation has wanted them so far.
pub(super) fn known() -> Option<Meters> {
    SHARED.with_borrow(|shared| shared.as_ref().map(|memory| memory.view))
}

impl Memory {
    /// A descriptor for a process that is to map it.
    pub(super) fn hand_out(&self) -> io::Result<OwnedFd> {
        self.fd.try_clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::meters::Count;

    #[test]
    fn counters_go_on_when_generations_change() {
        assert!(known().is_none());
        shared().unwrap().view.core(0).count(Count::Shed);
        assert_eq!(shared().unwrap().view.read().count(Count::Shed), 1);
        assert!(known().is_some());
    }
}
