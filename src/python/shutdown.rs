//! Ends the interpreter in order: threads are joined, exit handlers run, buffers are flushed.
//!
//! The interpreter is not finalised (`Py_FinalizeEx`): the process ends next, and tearing modules down below daemon
//! threads and C extensions is where servers hang and crash at exit. What programs rely on (`threading`, `atexit`,
//! `weakref.finalize`, flushed files) has happened by then. The interpreter lock is kept for ever, so that no daemon
//! thread runs Python while the process goes down.
#![allow(unsafe_code)]

use std::time::{Duration, Instant};

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::{api, log};

/// Runs the whole end; joining takes at most `grace_ms`.
pub(crate) fn run(grace_ms: u32) {
    // SAFETY: the interpreter runs; that the lock is never given back is the purpose.
    unsafe { ffi::PyGILState_Ensure() };
    Python::attach(|py| {
        let steps: [(&str, &dyn Fn() -> PyResult<()>); 4] = [
            ("joining threads", &|| join(py, Duration::from_millis(grace_ms.into()))),
            ("uwsgi.atexit", &|| api::at_exit(py)),
            ("atexit", &|| py.import("atexit")?.call_method0("_run_exitfuncs").map(drop)),
            ("flushing stdout and stderr", &|| flush(py)),
        ];
        for (what, step) in steps {
            if let Err(error) = step() {
                log::error(&format!("while ending the interpreter ({what}):"));
                log::exception(py, &error);
            }
        }
    });
}

/// Joins all non-daemon threads as the interpreter does at its end, in a thread of its own: that wait knows no timeout.
fn join(py: Python<'_>, grace: Duration) -> PyResult<()> {
    let threading = py.import("threading")?;
    let options = PyDict::new(py);
    options.set_item("target", threading.getattr("_shutdown")?)?;
    options.set_item("name", "uWSGIShutdown")?;
    options.set_item("daemon", true)?;
    let joiner = threading.call_method("Thread", (), Some(&options))?;
    let deadline = Instant::now() + grace;
    joiner.call_method0("start")?;
    joiner.call_method1("join", (deadline.saturating_duration_since(Instant::now()).as_secs_f64(),))?;
    if joiner.call_method0("is_alive")?.is_truthy()? {
        let mut names = Vec::new();
        for thread in threading.call_method0("enumerate")?.try_iter()? {
            let thread = thread?;
            if !thread.getattr("daemon")?.is_truthy()? && !thread.is(&threading.call_method0("main_thread")?) {
                names.push(thread.getattr("name")?.str()?.to_string_lossy().into_owned());
            }
        }
        log::warning(&format!(
            "threads of the application did not end within {} ms: {} (they are cut off; make them daemons, or end them from atexit)",
            grace.as_millis(),
            names.join(", ")
        ));
    }
    Ok(())
}

fn flush(py: Python<'_>) -> PyResult<()> {
    let sys = py.import("sys")?;
    for stream in ["stdout", "stderr"] {
        let stream = sys.getattr(stream)?;
        if !stream.is_none() {
            stream.call_method0("flush")?;
        }
    }
    Ok(())
}
