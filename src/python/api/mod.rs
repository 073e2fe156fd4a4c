//! The `uwsgi` module. What is not built is absent: a program sees an AttributeError, as on a uWSGI without that part.

mod bodies;
mod functions;
mod locks;
mod messages;
mod sendfile;
mod server;
pub(crate) mod signals;
mod tasks;
mod websocket;

use pyo3::create_exception;
use pyo3::exceptions::PyBaseException;
use pyo3::ffi::c_str;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyList, PyTuple};
use rsgi_abi::types::{QUERY_BUFFER_SIZE, QUERY_CORES, QUERY_GENERATION, QUERY_PROCESSES, QUERY_STARTED};

use crate::apps::App;
use crate::settings::Settings;
use crate::{border, log};

/// The uWSGI whose behaviour this server follows: programs compare it to decide what they may call.
pub(crate) const VERSION: &[u8] = b"2.0.31";

/// Flags whose meaning is how this server always works. Programs look for them in `uwsgi.opt`, and warn or refuse without.
const ALWAYS_ON: [&str; 3] = ["enable-threads", "master", "py-call-uwsgi-fork-hooks"];

create_exception!(
    uwsgi,
    DeadlineExceeded,
    PyBaseException,
    "The request took longer than its deadline. No Exception, so that `except Exception` does not swallow it."
);

static MODULE: PyOnceLock<Py<PyModule>> = PyOnceLock::new();

/// Makes `uwsgi` and `uwsgidecorators` importable.
pub(crate) fn install(py: Python<'_>, settings: &Settings) -> PyResult<()> {
    let module = PyModule::new(py, "uwsgi")?;
    let query = |what| border::query(what).unwrap_or(0);
    module.add("version", PyBytes::new(py, VERSION))?;
    module.add("version_info", (2, 0, 31, 0, PyBytes::new(py, b"")))?;
    module.add("rsgi_version", env!("CARGO_PKG_VERSION"))?;
    module.add("hostname", PyBytes::new(py, &node_name()))?;
    module.add("numproc", query(QUERY_PROCESSES).max(1))?;
    module.add("cores", query(QUERY_CORES).max(1))?;
    module.add("has_threads", 1)?;
    module.add("buffer_size", query(QUERY_BUFFER_SIZE))?;
    module.add("started_on", query(QUERY_STARTED))?;
    module.add("is_a_reload", query(QUERY_GENERATION) > 0)?;
    module.add("opt", options(py, settings)?)?;
    module.add("applications", py.None())?;
    module.add("SPOOL_OK", -2)?;
    module.add("SPOOL_RETRY", -1)?;
    module.add("SPOOL_IGNORE", 0)?;
    module.add("DeadlineExceeded", py.get_type::<DeadlineExceeded>())?;
    bodies::add(&module)?;
    functions::add(&module)?;
    locks::add(&module)?;
    messages::add(&module)?;
    sendfile::add(&module)?;
    signals::add(&module)?;
    server::add(&module)?;
    websocket::add(&module)?;
    tasks::add(&module)?;
    // Without one `importlib.util.find_spec` takes the module for broken, where programs ask whether it is there.
    module.setattr("__spec__", py.import("importlib.machinery")?.call_method1("ModuleSpec", ("uwsgi", py.None()))?)?;
    let modules = py.import("sys")?.getattr("modules")?;
    modules.set_item("uwsgi", &module)?;
    let _ = MODULE.set(py, module.unbind());
    let decorators = PyModule::from_code(
        py,
        c_str!(include_str!("uwsgidecorators.py")),
        c_str!("uwsgidecorators.py"),
        c_str!("uwsgidecorators"),
    )?;
    modules.set_item("uwsgidecorators", decorators)
}

/// The host's name, for `uwsgi.hostname` and `uwsgi.node`.
pub(crate) fn node_name() -> Vec<u8> {
    std::fs::read("/proc/sys/kernel/hostname").map(|name| name.trim_ascii().to_vec()).unwrap_or_default()
}

/// `uwsgi.opt`: names to bytes, True for a flag; of a repeated option the last value counts, as in uWSGI under Python 3.
fn options<'py>(py: Python<'py>, settings: &Settings) -> PyResult<Bound<'py, PyDict>> {
    let options = PyDict::new(py);
    for (key, value) in settings.all() {
        let flag = value.is_empty() || value == "true";
        let value = if flag {
            pyo3::types::PyBool::new(py, true).to_owned().into_any()
        } else {
            PyBytes::new(py, value.as_bytes()).into_any()
        };
        options.set_item(key, value)?;
    }
    for name in ALWAYS_ON {
        if !options.contains(name)? {
            options.set_item(name, true)?;
        }
    }
    Ok(options)
}

/// `uwsgi.applications`: mountpoint to callable.
pub(crate) fn publish_applications(py: Python<'_>, apps: &[App]) {
    let fill = || {
        let found = PyDict::new(py);
        for app in apps {
            found.set_item(PyBytes::new(py, app.mountpoint.as_bytes()), &app.callable)?;
        }
        MODULE.get(py).map_or(Ok(()), |module| module.bind(py).setattr("applications", found))
    };
    fill().unwrap_or_else(|error: PyErr| log::exception(py, &error));
}

/// The class thrown into a thread whose request passed its deadline.
pub(crate) fn deadline_exceeded(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    Ok(py.get_type::<DeadlineExceeded>().into_any())
}

/// `uwsgi.after_req_hook`, when the application has set it.
#[inline]
pub(crate) fn after_request_hook(py: Python<'_>) -> Option<Bound<'_, PyAny>> {
    hook(py, intern!(py, "after_req_hook"))
}

/// Runs `uwsgi.post_fork_hook` in a new worker.
pub(crate) fn after_fork(py: Python<'_>) {
    if let Some(hook) = hook(py, intern!(py, "post_fork_hook"))
        && let Err(error) = hook.call0()
    {
        log::exception(py, &error);
    }
}

/// What `uwsgidecorators` has kept for this mule: functions that run before everything else in it.
pub(crate) fn start_mule(py: Python<'_>) -> PyResult<()> {
    py.import(intern!(py, "uwsgidecorators"))?.call_method0(intern!(py, "_start_mule")).map(drop)
}

/// The functions that a message to a mule is handed to.
pub(crate) fn message_hooks(py: Python<'_>) -> Vec<Bound<'_, PyAny>> {
    let further = hook(py, intern!(py, "mule_msg_extra_hooks"));
    let further = further.and_then(|hooks| hooks.cast_into::<PyList>().ok()).into_iter().flatten();
    hook(py, intern!(py, "mule_msg_hook")).into_iter().chain(further).collect()
}

/// The function that runs the tasks of spoolers.
pub(crate) fn spooler_hook(py: Python<'_>) -> Option<Bound<'_, PyAny>> {
    hook(py, intern!(py, "spooler"))
}

/// Runs `uwsgi.atexit`.
pub(crate) fn at_exit(py: Python<'_>) -> PyResult<()> {
    hook(py, intern!(py, "atexit")).map_or(Ok(()), |hook| hook.call(PyTuple::empty(py), None).map(drop))
}

fn hook<'py>(py: Python<'py>, name: &Bound<'py, pyo3::types::PyString>) -> Option<Bound<'py, PyAny>> {
    let module = MODULE.get(py)?.bind(py);
    module.dict().get_item(name).ok().flatten().filter(|hook| !hook.is_none())
}
