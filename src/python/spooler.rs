//! One task of a spooler: `uwsgi.spooler` is called with its variables.

use std::ffi::c_int;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use rsgi_abi::guest::Task;
use rsgi_abi::types::{TASK_AGAIN, TASK_DONE, TASK_UNKNOWN};

use crate::wsgi::child;
use crate::{api, log};

/// Runs it; one of `TASK_*`. An exception is logged, and the task is to be tried again.
pub(crate) fn run(task: Task<'_>) -> c_int {
    Python::attach(|py| {
        let verdict = verdict(py, &task).unwrap_or_else(|error| {
            child::obey(py, &error);
            log::exception(py, &error);
            TASK_AGAIN
        });
        // A child that came back would remove the task of its parent, and run others.
        child::leave(py);
        verdict
    })
}

fn verdict(py: Python<'_>, task: &Task<'_>) -> PyResult<c_int> {
    let Some(function) = api::spooler_hook(py) else { return Ok(TASK_UNKNOWN) };
    let result = function.call1((variables(py, task)?,))?;
    match result.extract::<i64>() {
        Ok(number) if number == i64::from(TASK_DONE) => Ok(TASK_DONE),
        Ok(0) => Ok(TASK_UNKNOWN),
        Ok(_) => Ok(TASK_AGAIN),
        Err(_) => {
            let kind = result.get_type().name()?;
            log::warning(&format!(
                "the spooler function returned {kind}, so the task stays: return uwsgi.SPOOL_OK when it is done"
            ));
            Ok(TASK_AGAIN)
        }
    }
}

/// What the function gets: bytes to bytes, but `spooler_task_name` and `body` are known by text, as under uWSGI.
pub(crate) fn variables<'py>(py: Python<'py>, task: &Task<'_>) -> PyResult<Bound<'py, PyDict>> {
    let variables = PyDict::new(py);
    variables.set_item("spooler_task_name", PyBytes::new(py, task.name))?;
    for var in task.vars {
        variables.set_item(PyBytes::new(py, var.key()), PyBytes::new(py, var.value()))?;
    }
    if !task.body.is_empty() {
        variables.set_item("body", PyBytes::new(py, task.body))?;
    }
    Ok(variables)
}
