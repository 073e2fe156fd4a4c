//! `start_response` and the `write` it returns.

use std::sync::Arc;

use pyo3::exceptions::{PyAssertionError, PyOSError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use rsgi_abi::host::SendError;

use super::headers::fill;
use super::references::references;
use super::response::Phase;
use super::transaction::Transaction;
use crate::border;

/// The object whose method is the `start_response` of a request.
#[pyclass(frozen, module = "uwsgi", name = "_StartResponse")]
pub(crate) struct StartResponse {
    transaction: Arc<Transaction>,
    writer: Py<Write>,
    /// `start_response-nodelay`: the head does not wait for the first body bytes.
    at_once: bool,
}

/// The callable that `start_response` returns (PEP 3333, "The write() Callable").
#[pyclass(frozen, module = "uwsgi", name = "_Write")]
pub(crate) struct Write(Arc<Transaction>);

impl StartResponse {
    pub(crate) fn new(py: Python<'_>, transaction: Arc<Transaction>) -> PyResult<Self> {
        let at_once = border::settings().is_some_and(|settings| settings.flag("start_response-nodelay"));
        Ok(Self { writer: Py::new(py, Write(Arc::clone(&transaction)))?, transaction, at_once })
    }

    fn send_head(&self, py: Python<'_>) {
        self.transaction.detached(py, |state| {
            if let Some((request, _, response)) = state.parts() {
                // A client that is gone is noticed again with the first bytes.
                let _ = response.send(request, b"", false);
            }
        });
    }

    /// Whether the application kept nothing of this.
    pub(crate) fn is_unshared(&self, py: Python<'_>) -> bool {
        references(py, &self.writer) == 1
    }
}

#[pymethods]
impl StartResponse {
    /// `start_response(status, headers, exc_info=None)`.
    #[pyo3(signature = (status, headers, exc_info=None))]
    fn start_response(
        &self,
        py: Python<'_>,
        status: &Bound<'_, PyAny>,
        headers: &Bound<'_, PyAny>,
        exc_info: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<Write>> {
        let verdict = self.transaction.with(py, |state| {
            let Some((_, _, response)) = state.parts() else { return Err(over()) };
            match (response.phase, exc_info) {
                (Phase::Nothing, _) | (Phase::Headed, Some(_)) => {}
                // A framework answers whatever its view did; the client has its answer, a websocket.
                (Phase::Switched, _) => return Ok(true),
                (Phase::Headed, None) => {
                    return Err(PyAssertionError::new_err("start_response called twice without exc_info"));
                }
                (Phase::Sent | Phase::Complete, Some(_)) => return Ok(false),
                (Phase::Sent | Phase::Complete, None) => return Err(PyOSError::new_err("headers already sent")),
            }
            response.phase = Phase::Nothing;
            fill(&mut response.head, status, headers)?;
            response.phase = Phase::Headed;
            Ok(true)
        })?;
        match exc_info {
            Some(exc_info) if !verdict => return Err(raise_again(exc_info)?),
            _ if self.at_once => self.send_head(py),
            _ => {}
        }
        Ok(self.writer.clone_ref(py))
    }
}

#[pymethods]
impl Write {
    /// Sends `data` now.
    fn __call__(&self, py: Python<'_>, data: &Bound<'_, PyAny>) -> PyResult<()> {
        let data = data.cast::<PyBytes>().map_err(|_| PyTypeError::new_err("write() argument must be bytes"))?;
        let bytes = data.as_bytes();
        let sent = self.0.detached(py, |state| {
            let (request, _, response) = state.parts()?;
            Some(if bytes.is_empty() { Ok(()) } else { response.send(request, bytes, false) })
        });
        let quiet = || border::settings().is_some_and(|settings| settings.flag("disable-write-exception"));
        match sent.ok_or_else(over)? {
            Ok(()) => Ok(()),
            Err(SendError::Misuse) => Err(PyAssertionError::new_err("write() before start_response")),
            Err(_) if quiet() => Ok(()),
            Err(SendError::Timeout) => Err(PyOSError::new_err("timeout during write()")),
            Err(SendError::Gone | SendError::Overflow) => {
                Err(PyOSError::new_err("write error: the client has gone away"))
            }
        }
    }
}

fn over() -> PyErr {
    PyValueError::new_err("the request is over")
}

/// The exception of an `exc_info` tuple, with its traceback: the head is gone, so the server must give up (PEP 3333).
fn raise_again(exc_info: &Bound<'_, PyAny>) -> PyResult<PyErr> {
    let (_, value, traceback) = exc_info.extract::<(Bound<'_, PyAny>, Bound<'_, PyAny>, Bound<'_, PyAny>)>()?;
    if value.is_none() {
        return Ok(PyOSError::new_err("headers already sent"));
    }
    Ok(PyErr::from_value(value.call_method1("with_traceback", (traceback,))?))
}
