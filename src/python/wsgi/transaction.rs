//! What a request owns while the application works on it, behind one lock.
//!
//! The core's request is valid only while the core waits in `handle`, but the application may keep `wsgi.input`,
//! `start_response` or `write` for ever, and use them from any thread. So these objects hold a [`Transaction`], to which
//! the request is *lent*: it is put in when `handle` begins and taken out before `handle` returns, and whoever uses it
//! holds the lock meanwhile. Later uses find nothing and raise.
//!
//! Order of locks: nobody waits for this one while holding the interpreter lock, nor for the interpreter lock while
//! holding this one. So the two cannot deadlock.
#![allow(unsafe_code)]

use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use pyo3::prelude::*;
use rsgi_abi::guest::Request;

use super::body::Body;
use super::response::Response;

/// One request and its answer. Used again for the next request when the application kept nothing of it.
#[derive(Default)]
pub(crate) struct Transaction(Mutex<State>);

/// What is behind the lock.
#[derive(Default)]
pub(crate) struct State {
    request: Option<Lent>,
    /// Reading position in the request's body.
    pub(crate) body: Body,
    /// Head and progress of the answer.
    pub(crate) response: Response,
    /// What `uwsgi.set_logvar` was told.
    log_variables: Vec<(Vec<u8>, Vec<u8>)>,
}

/// A request whose lifetime is guarded by [`Transaction::lend`].
struct Lent(Request<'static>);

// SAFETY: the core's callbacks may run on any thread as long as they do not run at the same time (`Exchange: Send`), and
// the lock of the transaction serialises them.
unsafe impl Send for Lent {}

impl Transaction {
    /// Lends `request` while `run` runs. The calling thread must not hold the interpreter lock.
    pub(crate) fn lend<R>(&self, request: Request<'_>, run: impl FnOnce() -> R) -> R {
        // SAFETY: only the lifetime changes. `Return` takes the request out again before this function is left, also by
        // unwinding, and waits for whoever holds the lock; nothing else copies it out of the lock.
        let request = unsafe { std::mem::transmute::<Request<'_>, Request<'static>>(request) };
        let mut state = self.lock();
        state.body.start(&request);
        state.response.start();
        state.log_variables.clear();
        state.request = Some(Lent(request));
        drop(state);
        let _returned = Return(self);
        run()
    }

    /// Runs `work` at once; for what cannot block.
    pub(crate) fn with<R>(&self, py: Python<'_>, work: impl FnOnce(&mut State) -> R) -> R {
        loop {
            match self.0.try_lock() {
                Ok(mut state) => return work(&mut state),
                Err(TryLockError::Poisoned(poisoned)) => return work(&mut poisoned.into_inner()),
                // Another thread is reading or writing: let go of the interpreter until it is done.
                Err(TryLockError::WouldBlock) => py.detach(|| drop(self.lock())),
            }
        }
    }

    /// Runs `work` without the interpreter lock; for what may block.
    pub(crate) fn detached<R: Send>(&self, py: Python<'_>, work: impl FnOnce(&mut State) -> R + Send) -> R {
        py.detach(|| work(&mut self.lock()))
    }

    /// The state. The calling thread must not hold the interpreter lock.
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The parts, when the request is still there.
    pub(crate) fn parts(&mut self) -> Option<(Request<'_>, &mut Body, &mut Response)> {
        self.request.as_ref().map(|lent| (lent.0, &mut self.body, &mut self.response))
    }

    /// Passes a value for the request log to the core, and remembers it. `None` when the request is over.
    pub(crate) fn set_log_variable(&mut self, name: Vec<u8>, value: Vec<u8>) -> Option<()> {
        self.request.as_ref()?.0.set_log_variable(&name, &value);
        self.log_variables.retain(|(known, _)| *known != name);
        self.log_variables.push((name, value));
        Some(())
    }

    /// The value remembered under `name`. The outer `None`: the request is over.
    pub(crate) fn log_variable(&self, name: &[u8]) -> Option<Option<Vec<u8>>> {
        self.request.as_ref()?;
        Some(self.log_variables.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone()))
    }
}

struct Return<'a>(&'a Transaction);

impl Drop for Return<'_> {
    fn drop(&mut self) {
        self.0.lock().request = None;
    }
}
