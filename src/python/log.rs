//! The plugin's voice: lines for the core's log, and Python exceptions as such lines.

use pyo3::intern;
use pyo3::prelude::*;
use rsgi_abi::types::LEVEL_PANIC;

use crate::border;

/// Writes an error line.
pub(crate) fn error(line: &str) {
    write(0, line);
}

/// Writes a record about a defect of ours.
pub(crate) fn panic(message: &str, place: &str) {
    write(LEVEL_PANIC, &format!("{message}\n{place}"));
}

/// Writes a warning line.
pub(crate) fn warning(line: &str) {
    write(1, line);
}

/// Writes an information line.
pub(crate) fn info(line: &str) {
    write(2, line);
}

/// Writes an exception with its traceback, in one record, as the interpreter would print it.
pub(crate) fn exception(py: Python<'_>, exception: &PyErr) {
    error(traceback(py, exception).trim_end_matches('\n'));
}

/// The traceback text of an exception; when the `traceback` module itself fails, at least type and message.
pub(crate) fn traceback(py: Python<'_>, exception: &PyErr) -> String {
    formatted(py, exception).unwrap_or_else(|_| summary(py, exception))
}

/// `ValueError: no such thing`, in one line.
pub(crate) fn summary(py: Python<'_>, exception: &PyErr) -> String {
    let name = exception.get_type(py).name().map_or_else(|_| "exception".to_owned(), |name| name.to_string());
    let text = exception.value(py).str().map(|text| text.to_string_lossy().into_owned()).unwrap_or_default();
    let text = text.lines().next().unwrap_or_default();
    if text.is_empty() { name } else { format!("{name}: {text}") }
}

/// A text whose control characters are written out, so that what comes from a client makes no lines and steers no terminal.
pub(crate) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_control() { shown.extend(letter.escape_default()) } else { shown.push(letter) }
    }
    shown
}

fn formatted(py: Python<'_>, exception: &PyErr) -> PyResult<String> {
    let parts = (exception.get_type(py), exception.value(py), exception.traceback(py));
    let lines = py.import(intern!(py, "traceback"))?.call_method1(intern!(py, "format_exception"), parts)?;
    let text = intern!(py, "").call_method1(intern!(py, "join"), (lines,))?;
    // Lone surrogates are legal in a str and would make a plain extract fail.
    Ok(text.str()?.to_string_lossy().into_owned())
}

fn write(level: u32, line: &str) {
    if let Some(host) = border::host() {
        host.log(level, line.as_bytes());
    }
}
