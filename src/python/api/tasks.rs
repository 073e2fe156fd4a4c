//! Tasks for spoolers: the part of the `uwsgi` module that is there when there are spoolers.

use std::ffi::OsStr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyTuple};
use rsgi_abi::guest::{Host, SpoolError, Task};
use rsgi_abi::types::{QUERY_FIRST_SPOOLER_PID, QUERY_SPOOLER, UNKNOWN, Var};

use super::functions::raw;
use crate::{border, spooler};

/// What the names of tasks begin with.
const PREFIX: &[u8] = b"uwsgi_spoolfile_on_";

/// Adds all, when there are spoolers.
pub(super) fn add(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    let directories = border::host().map(Host::spool_directories).unwrap_or_default();
    module.add_function(wrap_pyfunction!(i_am_the_spooler, module)?)?;
    if directories.is_empty() {
        return Ok(());
    }
    module.add("spoolers", PyTuple::new(py, directories.iter().map(|path| PyBytes::new(py, path)))?)?;
    module.add_function(wrap_pyfunction!(spool, module)?)?;
    module.add("send_to_spooler", module.getattr("spool")?)?;
    module.add_function(wrap_pyfunction!(spooler_jobs, module)?)?;
    module.add_function(wrap_pyfunction!(spooler_pid, module)?)?;
    module.add_function(wrap_pyfunction!(spooler_pids, module)?)?;
    module.add_function(wrap_pyfunction!(set_spooler_frequency, module)?)?;
    module.add_function(wrap_pyfunction!(spooler_get_task, module)?)
}

/// Writes a task, from a dict or from keywords; returns the path of its file. `spooler`, `priority` and `at` say where and
/// when, `body` may be large.
#[pyfunction]
#[pyo3(signature = (variables = None, **keywords))]
fn spool<'py>(
    py: Python<'py>,
    variables: Option<&Bound<'py, PyDict>>,
    keywords: Option<&Bound<'py, PyDict>>,
) -> PyResult<Bound<'py, PyBytes>> {
    let (mut pairs, mut body) = (Vec::new(), Vec::new());
    let text = |value: &Bound<'py, PyAny>| {
        raw(value).map_err(|_| PyValueError::new_err("spooler callable dictionary must contains only bytes"))
    };
    for (key, value) in variables.into_iter().chain(keywords).flat_map(|dict| dict.iter()) {
        let (key, value) = (text(&key)?, text(&value)?);
        if key == b"body" { body = value } else { pairs.push((key, value)) }
    }
    let host = host()?;
    // The directory may be on a slow disk.
    let written = py.detach(|| {
        let vars: Vec<_> = pairs.iter().map(|(key, value)| Var::new(key, value, UNKNOWN)).collect();
        host.spool(&vars, &body)
    });
    match written {
        Ok(path) => Ok(PyBytes::new(py, &path)),
        Err(SpoolError::TooLarge) => Err(PyValueError::new_err(
            "unable to spool job: its variables exceed 65535 bytes; put what is large into body",
        )),
        Err(_) => Err(PyValueError::new_err("unable to spool job")),
    }
}

/// The paths of all tasks, whether they are due or not.
#[pyfunction]
fn spooler_jobs(py: Python<'_>) -> PyResult<Vec<Bound<'_, PyBytes>>> {
    let mut jobs = Vec::new();
    for directory in host()?.spool_directories() {
        gather(Path::new(OsStr::from_bytes(&directory)), true, &mut jobs);
    }
    Ok(jobs.iter().map(|path| PyBytes::new(py, path)).collect())
}

fn gather(directory: &Path, deeper: bool, jobs: &mut Vec<Vec<u8>>) {
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        let name = entry.file_name();
        if name.as_bytes().starts_with(PREFIX) {
            jobs.push(entry.path().into_os_string().into_vec());
        } else if deeper && name.as_bytes().iter().all(u8::is_ascii_digit) {
            gather(&entry.path(), false, jobs);
        }
    }
}

/// Process id of the first spooler, 0 when it does not run.
#[pyfunction]
fn spooler_pid() -> u64 {
    border::query(QUERY_FIRST_SPOOLER_PID).unwrap_or(0)
}

/// Process ids of all spoolers.
#[pyfunction]
fn spooler_pids() -> Vec<u64> {
    (QUERY_FIRST_SPOOLER_PID..).map_while(border::query).collect()
}

/// Sets the pause between looks for tasks that nobody has announced, seconds.
#[pyfunction]
fn set_spooler_frequency(seconds: u32) -> PyResult<bool> {
    Ok(host()?.set_spooler_frequency(seconds))
}

/// The variables of the task in a file, as its function gets them; None when there is no such task.
#[pyfunction]
fn spooler_get_task<'py>(py: Python<'py>, path: &str) -> PyResult<Option<Bound<'py, PyDict>>> {
    let Ok(file) = std::fs::read(path) else { return Ok(None) };
    let Some((vars, body)) = parts(&file) else { return Ok(None) };
    let task = Task { name: path.as_bytes(), vars: &vars, body };
    spooler::variables(py, &task).map(Some)
}

/// Variables and body of a task: a uwsgi packet and what follows it.
fn parts(file: &[u8]) -> Option<(Vec<Var<'_>>, &[u8])> {
    let &[_, low, high, _] = file.first_chunk()?;
    let (mut block, body) = file.get(4..)?.split_at_checked(usize::from(u16::from_le_bytes([low, high])))?;
    let mut take = || {
        let (len, rest) = block.split_first_chunk()?;
        let (text, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes(*len)))?;
        block = rest;
        Some(text)
    };
    let mut vars = Vec::new();
    while let Some(key) = take() {
        vars.push(Var::new(key, take()?, UNKNOWN));
    }
    block.is_empty().then_some((vars, body))
}

/// True in a spooler, else None.
#[pyfunction]
fn i_am_the_spooler() -> Option<bool> {
    border::query(QUERY_SPOOLER).filter(|&number| number != 0).map(|_| true)
}

fn host() -> PyResult<Host> {
    border::host().ok_or_else(|| PyRuntimeError::new_err("the server has not started"))
}
