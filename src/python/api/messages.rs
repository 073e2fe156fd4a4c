//! Messages to mules: a part of the `uwsgi` module.

use std::time::{Duration, Instant};

use pyo3::exceptions::{PyRuntimeError, PySystemExit, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};
use rsgi_abi::guest::{Host, MessageError, Received, Recipient, Sources};

use super::functions::raw;
use crate::border;
use crate::mule::LEFT;

/// What counts as true or false in Python, None and numbers included.
struct Truth(bool);

impl<'py> FromPyObject<'_, 'py> for Truth {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        object.is_truthy().map(Self)
    }
}

/// Adds them all.
pub(super) fn add(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("mule_msg_extra_hooks", PyList::empty(module.py()))?;
    module.add_function(wrap_pyfunction!(mule_msg, module)?)?;
    module.add_function(wrap_pyfunction!(farm_msg, module)?)?;
    module.add_function(wrap_pyfunction!(mule_get_msg, module)?)?;
    module.add_function(wrap_pyfunction!(farm_get_msg, module)?)?;
    module.add_function(wrap_pyfunction!(in_farm, module)?)?;
    module.add_function(wrap_pyfunction!(install_mule_msg_hook, module)?)
}

/// Sends a message to a mule by number, to a farm by name, or (0, nothing) to whichever mule is free. Never waits: False
/// when the queue is full, or there is no such mule.
#[pyfunction]
#[pyo3(signature = (message, mule = None))]
fn mule_msg(message: &Bound<'_, PyAny>, mule: Option<&Bound<'_, PyAny>>) -> PyResult<bool> {
    let message = content(message)?;
    if !has_mules() {
        return Err(PyValueError::new_err("no mule configured"));
    }
    let Some(mule) = mule.filter(|mule| !mule.is_none()) else { return Ok(send(Recipient::Any, &message).is_ok()) };
    let invalid = || PyValueError::new_err("invalid mule");
    if let Ok(number) = mule.extract::<i64>() {
        return Ok(match u32::try_from(number).map_err(|_| invalid())? {
            0 => send(Recipient::Any, &message).is_ok(),
            number => send(Recipient::Mule(number), &message).is_ok(),
        });
    }
    let farm = raw(mule).map_err(|_| invalid())?;
    match send(Recipient::Farm(&farm), &message) {
        Err(MessageError::Nobody) => Err(invalid()),
        sent => Ok(sent.is_ok()),
    }
}

/// Sends a message to whichever mule of a farm is free.
#[pyfunction]
fn farm_msg(farm: &str, message: &Bound<'_, PyAny>) -> PyResult<()> {
    let message = content(message)?;
    if send(Recipient::Farm(farm.as_bytes()), &message) == Err(MessageError::Nobody) {
        crate::log::warning(&format!("a message to the farm {farm} is lost: there is no such farm"));
    }
    Ok(())
}

/// Waits for a message to this mule; b'' when none came in `timeout` seconds (negative: wait for ever).
#[pyfunction]
#[pyo3(signature = (signals = Truth(true), farms = Truth(true), buffer_size = 65536, timeout = -1.0))]
fn mule_get_msg<'py>(
    py: Python<'py>,
    signals: Truth,
    farms: Truth,
    buffer_size: usize,
    timeout: f64,
) -> PyResult<Bound<'py, PyBytes>> {
    receive(py, "mule", Sources { mule: true, farms: farms.0, signals: signals.0 }, buffer_size, timeout)
}

/// Waits for a message to one of this mule's farms.
#[pyfunction]
#[pyo3(signature = (buffer_size = 65536, timeout = -1.0))]
fn farm_get_msg(py: Python<'_>, buffer_size: usize, timeout: f64) -> PyResult<Option<Bound<'_, PyBytes>>> {
    let sources = Sources { mule: false, farms: true, signals: false };
    if super::functions::mule_id() != 0 && !host()?.in_farm(b"") {
        return Ok(None);
    }
    receive(py, "farm", sources, buffer_size, timeout).map(Some)
}

/// True when this process is a mule of the farm (of any, without a name), else None.
#[pyfunction]
#[pyo3(signature = (farm = None))]
fn in_farm(farm: Option<&str>) -> PyResult<Option<bool>> {
    Ok(host()?.in_farm(farm.unwrap_or_default().as_bytes()).then_some(true))
}

/// Has each message to a mule handed to one more function, after `uwsgi.mule_msg_hook`.
#[pyfunction]
fn install_mule_msg_hook(py: Python<'_>, function: Bound<'_, PyAny>) -> PyResult<()> {
    py.import("uwsgi")?.getattr("mule_msg_extra_hooks")?.cast_into::<PyList>()?.append(function)
}

fn has_mules() -> bool {
    border::settings().is_some_and(|settings| settings.value("mule").or(settings.value("mules")).is_some())
}

fn host() -> PyResult<Host> {
    border::host().ok_or_else(|| PyRuntimeError::new_err("the server has not started"))
}

fn send(to: Recipient<'_>, message: &[u8]) -> Result<(), MessageError> {
    border::host().map_or(Err(MessageError::Failed), |host| host.send_message(to, message))
}

fn content(message: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
    raw(message).or_else(|_| {
        message.cast::<pyo3::types::PyByteArray>().map(|bytes| bytes.to_vec()).map_err(|_| {
            let kind = message.get_type().name().map_or_else(|_| "object".to_owned(), |name| name.to_string());
            PyTypeError::new_err(format!("a bytes-like object is required, not '{kind}'"))
        })
    })
}

fn receive<'py>(
    py: Python<'py>,
    what: &str,
    from: Sources,
    room: usize,
    timeout: f64,
) -> PyResult<Bound<'py, PyBytes>> {
    let host = host()?;
    let until = Duration::try_from_secs_f64(timeout).ok().and_then(|timeout| Instant::now().checked_add(timeout));
    let mut buffer = vec![0; room];
    loop {
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        return match py.detach(|| host.receive_message(from, left, &mut buffer)) {
            Received::Message(length) => Ok(PyBytes::new(py, buffer.get(..length).unwrap_or_default())),
            Received::Timeout => Ok(PyBytes::new(py, b"")),
            Received::Leave => Err(PySystemExit::new_err(LEFT)),
            Received::Signal => {
                py.check_signals()?;
                continue;
            }
            Received::NotHere => {
                Err(PyValueError::new_err(format!("you can receive {what} messages only in a mule !!!")))
            }
        };
    }
}
