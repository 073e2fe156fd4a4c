//! Websockets in the `uwsgi` module: as in uWSGI, each is a request that its application does not end.
//!
//! A websocket that is over raises OSError, whatever ended it; programs tell no more of it apart.

use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use rsgi_abi::host::NoWebsocket;

use super::functions::{in_request, raw};
use crate::wsgi::{Phase, child};

/// Milliseconds of one wait. Between two of them signal handlers run.
const WAIT: u32 = 1000;

/// Adds them all.
pub(super) fn add(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(websocket_handshake, module)?)?;
    module.add_function(wrap_pyfunction!(websocket_recv, module)?)?;
    module.add_function(wrap_pyfunction!(websocket_recv_nb, module)?)?;
    module.add_function(wrap_pyfunction!(websocket_send, module)?)?;
    module.add_function(wrap_pyfunction!(websocket_send_binary, module)?)?;
    module.add_function(wrap_pyfunction!(connection_fd, module)?)?;
    module.add_function(wrap_pyfunction!(is_connected, module)?)
}

/// Accepts the websocket that the request on this thread offers.
///
/// `key` and `proto` stand in for what the client sent. `origin` was for drafts of the protocol and is not looked at.
#[pyfunction]
#[pyo3(signature = (key=None, origin=None, proto=None))]
fn websocket_handshake(
    py: Python<'_>,
    key: Option<&Bound<'_, PyAny>>,
    origin: Option<&Bound<'_, PyAny>>,
    proto: Option<&Bound<'_, PyAny>>,
) -> PyResult<()> {
    let _ = origin;
    let text = |value: Option<&Bound<'_, PyAny>>| value.filter(|value| !value.is_none()).map_or(Ok(vec![]), raw);
    let (key, protocol) = (text(key)?, text(proto)?);
    in_request(py, |transaction| {
        transaction.detached(py, |state| {
            let (request, _, response) = state.parts()?;
            Some(match response.phase {
                Phase::Nothing | Phase::Headed if !child::is_child() => {
                    let accepted = request.websocket_accept(&key, &protocol);
                    if accepted.is_ok() {
                        response.phase = Phase::Switched;
                    }
                    accepted.is_ok()
                }
                _ => false,
            })
        })
    })?
    .then_some(())
    .ok_or_else(|| PyOSError::new_err("unable to complete websocket handshake"))
}

/// Waits for a message.
#[pyfunction]
fn websocket_recv(py: Python<'_>) -> PyResult<Bound<'_, PyBytes>> {
    loop {
        if let Some(message) = receive(py, WAIT)? {
            return Ok(message);
        }
        py.check_signals()?;
    }
}

/// A message, or empty bytes when none has come.
#[pyfunction]
fn websocket_recv_nb(py: Python<'_>) -> PyResult<Bound<'_, PyBytes>> {
    Ok(receive(py, 0)?.unwrap_or_else(|| PyBytes::new(py, b"")))
}

fn receive(py: Python<'_>, wait: u32) -> PyResult<Option<Bound<'_, PyBytes>>> {
    let received = in_request(py, |transaction| {
        transaction.detached(py, |state| {
            let (request, _, _) = state.parts()?;
            // The messages are the worker's.
            Some(if child::is_child() { Err(NoWebsocket) } else { request.websocket_receive(wait) })
        })
    })?;
    let message = received.map_err(|_| PyOSError::new_err("unable to receive websocket message"))?;
    Ok(message.map(|message| PyBytes::new(py, &message)))
}

/// Sends a text.
#[pyfunction]
fn websocket_send(py: Python<'_>, message: &Bound<'_, PyAny>) -> PyResult<()> {
    send(py, message, false)
}

/// Sends bytes.
#[pyfunction]
fn websocket_send_binary(py: Python<'_>, message: &Bound<'_, PyAny>) -> PyResult<()> {
    send(py, message, true)
}

fn send(py: Python<'_>, message: &Bound<'_, PyAny>, binary: bool) -> PyResult<()> {
    let message = raw(message)?;
    let sent = in_request(py, |transaction| {
        transaction.detached(py, |state| {
            let (request, _, _) = state.parts()?;
            Some(if child::is_child() { Err(NoWebsocket) } else { request.websocket_send(&message, binary) })
        })
    })?;
    sent.map_err(|_| PyOSError::new_err("unable to send websocket message"))
}

/// The descriptor of the request on this thread, to wait for input with (`select`). What comes over it is the server's.
#[pyfunction]
fn connection_fd(py: Python<'_>) -> PyResult<i32> {
    in_request(py, |transaction| {
        transaction.with(py, |state| state.parts().map(|(request, _, _)| request.connection_fd().unwrap_or(-1)))
    })
}

/// Whether the client of the request on this thread is still there, when `fd` is its [`connection_fd`].
#[pyfunction]
fn is_connected(py: Python<'_>, fd: i32) -> PyResult<bool> {
    in_request(py, |transaction| {
        transaction.with(py, |state| {
            let (request, _, _) = state.parts()?;
            Some(request.connection_fd() == Some(fd) && request.is_connected())
        })
    })
}
