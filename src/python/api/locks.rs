//! Locks between all threads of all processes: a part of the `uwsgi` module.

use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use rsgi_abi::guest::{LockAction, Locked};

use crate::border;

/// Adds them all.
pub(super) fn add(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(lock, module)?)?;
    module.add_function(wrap_pyfunction!(unlock, module)?)?;
    module.add_function(wrap_pyfunction!(is_locked, module)?)
}

/// Takes a lock, waiting for it. It is not reentrant.
#[pyfunction]
#[pyo3(signature = (number = 0, /))]
fn lock(py: Python<'_>, number: i64) -> PyResult<()> {
    while act(py, LockAction::Take, number)? != Locked::Yes {
        py.check_signals()?;
    }
    Ok(())
}

/// Gives a lock back; nothing when this process does not hold it.
#[pyfunction]
#[pyo3(signature = (number = 0, /))]
fn unlock(py: Python<'_>, number: i64) -> PyResult<()> {
    act(py, LockAction::Release, number).map(drop)
}

/// Whether anybody holds a lock.
#[pyfunction]
#[pyo3(signature = (number = 0, /))]
fn is_locked(py: Python<'_>, number: i64) -> PyResult<bool> {
    Ok(act(py, LockAction::Look, number)? == Locked::Yes)
}

fn act(py: Python<'_>, action: LockAction, number: i64) -> PyResult<Locked> {
    let invalid = || PyValueError::new_err("Invalid lock number");
    let number = u32::try_from(number).map_err(|_| invalid())?;
    let host = border::host().ok_or_else(|| PyRuntimeError::new_err("the server has not started"))?;
    match py.detach(|| host.lock(action, number)) {
        Locked::NoSuchLock => Err(invalid()),
        Locked::Failed => Err(PyRuntimeError::new_err("locks cannot be used here: the log says why")),
        locked => Ok(locked),
    }
}
