//! A child that the application has forked off and that comes back from it as if it were the worker: where `os._exit` was
//! forgotten, or an exception went past it. It holds the worker's connections, so it must neither answer nor serve on.

use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::exceptions::PySystemExit;
use pyo3::prelude::*;
use pyo3::types::PyCFunction;

use super::failure::exit_code;
use crate::log;

/// Exit code of a child that was not meant to come back.
const LOST: i32 = 1;

/// Set in such a child.
static FORKED: AtomicBool = AtomicBool::new(false);

/// Watches forks of the application from now on; forks of the core say afterwards what they are.
pub(crate) fn watch(py: Python<'_>) -> PyResult<()> {
    let mark = PyCFunction::new_closure(py, None, None, |_, _| FORKED.store(true, Ordering::Relaxed))?;
    let kwargs = pyo3::types::PyDict::new(py);
    kwargs.set_item("after_in_child", mark)?;
    py.import("os")?.call_method("register_at_fork", (), Some(&kwargs)).map(drop)
}

/// This process was forked off by the core, and not by the application: a worker, a mule or a spooler.
pub(crate) fn forget() {
    FORKED.store(false, Ordering::Relaxed);
}

/// Whether this process is a child of the application.
pub(crate) fn is_child() -> bool {
    FORKED.load(Ordering::Relaxed)
}

/// Ends this process if it is such a child. To be called wherever code of the application returns to the worker's own.
pub(crate) fn leave(py: Python<'_>) {
    if is_child() {
        log::error(
            "a child process that the application has forked off came back from it: it ends here (os._exit is missing)",
        );
        end(py, LOST);
    }
}

/// Ends this process, with the code that it wants, if it is such a child and `error` is its `sys.exit()`.
pub(crate) fn obey(py: Python<'_>, error: &PyErr) {
    if is_child() && error.is_instance_of::<PySystemExit>(py) {
        end(py, exit_code(py, error));
    }
}

fn end(py: Python<'_>, code: i32) {
    if let Err(error) = py.import("os").and_then(|os| os.call_method1("_exit", (code,))) {
        log::exception(py, &error);
    }
}
