//! The environ's constant part: a template per core, which `keys.rs` fills with the request's variables.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyString};
use rsgi_abi::guest::Host;
use rsgi_abi::types::{QUERY_CORES, QUERY_PROCESSES};

use super::file_wrapper::FileWrapper;
use super::input::Input;
use super::keys::{self, EXPECTED};
use crate::settings::Settings;
use crate::{api, border, text};

/// `wsgi.errors`.
static ERRORS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// Makes what all cores share.
pub(crate) fn prepare(py: Python<'_>, host: Host) -> PyResult<()> {
    keys::prepare(py, host)?;
    let _ = ERRORS.set(py, errors(py)?.unbind());
    Ok(())
}

/// A text stream on descriptor 2: the log, wherever that goes.
fn errors(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    let options = PyDict::new(py);
    options.set_item("buffering", 1)?;
    options.set_item("encoding", "utf-8")?;
    options.set_item("errors", "backslashreplace")?;
    options.set_item("closefd", false)?;
    py.import("io")?.call_method("open", (2, "w"), Some(&options))
}

/// What every environ of core `number` has.
pub(crate) fn template<'py>(py: Python<'py>, number: u32, settings: &Settings) -> PyResult<Bound<'py, PyDict>> {
    let cores = border::query(QUERY_CORES).unwrap_or(1);
    let processes = border::query(QUERY_PROCESSES).unwrap_or(1);
    let environ = PyDict::new(py);
    let set = |key: &str, value: Bound<'py, PyAny>| environ.set_item(PyString::intern(py, key), value);
    for key in EXPECTED {
        set(key, py.None().into_bound(py))?;
    }
    set("SCRIPT_NAME", PyString::new(py, "").into_any())?;
    set("wsgi.version", (1, 0).into_pyobject(py)?.into_any())?;
    set("wsgi.url_scheme", intern!(py, "http").clone().into_any())?;
    if let Some(errors) = ERRORS.get(py) {
        set("wsgi.errors", errors.bind(py).clone())?;
    }
    // Our streams end where the body ends, chunked ones too: frameworks may read without a Content-Length.
    for (key, on) in [
        ("wsgi.multithread", cores > 1),
        ("wsgi.multiprocess", processes > 1),
        ("wsgi.run_once", false),
        ("wsgi.input_terminated", true),
    ] {
        set(key, pyo3::types::PyBool::new(py, on).to_owned().into_any())?;
    }
    if !settings.flag("wsgi-disable-file-wrapper") {
        set("wsgi.file_wrapper", py.get_type::<FileWrapper>().into_any())?;
    }
    set("uwsgi.version", PyBytes::new(py, api::VERSION).into_any())?;
    set("uwsgi.node", PyBytes::new(py, &api::node_name()).into_any())?;
    if cores > 1 {
        set("uwsgi.core", number.into_pyobject(py)?.into_any())?;
    }
    Ok(environ)
}

/// Sets `wsgi.input` in a template.
pub(crate) fn set_input(template: &Bound<'_, PyDict>, input: &Bound<'_, Input>) -> PyResult<()> {
    template.set_item(intern!(template.py(), "wsgi.input"), input)
}

/// Moves the first `at` bytes of the path to SCRIPT_NAME.
pub(crate) fn split(environ: &Bound<'_, PyDict>, path: &[u8], at: usize) -> PyResult<()> {
    let py = environ.py();
    let (script_name, path_info) = path.split_at_checked(at).unwrap_or((path, b""));
    environ.set_item(intern!(py, "SCRIPT_NAME"), text::from_latin1(py, script_name)?)?;
    environ.set_item(intern!(py, "PATH_INFO"), text::from_latin1(py, path_info)?)
}
