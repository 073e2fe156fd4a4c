//! The request's body piece by piece: a part of the `uwsgi` module.

use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use rsgi_abi::host::ReadError;

use super::functions::in_request;

/// Adds them all.
pub(super) fn add(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(chunked_read, module)?)?;
    module.add_function(wrap_pyfunction!(chunked_read_nb, module)?)?;
    module.add_function(wrap_pyfunction!(suspend, module)?)
}

/// The next piece of the request's body, decoded, waiting for it at most so many seconds (0: the socket timeout); b'' at the end.
#[pyfunction]
#[pyo3(signature = (timeout = 0, /))]
fn chunked_read(py: Python<'_>, timeout: i32) -> PyResult<Bound<'_, PyBytes>> {
    let wait = u32::try_from(timeout).ok().filter(|seconds| *seconds > 0).map(|seconds| seconds.saturating_mul(1000));
    let piece = read_piece(py, wait)?.map_err(|_| broken())?;
    Ok(PyBytes::new(py, &piece))
}

/// The next piece if there is one, b'' at the end, else None.
#[pyfunction]
fn chunked_read_nb(py: Python<'_>) -> PyResult<Option<Bound<'_, PyBytes>>> {
    match read_piece(py, Some(0))? {
        Ok(piece) => Ok(Some(PyBytes::new(py, &piece))),
        Err(ReadError::Timeout) => Ok(None),
        Err(_) => Err(broken()),
    }
}

fn read_piece(py: Python<'_>, wait: Option<u32>) -> PyResult<Result<Vec<u8>, ReadError>> {
    in_request(py, |transaction| {
        transaction.detached(py, |state| state.parts().map(|(request, body, _)| body.read_piece(&request, wait)))
    })
}

fn broken() -> PyErr {
    PyOSError::new_err("unable to receive chunked part")
}

/// Returns at once: there is no loop to give the thread back to.
#[pyfunction]
#[pyo3(signature = (*_arguments))]
fn suspend(_arguments: &Bound<'_, pyo3::types::PyTuple>) -> bool {
    true
}
