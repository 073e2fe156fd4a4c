//! The functions of the `uwsgi` module.

use std::time::{SystemTime, UNIX_EPOCH};

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use rsgi_abi::types;

use crate::wsgi::{self, Transaction, child};
use crate::{border, log};

/// Adds them all.
pub(super) fn add(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(worker_id, module)?)?;
    module.add_function(wrap_pyfunction!(masterpid, module)?)?;
    module.add_function(wrap_pyfunction!(mule_id, module)?)?;
    module.add_function(wrap_pyfunction!(request_id, module)?)?;
    module.add_function(wrap_pyfunction!(total_requests, module)?)?;
    module.add_function(wrap_pyfunction!(write_log, module)?)?;
    module.add_function(wrap_pyfunction!(reload, module)?)?;
    module.add_function(wrap_pyfunction!(stop, module)?)?;
    module.add_function(wrap_pyfunction!(set_user_harakiri, module)?)?;
    module.add_function(wrap_pyfunction!(setprocname, module)?)?;
    module.add_function(wrap_pyfunction!(mem, module)?)?;
    module.add_function(wrap_pyfunction!(micros, module)?)?;
    module.add_function(wrap_pyfunction!(cl, module)?)?;
    module.add_function(wrap_pyfunction!(disconnect, module)?)?;
    module.add_function(wrap_pyfunction!(set_logvar, module)?)?;
    module.add_function(wrap_pyfunction!(get_logvar, module)?)
}

/// Number of this worker, 0 outside of workers.
#[pyfunction]
fn worker_id() -> u64 {
    border::query(types::QUERY_WORKER).unwrap_or(0)
}

/// Process id of the master.
#[pyfunction]
fn masterpid() -> u64 {
    border::query(types::QUERY_MASTER_PID).unwrap_or(0)
}

/// Number of this mule, 0 outside of mules.
#[pyfunction]
pub(super) fn mule_id() -> u64 {
    border::query(types::QUERY_MULE).unwrap_or(0)
}

/// Requests of this worker so far.
#[pyfunction]
fn request_id() -> u64 {
    border::query(types::QUERY_WORKER_REQUESTS).unwrap_or(0)
}

/// Requests of the whole instance so far.
#[pyfunction]
fn total_requests() -> u64 {
    border::query(types::QUERY_TOTAL_REQUESTS).unwrap_or(0)
}

/// Writes a line to the log.
#[pyfunction(name = "log")]
fn write_log(line: &str) -> bool {
    log::info(line.strip_suffix('\n').unwrap_or(line));
    true
}

/// Asks the master for a graceful reload.
#[pyfunction]
fn reload() -> PyResult<bool> {
    control(types::CONTROL_RELOAD, "reload")
}

/// Asks the master for a graceful stop.
#[pyfunction]
fn stop() -> PyResult<bool> {
    control(types::CONTROL_STOP, "stop")
}

fn control(command: u32, name: &str) -> PyResult<bool> {
    if border::host().is_some_and(|host| host.control(command)) {
        return Ok(true);
    }
    Err(PyRuntimeError::new_err(format!("unable to {name}: the master cannot be reached from here")))
}

/// Gives the request on this thread so many seconds from now on; 0 takes that back.
#[pyfunction]
fn set_user_harakiri(seconds: u32) -> PyResult<()> {
    if border::host().is_some_and(|host| host.set_deadline(seconds)) {
        return Ok(());
    }
    Err(PyRuntimeError::new_err("no request is being served on this thread"))
}

/// Names this process in `ps` and `top`.
#[pyfunction]
fn setprocname(name: &str) {
    if let Some(host) = border::host() {
        host.set_title(name.as_bytes());
    }
}

/// Resident and virtual memory of this process, bytes.
#[pyfunction]
fn mem(py: Python<'_>) -> PyResult<(u64, u64)> {
    let statm = std::fs::read_to_string("/proc/self/statm")?;
    let mut pages = statm.split_ascii_whitespace().map(|count| count.parse::<u64>().unwrap_or(0));
    let (virtual_, resident) = (pages.next().unwrap_or(0), pages.next().unwrap_or(0));
    let page: u64 = py.import("os")?.call_method1("sysconf", ("SC_PAGE_SIZE",))?.extract()?;
    Ok((resident * page, virtual_ * page))
}

/// Microseconds since the epoch.
#[pyfunction]
fn micros() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_micros()).unwrap_or(u64::MAX)
}

/// Content-Length of the request on this thread, 0 without one.
#[pyfunction]
fn cl(py: Python<'_>) -> PyResult<u64> {
    in_request(py, |transaction| {
        transaction.with(py, |state| state.parts().map(|(request, _, _)| request.body_length().unwrap_or(0)))
    })
}

/// Completes the answer now, or closes the websocket; the application may go on working.
#[pyfunction]
fn disconnect(py: Python<'_>) -> PyResult<()> {
    in_request(py, |transaction| {
        transaction.detached(py, |state| {
            let (request, _, response) = state.parts()?;
            if !child::is_child() {
                request.websocket_close();
            }
            // What cannot be sent to a client that is gone needs no word.
            let _ = response.send(request, b"", true);
            Some(())
        })
    })
}

/// Gives this request a value for the log, as `%(name)` of `log-format`.
#[pyfunction]
fn set_logvar(py: Python<'_>, name: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<()> {
    let (name, value) = (raw(name)?, raw(value)?);
    in_request(py, |transaction| transaction.with(py, |state| state.set_log_variable(name, value)))
}

/// What `set_logvar` has set for this request, or None.
#[pyfunction]
fn get_logvar<'py>(py: Python<'py>, name: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyBytes>>> {
    let name = raw(name)?;
    in_request(py, |transaction| transaction.with(py, |state| state.log_variable(&name)))
        .map(|value| value.map(|value| PyBytes::new(py, &value)))
}

/// The bytes of a `str` (UTF-8) or `bytes`.
pub(super) fn raw(text: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
    text.extract::<&[u8]>().map(<[u8]>::to_vec).or_else(|_| text.extract::<String>().map(String::into_bytes))
}

pub(super) fn in_request<T>(py: Python<'_>, work: impl FnOnce(&Transaction) -> Option<T>) -> PyResult<T> {
    let _ = py;
    let transaction = wsgi::current();
    transaction
        .and_then(|transaction| work(&transaction))
        .ok_or_else(|| PyRuntimeError::new_err("no request is being served on this thread"))
}
