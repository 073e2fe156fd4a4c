//! Status and headers as `start_response` gets them, checked and serialised.

use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyList, PyString, PyTuple};
use rsgi_abi::head::{Accepted, Head};

use crate::{log, text};

/// Checks and serialises what the application gave. Runs no Python code, so the transaction may stay locked.
pub(super) fn fill(head: &mut Head, status: &Bound<'_, PyAny>, headers: &Bound<'_, PyAny>) -> PyResult<()> {
    let status = status.cast::<PyString>().map_err(|_| PyTypeError::new_err("http status must be a string"))?;
    let line = text::as_latin1(status).ok_or_else(|| not_latin1("status", status))?;
    head.start(line).map_err(|error| PyValueError::new_err(format!("invalid status {}: {error}", quoted(status))))?;
    let filled = add_all(head, headers);
    if filled.is_err() {
        head.clear();
    }
    filled
}

fn add_all(head: &mut Head, headers: &Bound<'_, PyAny>) -> PyResult<()> {
    let headers =
        headers.cast::<PyList>().map_err(|_| PyTypeError::new_err("http headers must be in a python list"))?;
    for header in headers.iter() {
        let header =
            header.cast::<PyTuple>().map_err(|_| PyTypeError::new_err("http header must be defined in a tuple"))?;
        if header.len() != 2 {
            return Err(PyTypeError::new_err("http header must be a 2-item tuple"));
        }
        let (name, value) = (header.get_borrowed_item(0)?, header.get_borrowed_item(1)?);
        let name = name.cast::<PyString>().map_err(|_| PyTypeError::new_err("http header key must be a string"))?;
        let value = value.cast::<PyString>().map_err(|_| PyTypeError::new_err("http header value must be a string"))?;
        add(head, &name, &value)?;
    }
    Ok(())
}

fn add(head: &mut Head, name: &Bound<'_, PyString>, value: &Bound<'_, PyString>) -> PyResult<()> {
    let key = text::as_latin1(name).ok_or_else(|| not_latin1("header name", name))?;
    let bytes = text::as_latin1(value).ok_or_else(|| not_latin1("header value", value))?;
    match head.header(key, bytes) {
        Ok(Accepted::Kept) => Ok(()),
        Ok(Accepted::HopByHop) => {
            warn_once(name);
            Ok(())
        }
        Err(error) => Err(PyValueError::new_err(format!("invalid header {}: {error}", quoted(name)))),
    }
}

fn warn_once(name: &Bound<'_, PyString>) {
    static WARNED: AtomicBool = AtomicBool::new(false);
    if !WARNED.swap(true, Ordering::Relaxed) {
        log::warning(&format!(
            "the application sent the header {}: hop-by-hop headers are the server's (PEP 3333), left out",
            quoted(name)
        ));
    }
}

fn not_latin1(what: &str, text: &Bound<'_, PyString>) -> PyErr {
    PyValueError::new_err(format!("{what} {} has characters beyond Latin-1: encode it first (PEP 3333)", quoted(text)))
}

/// The text as Rust quotes it: a `repr` might run code of a subclass, under the transaction's lock.
fn quoted(text: &Bound<'_, PyString>) -> String {
    format!("{:?}", text.to_string_lossy())
}
