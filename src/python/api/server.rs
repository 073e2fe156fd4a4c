//! The server as the `uwsgi` module shows it: its workers, its listening sockets.

use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyTuple};
use rsgi_abi::types::{DOCUMENT_WORKERS, QUERY_FIRST_QUEUE, QUERY_FIRST_SOCKET, QUERY_READY};

use crate::border;

/// What uWSGI tells of a worker, in its order; the stats have more.
const WORKER: [&str; 14] = [
    "id",
    "pid",
    "requests",
    "delta_requests",
    "signals",
    "exceptions",
    "status",
    "rss",
    "vsz",
    "running_time",
    "last_spawn",
    "respawn_count",
    "tx",
    "avg_rt",
];

/// What uWSGI tells of an application, in its order, less the addresses of its objects.
const APP: [&str; 7] = ["id", "modifier1", "mountpoint", "startup_time", "requests", "exceptions", "chdir"];

/// Adds them all.
pub(super) fn add(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let sockets = (QUERY_FIRST_SOCKET..QUERY_FIRST_QUEUE).map_while(border::query);
    module.add("sockets", PyList::new(module.py(), sockets.collect::<Vec<_>>())?)?;
    #[cfg(debug_assertions)]
    module.add_function(wrap_pyfunction!(panic, module)?)?;
    module.add_function(wrap_pyfunction!(workers, module)?)?;
    module.add_function(wrap_pyfunction!(listen_queue, module)?)?;
    module.add_function(wrap_pyfunction!(ready, module)?)?;
    module.add_function(wrap_pyfunction!(accepting, module)?)
}

/// A defect on demand, for the tests: no release has it.
#[cfg(debug_assertions)]
#[pyfunction]
#[pyo3(name = "_panic")]
fn panic(message: &str) {
    panic!("{message}");
}

/// All workers, a dict each.
#[pyfunction]
fn workers(py: Python<'_>) -> PyResult<Bound<'_, PyTuple>> {
    let document = border::host().and_then(|host| py.detach(|| host.document(DOCUMENT_WORKERS)));
    let document = document.ok_or_else(|| PyRuntimeError::new_err("the workers are not known here"))?;
    let found = py.import("json")?.call_method1("loads", (PyBytes::new(py, &document),))?.cast_into::<PyList>()?;
    let workers = found.iter().map(|found| worker(&found)).collect::<PyResult<Vec<_>>>()?;
    PyTuple::new(py, workers)
}

fn worker<'py>(found: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyDict>> {
    let worker = chosen(found, &WORKER)?;
    let apps = found.get_item("apps")?.cast_into::<PyList>()?;
    let apps = apps.iter().map(|app| chosen(&app, &APP)).collect::<PyResult<Vec<_>>>()?;
    worker.set_item("apps", PyTuple::new(found.py(), apps)?)?;
    Ok(worker)
}

/// The items of `found` under `keys`; texts as bytes.
fn chosen<'py>(found: &Bound<'py, PyAny>, keys: &[&str]) -> PyResult<Bound<'py, PyDict>> {
    let chosen = PyDict::new(found.py());
    for key in keys {
        let value = found.get_item(key)?;
        match value.extract::<&str>() {
            Ok(text) => chosen.set_item(key, PyBytes::new(found.py(), text.as_bytes()))?,
            Err(_) => chosen.set_item(key, value)?,
        }
    }
    Ok(chosen)
}

/// Connections that wait in the queue of a listening socket, by its place in `uwsgi.sockets`.
#[pyfunction]
#[pyo3(signature = (socket = 0, /))]
fn listen_queue(socket: i64) -> PyResult<u64> {
    let what = u32::try_from(socket).ok().and_then(|socket| QUERY_FIRST_QUEUE.checked_add(socket));
    what.and_then(border::query).ok_or_else(|| PyValueError::new_err(format!("unable to find socket {socket}")))
}

/// True when some worker takes requests, else None.
#[pyfunction]
fn ready() -> Option<bool> {
    (border::query(QUERY_READY) == Some(1)).then_some(true)
}

/// Does nothing: a worker says itself when it takes requests.
#[pyfunction]
const fn accepting() {}
