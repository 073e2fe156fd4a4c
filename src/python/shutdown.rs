//! Ends the interpreter in order: threads are joined, exit handlers run, buffers are flushed.
//!
//! The interpreter is not finalised (`Py_FinalizeEx`): the process ends next, and tearing modules down below daemon
//! threads and C extensions is where servers hang and crash at exit. What programs rely on (`threading`, `atexit`,
//! `weakref.finalize`, flushed files) has happened by then. The interpreter lock is kept for ever, so that no daemon
//! thread runs Python while the process goes down.
#![allow(unsafe_code)]

use std::time::Duration;

use pyo3::ffi::{self, c_str};
use pyo3::prelude::*;

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

/// Joins all non-daemon threads.
fn join(py: Python<'_>, grace: Duration) -> PyResult<()> {
    let (file, name) = (c"rsgi/shutdown.py", c"rsgi_shutdown");
    let module = PyModule::from_code(py, c_str!(include_str!("shutdown.py")), file, name)?;
    let left: Vec<String> = module.call_method1("join", (grace.as_secs_f64(),))?.extract()?;
    if !left.is_empty() {
        log::warning(&format!(
            "threads of the application did not end within {} ms: {} (they are cut off; make them daemons, or end them from atexit)",
            grace.as_millis(),
            left.join(", ")
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
