//! Threads, forks and signals: which thread holds the interpreter, and when.
//!
//! Each serving thread gets one thread state for its life, so that `threading.local` and thread names last between
//! requests. The interpreter lock is held during requests and hooks only.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::collections::BTreeMap;
use std::ffi::c_long;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::PySystemExit;
use pyo3::ffi;
use pyo3::prelude::*;
use rsgi_abi::guest::Host;
use rsgi_abi::types::QUERY_WORKER;

use crate::settings::Settings;
use crate::wsgi::{Core, Seat, child};
use crate::{api, autoreload, log, place, shutdown, wsgi};

/// How long threads are waited for when a signal handler exits.
const EXIT_GRACE_MS: u32 = 5000;

/// The serving threads, for [`interrupt`].
static SEATS: Mutex<BTreeMap<u32, Arc<Seat>>> = Mutex::new(BTreeMap::new());

thread_local! {
    /// What `before_fork` took and one of the `after_fork_*` gives back.
    static AROUND_FORK: Cell<Option<ffi::PyGILState_STATE>> = const { Cell::new(None) };
    /// The thread state of a serving thread.
    static STATE: Cell<*mut ffi::PyThreadState> = const { Cell::new(std::ptr::null_mut()) };
}

fn seats() -> MutexGuard<'static, BTreeMap<u32, Arc<Seat>>> {
    SEATS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes the calling thread core `core`.
pub(crate) fn start(host: Host, settings: &Settings, core: u32) -> bool {
    // SAFETY: the interpreter runs. Ensure without its Release keeps the thread state alive (`stop` releases); SaveThread
    // then gives the lock back.
    STATE.set(unsafe {
        ffi::PyGILState_Ensure();
        ffi::PyEval_SaveThread()
    });
    let worker = host.query(QUERY_WORKER).unwrap_or(0);
    let started = Python::attach(|py| {
        let thread = name_thread(py, &format!("uWSGIWorker{worker}Core{core}"))?;
        let seat = Arc::new(Seat::new(thread));
        seats().insert(core, Arc::clone(&seat));
        Core::install(py, core, settings, seat)?;
        autoreload::start(py, settings, i64::try_from(worker).unwrap_or(0), core)
    });
    if let Err(error) = &started {
        Python::attach(|py| log::exception(py, error));
    }
    started.is_ok()
}

/// Names the calling thread in `threading` and returns its identifier.
fn name_thread(py: Python<'_>, name: &str) -> PyResult<c_long> {
    let threading = py.import("threading")?;
    threading.call_method0("current_thread")?.setattr("name", name)?;
    threading.call_method0("get_ident")?.extract()
}

/// Undoes [`start`] on the same thread.
pub(crate) fn stop(core: u32) {
    seats().remove(&core);
    let state = STATE.replace(std::ptr::null_mut());
    if state.is_null() {
        return;
    }
    Python::attach(|py| {
        Core::uninstall(py);
        if core != 0 {
            // Before 3.13 `threading` keeps the entry of a foreign thread for ever.
            let forget = || -> PyResult<()> {
                let threading = py.import("threading")?;
                let ident = threading.call_method0("get_ident")?;
                threading.getattr("_active")?.call_method1("pop", (ident, py.None())).map(drop)
            };
            if let Err(error) = forget() {
                log::exception(py, &error);
            }
        }
    });
    // SAFETY: the state of this thread, not attached now; the Release matches the Ensure of `start` and, on every thread
    // but the main one, ends the thread state.
    unsafe {
        ffi::PyEval_RestoreThread(state);
        ffi::PyGILState_Release(ffi::PyGILState_STATE::PyGILState_UNLOCKED);
    }
}

/// Takes the interpreter lock until one of the next two gives it back, and runs the hooks of `os.register_at_fork`.
pub(crate) fn before_fork() {
    // SAFETY: the interpreter runs, and the core calls on the main thread.
    unsafe {
        AROUND_FORK.set(Some(ffi::PyGILState_Ensure()));
        ffi::PyOS_BeforeFork();
    }
}

/// After a fork, in the parent.
pub(crate) fn after_fork_parent() {
    // SAFETY: the lock is held since `before_fork`.
    unsafe { ffi::PyOS_AfterFork_Parent() };
    release();
}

/// After a fork, in the child: Python's own hooks, then those of the `uwsgi` module.
pub(crate) fn after_fork_child() {
    // SAFETY: the lock is held since `before_fork`, and this is the only thread of the child.
    unsafe { ffi::PyOS_AfterFork_Child() };
    child::forget();
    place::after_fork_child();
    Python::attach(api::after_fork);
    release();
}

fn release() {
    if let Some(state) = AROUND_FORK.take() {
        // SAFETY: the state that the matching Ensure returned on this thread.
        unsafe { ffi::PyGILState_Release(state) };
    }
}

/// Runs the application's signal handlers.
pub(crate) fn check_signals() {
    let exit = Python::attach(|py| {
        let exit = match py.check_signals() {
            Ok(()) => None,
            Err(error) if error.is_instance_of::<PySystemExit>(py) => {
                child::obey(py, &error);
                Some(wsgi::exit_code(py, &error))
            }
            Err(error) => {
                log::exception(py, &error);
                None
            }
        };
        child::leave(py);
        exit
    });
    // A handler that calls sys.exit() ends a Python program in order; no request is under way on this thread.
    if let Some(code) = exit {
        log::error(&format!("a signal handler of the application asked this process to exit, code {code}"));
        shutdown::run(EXIT_GRACE_MS);
        std::process::exit(code);
    }
}

/// Throws the deadline exception into the thread of `core`; `false` when no request is under way there. Waits for the
/// interpreter lock.
pub(crate) fn interrupt(core: u32) -> bool {
    let Some(seat) = seats().get(&core).cloned() else { return false };
    Python::attach(|py| {
        let Ok(kind) = api::deadline_exceeded(py) else { return false };
        // Under the lock: the request cannot end between the mark and the throw.
        seat.mark_interrupted() && throw(seat.thread, kind.as_ptr())
    })
}

/// Takes back an exception that was thrown in and not raised yet. The interpreter lock must be held.
pub(crate) fn forget_interrupt(thread: c_long) {
    throw(thread, std::ptr::null_mut());
}

fn throw(thread: c_long, kind: *mut ffi::PyObject) -> bool {
    // SAFETY: callers hold the interpreter lock; `kind` is an exception class or null. An unknown thread gives 0.
    unsafe { ffi::PyThreadState_SetAsyncExc(thread, kind) == 1 }
}
