//! Signals of the application, and what raises them: a part of the `uwsgi` module.
//!
//! The table of numbers is shared by all processes of a generation; the functions are here, and forks inherit them.

use std::ffi::c_int;

use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyDict;
use rsgi_abi::guest::Host;
use rsgi_abi::types::{QUERY_MULE, QUERY_SPOOLER, QUERY_WORKER};

use super::functions::raw;
use crate::wsgi::child;
use crate::{border, log};

/// Numbers to functions.
static HANDLERS: PyOnceLock<Py<PyDict>> = PyOnceLock::new();

/// Adds them all.
pub(super) fn add(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(register_signal, module)?)?;
    module.add_function(wrap_pyfunction!(signal_registered, module)?)?;
    module.add_function(wrap_pyfunction!(signal, module)?)?;
    module.add_function(wrap_pyfunction!(add_timer, module)?)?;
    module.add_function(wrap_pyfunction!(add_rb_timer, module)?)?;
    module.add_function(wrap_pyfunction!(add_cron, module)?)?;
    module.add_function(wrap_pyfunction!(add_file_monitor, module)?)
}

/// Runs the function of a signal; what it raises is logged.
pub(crate) fn handle(number: u32) -> c_int {
    Python::attach(|py| {
        let handlers = HANDLERS.get(py).map(|handlers| handlers.bind(py));
        let handler = handlers.and_then(|handlers| handlers.get_item(number).ok().flatten());
        let result = match handler {
            Some(handler) => handler.call1((number,)).map_err(|error| {
                child::obey(py, &error);
                log::exception(py, &error);
            }),
            None => Err(()),
        };
        child::leave(py);
        match result {
            Ok(_) => 0,
            Err(()) => {
                log::error(&format!("error managing signal {number} on {}", place()));
                -1
            }
        }
    })
}

/// What this process is.
fn place() -> String {
    let kinds = [(QUERY_WORKER, "worker"), (QUERY_MULE, "mule"), (QUERY_SPOOLER, "spooler")];
    let find =
        |(what, kind)| border::query(what).filter(|number| *number != 0).map(|number| format!("{kind} {number}"));
    kinds.into_iter().find_map(find).unwrap_or_else(|| "the zygote".to_owned())
}

/// Of larger numbers, uWSGI takes the lowest byte.
const fn byte(number: i64) -> u8 {
    number.to_le_bytes()[0]
}

/// Has a function called with the number of a signal, where the target says: '' or worker, workers, workerN, mule, mules,
/// muleN, spooler, farm_NAME.
#[pyfunction]
fn register_signal(py: Python<'_>, number: i64, target: &str, function: Bound<'_, PyAny>) -> PyResult<()> {
    let (host, number) = (host()?, byte(number));
    let handlers = HANDLERS.get_or_init(py, || PyDict::new(py).unbind()).bind(py);
    let is_shared = [QUERY_WORKER, QUERY_MULE, QUERY_SPOOLER].into_iter().all(|what| border::query(what) == Some(0));
    if is_shared && handlers.contains(number)? {
        log::warning(&format!("signal {number} is registered already"));
        return Err(PyValueError::new_err("unable to register signal"));
    }
    if !host.register_signal(number, target.as_bytes()) {
        return Err(PyValueError::new_err("unable to register signal"));
    }
    handlers.set_item(number, function)
}

/// True when the signal is registered, else None.
#[pyfunction]
fn signal_registered(number: i64) -> PyResult<Option<bool>> {
    Ok(host()?.signal_registered(byte(number)).then_some(true))
}

/// Raises a signal. Never waits for its handler.
#[pyfunction]
fn signal(number: i64) -> PyResult<()> {
    let number = byte(number);
    if !host()?.raise_signal(number) {
        log::warning(&format!("signal {number} is not raised: the master cannot be reached from here"));
    }
    Ok(())
}

/// Has a signal raised every so many seconds.
#[pyfunction]
fn add_timer(number: i64, seconds: i64) -> PyResult<()> {
    timer(number, seconds, 0)
}

/// The same, so many times; 0 is for ever.
#[pyfunction]
#[pyo3(signature = (number, seconds, times = 0))]
fn add_rb_timer(number: i64, seconds: i64, times: i64) -> PyResult<()> {
    timer(number, seconds, u32::try_from(times).unwrap_or(0))
}

fn timer(number: i64, seconds: i64, times: u32) -> PyResult<()> {
    let number = byte(number);
    let Some(seconds) = u32::try_from(seconds).ok().filter(|seconds| *seconds > 0) else {
        log::warning(&format!("the timer of signal {number} never strikes: {seconds} seconds"));
        return Ok(());
    };
    done(host()?.add_timer(number, seconds, times), "unable to add timer")
}

/// Has a signal raised at set times: -1 is any, -N every N.
#[pyfunction]
fn add_cron(number: i64, minute: i64, hour: i64, day: i64, month: i64, weekday: i64) -> PyResult<bool> {
    let part = |number: i64| i8::try_from(number).map_err(|_| PyValueError::new_err("unable to add cron"));
    let times = [part(minute)?, part(hour)?, part(day)?, part(month)?, part(weekday)?];
    done(host()?.add_cron(byte(number), &times), "unable to add cron").map(|()| true)
}

/// Has a signal raised when a file, or something in a directory, changes.
#[pyfunction]
fn add_file_monitor(number: i64, path: &Bound<'_, PyAny>) -> PyResult<()> {
    done(host()?.add_file_monitor(byte(number), &raw(path)?), "unable to add file monitor")
}

fn done(is_done: bool, otherwise: &'static str) -> PyResult<()> {
    if is_done { Ok(()) } else { Err(PyValueError::new_err(otherwise)) }
}

fn host() -> PyResult<Host> {
    border::host().ok_or_else(|| PyRuntimeError::new_err("the server has not started"))
}
