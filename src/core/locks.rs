//! The application's locks (`uwsgi.lock`): between processes by the kernel, between threads of one process by a seat each.
//!
//! All generations share them. A process that dies frees what it has held.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use rsgi_abi::host::{LockAction, Locked};
use rsgi_sys::byte_locks::{self, ByteLocks};
use tracing::error;

/// How long a thread waits for another one of its process before it may look for signals.
const PATIENCE: Duration = Duration::from_secs(1);

/// A descriptor of the instance's locks, for a zygote.
///
/// # Errors
/// When descriptors or memory are short.
pub fn hand_out() -> io::Result<OwnedFd> {
    static MEMORY: OnceLock<OwnedFd> = OnceLock::new();
    match MEMORY.get() {
        Some(memory) => memory.try_clone(),
        None => {
            let made = byte_locks::create(c"rsgi-locks")?;
            MEMORY.get_or_init(|| made).try_clone()
        }
    }
}

/// The locks as a zygote and its forks see them.
#[derive(Debug)]
pub struct Locks {
    memory: OwnedFd,
    count: u32,
    /// What the process that has used them last has made for itself: a fork makes its own.
    here: Mutex<Option<Arc<Here>>>,
}

/// The locks in one process.
#[derive(Debug)]
struct Here {
    process: u32,
    bytes: ByteLocks,
    seats: Vec<Seat>,
}

/// The one thread of the process that deals with a lock.
#[derive(Debug, Default)]
struct Seat {
    state: Mutex<State>,
    freed: Condvar,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    #[default]
    Free,
    /// A thread waits for another process.
    Waits,
    Held,
}

impl Locks {
    /// So many locks on this memory.
    #[must_use]
    pub const fn new(memory: OwnedFd, count: u32) -> Self {
        Self { memory, count, here: Mutex::new(None) }
    }

    /// Does something to lock `number`.
    pub fn act(&self, action: LockAction, number: u32) -> Locked {
        if number >= self.count {
            return Locked::NoSuchLock;
        }
        let done = self.here().and_then(|here| {
            let seat = here.seats.get(number as usize).ok_or(io::ErrorKind::NotFound)?;
            match action {
                LockAction::Take => here.take(seat, number),
                LockAction::Release => here.release(seat, number).map(|()| Locked::No),
                LockAction::Look => here.look(seat, number),
            }
        });
        done.unwrap_or_else(|reason| {
            error!("lock {number} cannot be used: {reason}");
            Locked::Failed
        })
    }

    fn here(&self) -> io::Result<Arc<Here>> {
        let mut here = of(&self.here);
        let process = std::process::id();
        if let Some(here) = here.as_ref().filter(|here| here.process == process) {
            return Ok(Arc::clone(here));
        }
        let bytes = ByteLocks::open(self.memory.as_fd())?;
        let seats = std::iter::repeat_with(Seat::default).take(self.count as usize).collect();
        Ok(Arc::clone(here.insert(Arc::new(Here { process, bytes, seats }))))
    }
}

impl Here {
    fn take(&self, seat: &Seat, number: u32) -> io::Result<Locked> {
        let wait = seat.freed.wait_timeout_while(of(&seat.state), PATIENCE, |state| *state != State::Free);
        let (mut state, _) = wait.unwrap_or_else(PoisonError::into_inner);
        if *state != State::Free {
            return Ok(Locked::Interrupted);
        }
        *state = State::Waits;
        drop(state);
        let taken = self.bytes.lock(number);
        seat.settle(if taken.is_ok() { State::Held } else { State::Free });
        match taken {
            Err(reason) if reason.kind() == io::ErrorKind::Interrupted => Ok(Locked::Interrupted),
            taken => taken.map(|()| Locked::Yes),
        }
    }

    /// Any thread of the process that holds the lock may give it back, as under uWSGI.
    fn release(&self, seat: &Seat, number: u32) -> io::Result<()> {
        let mut state = of(&seat.state);
        if *state == State::Held {
            self.bytes.unlock(number)?;
            *state = State::Free;
            seat.freed.notify_one();
        }
        Ok(())
    }

    fn look(&self, seat: &Seat, number: u32) -> io::Result<Locked> {
        let is_locked = *of(&seat.state) == State::Held || self.bytes.is_locked_elsewhere(number)?;
        Ok(if is_locked { Locked::Yes } else { Locked::No })
    }
}

impl Seat {
    fn settle(&self, state: State) {
        *of(&self.state) = state;
        if state == State::Free {
            self.freed.notify_one();
        }
    }
}

fn of<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

    fn take(locks: &Locks, number: u32) {
        while locks.act(LockAction::Take, number) != Locked::Yes {}
    }

    #[test]
    fn numbers_outside_are_refused() {
        let locks = Locks::new(hand_out().unwrap(), 1);
        assert_eq!(locks.act(LockAction::Look, 1), Locked::NoSuchLock);
        assert_eq!(locks.act(LockAction::Release, 0), Locked::No);
    }

    #[test]
    fn threads_exclude_each_other_as_processes_do() {
        let memory = byte_locks::create(c"test").unwrap();
        // Two of them are like two processes.
        let both = [Locks::new(memory.try_clone().unwrap(), 3), Locks::new(memory, 3)];
        let (inside, most) = (AtomicU32::new(0), AtomicU32::new(0));
        std::thread::scope(|scope| {
            for locks in both.iter().chain(&both) {
                scope.spawn(|| {
                    for _ in 0..200 {
                        take(locks, 2);
                        most.fetch_max(inside.fetch_add(1, SeqCst) + 1, SeqCst);
                        std::thread::yield_now();
                        inside.fetch_sub(1, SeqCst);
                        assert_eq!(locks.act(LockAction::Release, 2), Locked::No);
                    }
                });
            }
        });
        assert_eq!(most.into_inner(), 1);
        take(&both[0], 0);
        let seen = both.each_ref().map(|locks| (locks.act(LockAction::Look, 0), locks.act(LockAction::Look, 1)));
        assert_eq!(seen, [(Locked::Yes, Locked::No); 2]);
    }
}
