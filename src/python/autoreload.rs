//! `py-autoreload`: a thread of the first worker that looks whether modules have changed.

use pyo3::ffi::c_str;
use pyo3::prelude::*;

use crate::settings::Settings;

/// The worker that looks; one is enough, for all of them run the same.
const WORKER: i64 = 1;

/// Starts the thread in the worker that is to have it.
pub(crate) fn start(py: Python<'_>, settings: &Settings, worker: i64, core: u32) -> PyResult<()> {
    let seconds = settings.value("py-autoreload").and_then(|seconds| seconds.parse::<u64>().ok()).unwrap_or(0);
    if seconds == 0 || worker != WORKER || core != 0 {
        return Ok(());
    }
    let (file, name) = (c"rsgi/autoreload.py", c"rsgi_autoreload");
    let module = PyModule::from_code(py, c_str!(include_str!("autoreload.py")), file, name)?;
    module.call_method1("watch", (seconds, settings.list("py-auto-reload-ignore"))).map(drop)
}
