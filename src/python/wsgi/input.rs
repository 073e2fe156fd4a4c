//! `wsgi.input`: a Python object over [`super::body::Body`].

use std::sync::Arc;

use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};
use rsgi_abi::host::ReadError;

use super::body::Body;
use super::transaction::Transaction;
use rsgi_abi::guest::Request;

/// The request's body as a stream of bytes. Use after the end of its request raises.
#[pyclass(frozen, module = "uwsgi", name = "_Input")]
pub(crate) struct Input(pub(crate) Arc<Transaction>);

#[pymethods]
impl Input {
    /// Reads `size` bytes, or all that is left; fewer only at the end of the body.
    #[pyo3(signature = (size=None, /))]
    fn read<'py>(&self, py: Python<'py>, size: Option<i64>) -> PyResult<Bound<'py, PyBytes>> {
        let want = limit(size);
        match self.at_hand(py, |body, request| body.peek(request, want))? {
            Some(bytes) => Ok(bytes),
            None => self.receive(py, size, |body, request, out| body.read(request, want, out)),
        }
    }

    /// Reads one line, at most `size` bytes of it.
    #[pyo3(signature = (size=None, /))]
    fn readline<'py>(&self, py: Python<'py>, size: Option<i64>) -> PyResult<Bound<'py, PyBytes>> {
        let limit = limit(size);
        match self.at_hand(py, |body, request| body.peek_line(request, limit))? {
            Some(bytes) => Ok(bytes),
            None => self.receive(py, size, |body, request, out| body.read_line(request, limit, out)),
        }
    }

    /// Reads lines, until they make up `hint` bytes.
    #[pyo3(signature = (hint=None, /))]
    fn readlines<'py>(&self, py: Python<'py>, hint: Option<i64>) -> PyResult<Bound<'py, PyList>> {
        let lines = PyList::empty(py);
        let mut left = match hint {
            Some(0) | None => u64::MAX,
            hint => limit(hint),
        };
        while left > 0 {
            let line = self.readline(py, None)?;
            let count = line.as_bytes().len() as u64;
            if count == 0 {
                break;
            }
            left = left.saturating_sub(count);
            lines.append(line)?;
        }
        Ok(lines)
    }

    const fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let line = self.readline(py, None)?;
        Ok((!line.as_bytes().is_empty()).then_some(line))
    }

    /// Number of bytes read so far.
    fn tell(&self, py: Python<'_>) -> PyResult<u64> {
        self.0.with(py, |state| state.parts().map(|(_, body, _)| body.position()).ok_or_else(over))
    }

    /// Goes to another position of a body that is buffered as a whole (`post-buffering`).
    #[pyo3(signature = (offset, whence=0, /))]
    fn seek(&self, py: Python<'_>, offset: i64, whence: i32) -> PyResult<u64> {
        let found = self.0.detached(py, |state| {
            let (request, body, _) = state.parts()?;
            let from = match whence {
                0 => Some(0),
                1 => i64::try_from(body.position()).ok(),
                2 => body.remaining().and_then(|left| i64::try_from(body.position() + left).ok()),
                _ => None,
            };
            let Some(target) = from.and_then(|from| from.checked_add(offset)?.try_into().ok()) else {
                return Some(Err("no such position in wsgi.input"));
            };
            if body.seek(&request, target) {
                Some(Ok(body.position()))
            } else {
                Some(Err("wsgi.input cannot seek: this body is not buffered, see post-buffering"))
            }
        });
        match found {
            None => Err(over()),
            Some(Ok(position)) => Ok(position),
            Some(Err(text)) => Err(unsupported(py, text)),
        }
    }

    /// Always raises: the connection belongs to the server, and may carry other requests.
    fn fileno(&self, py: Python<'_>) -> PyResult<i32> {
        Err(unsupported(py, "wsgi.input has no descriptor of its own"))
    }

    /// Does nothing: the stream is the server's.
    const fn close(&self) {}

    const fn readable(&self) -> bool {
        true
    }
}

impl Input {
    /// Reads what is here already: no need to let go of the interpreter for that.
    fn at_hand<'py>(
        &self,
        py: Python<'py>,
        peek: impl for<'a> FnOnce(&'a Body, &Request<'a>) -> Option<&'a [u8]>,
    ) -> PyResult<Option<Bound<'py, PyBytes>>> {
        self.0.with(py, |state| {
            let (request, body, _) = state.parts().ok_or_else(over)?;
            let Some(bytes) = peek(body, &request).map(|bytes| PyBytes::new(py, bytes)) else { return Ok(None) };
            body.consume(bytes.as_bytes().len());
            Ok(Some(bytes))
        })
    }

    /// Reads without the interpreter lock.
    fn receive<'py>(
        &self,
        py: Python<'py>,
        size: Option<i64>,
        read: impl FnOnce(&mut Body, &Request<'_>, &mut Vec<u8>) -> Result<(), ReadError> + Send,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let read = self.0.detached(py, |state| {
            let (request, body, _) = state.parts()?;
            let mut out = Vec::new();
            Some(read(body, &request, &mut out).map(|()| out))
        });
        match read {
            None => Err(over()),
            Some(Ok(bytes)) => Ok(PyBytes::new(py, &bytes)),
            Some(Err(error)) => Err(failed(error, size)),
        }
    }
}

/// Python's size arguments: none or negative is everything.
fn limit(size: Option<i64>) -> u64 {
    size.and_then(|size| u64::try_from(size).ok()).unwrap_or(u64::MAX)
}

fn over() -> PyErr {
    PyValueError::new_err("I/O operation on wsgi.input after the end of its request")
}

/// uWSGI's words, with the cause where it has none.
fn failed(error: ReadError, size: Option<i64>) -> PyErr {
    let size = size.unwrap_or(-1);
    PyOSError::new_err(match error {
        ReadError::Timeout => format!("timeout during read({size}) on wsgi.input"),
        ReadError::Gone => format!("error during read({size}) on wsgi.input"),
        ReadError::Malformed => {
            format!("error during read({size}) on wsgi.input: the body's chunked framing is broken")
        }
        ReadError::TooLarge => format!("error during read({size}) on wsgi.input: the body is larger than limit-post"),
    })
}

fn unsupported(py: Python<'_>, text: &'static str) -> PyErr {
    match py.import("io").and_then(|io| io.getattr("UnsupportedOperation")?.call1((text,))) {
        Ok(error) => PyErr::from_value(error),
        Err(error) => error,
    }
}
