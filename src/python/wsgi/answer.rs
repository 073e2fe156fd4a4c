//! Sends what an application returned, by the shortest way each kind of result allows.

use pyo3::exceptions::{PyAssertionError, PyTypeError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyByteArray, PyBytes, PyList, PyMemoryView, PyTuple};
use rsgi_abi::host::SendError;
use rsgi_abi::types::Outcome;

use super::failure;
use super::file_wrapper::{self, FileWrapper};
use super::response::Phase;
use super::transaction::{State, Transaction};
use crate::{border, log};

/// Last pieces up to this size are sent after the interpreter lock is gone, and their memory is held until it is taken
/// again; larger ones are freed at once.
const HELD: usize = 64 * 1024;

/// Delivers `result` and closes it. Returned bytes are the last of the body, still to be sent by [`finish`].
pub(crate) fn deliver(
    py: Python<'_>,
    transaction: &Transaction,
    result: Bound<'_, PyAny>,
    outcome: &mut Outcome,
) -> PyResult<Option<PyBackedBytes>> {
    if let Some(bytes) = only_chunk(&result) {
        outcome.switches += 1;
        return Ok(last(py, transaction, bytes, outcome));
    }
    if let Ok(bytes) = result.cast_exact::<PyBytes>() {
        return Ok(last(py, transaction, bytes.clone(), outcome));
    }
    let delivered = match result.cast_exact::<FileWrapper>() {
        // A subclass may have a `close`.
        Err(_) if result.is_instance_of::<PyBytes>() => send_subclass(py, transaction, &result, outcome),
        Ok(wrapper) => file_wrapper::send(py, transaction, wrapper).and_then(|sent| match sent {
            true => Ok(()),
            false => iterate(py, transaction, &result, outcome),
        }),
        Err(_) => iterate(py, transaction, &result, outcome),
    };
    if let Err(error) = close(&result) {
        failure::record(py, &error, outcome);
    }
    delivered.map(|()| None)
}

/// The one item of a plain list or tuple of one `bytes`. These have no `close`.
fn only_chunk<'py>(result: &Bound<'py, PyAny>) -> Option<Bound<'py, PyBytes>> {
    let item = if let Ok(list) = result.cast_exact::<PyList>() {
        (list.len() == 1).then(|| list.get_item(0).ok())??
    } else {
        let tuple = result.cast_exact::<PyTuple>().ok()?;
        (tuple.len() == 1).then(|| tuple.get_item(0).ok())??
    };
    item.cast_into_exact::<PyBytes>().ok()
}

/// The last piece: handed on when it is small, else sent here.
fn last(
    py: Python<'_>,
    transaction: &Transaction,
    bytes: Bound<'_, PyBytes>,
    outcome: &mut Outcome,
) -> Option<PyBackedBytes> {
    if bytes.as_bytes().len() <= HELD {
        return Some(PyBackedBytes::from(bytes));
    }
    let data = bytes.as_bytes();
    py.detach(|| finish(transaction, data, outcome));
    None
}

fn send_subclass(
    py: Python<'_>,
    transaction: &Transaction,
    bytes: &Bound<'_, PyAny>,
    outcome: &mut Outcome,
) -> PyResult<()> {
    let bytes = bytes.cast::<PyBytes>()?.as_bytes();
    py.detach(|| finish(transaction, bytes, outcome));
    Ok(())
}

/// Sends the last bytes of the body. The calling thread must not hold the interpreter lock.
pub(crate) fn finish(transaction: &Transaction, bytes: &[u8], outcome: &mut Outcome) {
    let mut state = transaction.lock();
    let Some((request, _, response)) = state.parts() else { return };
    let sent = response.send(request, bytes, true);
    let overflowed = response.overflowed();
    drop(state);
    if sent == Err(SendError::Misuse) {
        log::error("the application returned a body without calling start_response");
        outcome.exceptions += 1;
    }
    if overflowed {
        log::warning("the application returned more bytes than its Content-Length says: the surplus was dropped");
    }
}

/// Sends chunk by chunk, each before the next one is asked for.
fn iterate(
    py: Python<'_>,
    transaction: &Transaction,
    result: &Bound<'_, PyAny>,
    outcome: &mut Outcome,
) -> PyResult<()> {
    for chunk in result.try_iter()? {
        let chunk = chunk?;
        outcome.switches += 1;
        let chunk = bytes_of(chunk)?;
        let data = chunk.as_bytes();
        if data.is_empty() {
            continue;
        }
        let (sent, overflowed) = transaction.detached(py, |state| match state.parts() {
            Some((request, _, response)) => (response.send(request, data, false), response.overflowed()),
            None => (Err(SendError::Gone), false),
        });
        match sent {
            // The rest is surplus too.
            Ok(()) if overflowed => break,
            Ok(()) => {}
            Err(SendError::Misuse) => {
                return Err(PyAssertionError::new_err("body bytes before start_response was called"));
            }
            // A client that went away is no error: the iterable is closed, as if it had ended.
            Err(_) => return Ok(()),
        }
    }
    // Where the length was announced all is sent, and others may want the lock.
    let is_over = |state: &mut State| state.response.phase == Phase::Complete && !state.response.overflowed();
    if !transaction.with(py, is_over) {
        py.detach(|| finish(transaction, b"", outcome));
    }
    Ok(())
}

/// Calls `close()` where there is one (PEP 3333): once, however the iteration ended.
fn close(result: &Bound<'_, PyAny>) -> PyResult<()> {
    match result.getattr_opt(intern!(result.py(), "close"))? {
        Some(close) => close.call0().map(drop),
        None => Ok(()),
    }
}

/// A chunk as bytes. With `wsgi-accept-buffer` it may also be a bytearray or a memoryview.
fn bytes_of(chunk: Bound<'_, PyAny>) -> PyResult<Bound<'_, PyBytes>> {
    let buffers = || border::settings().is_some_and(|settings| settings.flag("wsgi-accept-buffer"));
    match chunk.cast_into::<PyBytes>() {
        Ok(bytes) => Ok(bytes),
        Err(error) => {
            let chunk = error.into_inner();
            let is_buffer = chunk.is_instance_of::<PyByteArray>() || chunk.is_instance_of::<PyMemoryView>();
            if is_buffer && buffers() {
                return Ok(chunk.py().get_type::<PyBytes>().call1((chunk,))?.cast_into::<PyBytes>()?);
            }
            Err(not_bytes(&chunk))
        }
    }
}

fn not_bytes(chunk: &Bound<'_, PyAny>) -> PyErr {
    let name = chunk.get_type().name().map_or_else(|_| "object".to_owned(), |name| name.to_string());
    PyTypeError::new_err(format!("the application's iterable yielded {name}, it must yield bytes (PEP 3333)"))
}
