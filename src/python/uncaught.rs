//! Exceptions that nobody catches, each as one record: threads, `__del__`, callbacks.

use pyo3::ffi::c_str;
use pyo3::prelude::*;

use crate::log;

/// Takes the place of the interpreter's own hooks, before the application may set others.
pub(crate) fn prepare(py: Python<'_>) -> PyResult<()> {
    let (file, name) = (c"rsgi/uncaught.py", c"rsgi_uncaught");
    let helper = PyModule::from_code(py, c_str!(include_str!("uncaught.py")), file, name)?;
    helper.call_method1("install", (wrap_pyfunction!(write, py)?,)).map(drop)
}

#[pyfunction]
fn write(text: &Bound<'_, PyAny>) -> PyResult<()> {
    log::error(text.str()?.to_string_lossy().trim_end_matches('\n'));
    Ok(())
}
