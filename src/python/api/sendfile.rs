//! `uwsgi.sendfile`: a file, or a part of it, as the next bytes of the answer.

use std::ffi::OsString;
use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{FileExt, MetadataExt};

use pyo3::exceptions::{PyAssertionError, PyOSError};
use pyo3::intern;
use pyo3::prelude::*;
use rsgi_abi::host::SendError;

use super::functions::{in_request, raw};
use crate::log;
use crate::wsgi::{State, borrow};

/// Bytes read at a time where the kernel cannot send the file by itself.
const PIECE: usize = 64 * 1024;

/// Adds it.
pub(super) fn add(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(sendfile, module)?)
}

/// Sends `size` bytes (0: all there is) from `pos` on, of a file that is given by its name, its descriptor or as an object
/// with `fileno()`; the position of an object does not count. What the application returns follows. `chunk` is not needed.
/// None when there is no such file.
#[pyfunction]
#[pyo3(signature = (file, chunk = 0, pos = 0, size = 0, /))]
fn sendfile(py: Python<'_>, file: &Bound<'_, PyAny>, chunk: i64, pos: u64, size: u64) -> PyResult<Option<bool>> {
    let _ = chunk;
    let Some(file) = open(file)? else { return Ok(None) };
    let sent = in_request(py, |transaction| transaction.detached(py, |state| send(state, &file, pos, size)))?;
    match sent {
        Ok(()) => Ok(Some(true)),
        Err(Failure::File(error)) => Err(error.into()),
        Err(Failure::Client(SendError::Misuse)) => {
            Err(PyAssertionError::new_err("a file before start_response was called"))
        }
        Err(Failure::Client(SendError::Timeout)) => Err(PyOSError::new_err("timeout during sendfile()")),
        Err(Failure::Client(SendError::Gone | SendError::Overflow)) => {
            Err(PyOSError::new_err("write error: the client has gone away"))
        }
    }
}

enum Failure {
    File(std::io::Error),
    Client(SendError),
}

/// A descriptor of our own for what the application has named.
fn open(file: &Bound<'_, PyAny>) -> PyResult<Option<File>> {
    if let Ok(name) = raw(file) {
        let name = OsString::from_vec(name);
        let opened = File::open(&name);
        let missing = |error: &std::io::Error| {
            log::warning(&format!("sendfile: {}: {error}", log::visible(&name.to_string_lossy())));
        };
        return Ok(opened.inspect_err(missing).ok());
    }
    let fd: i32 = match file.extract() {
        Ok(fd) => fd,
        Err(_) => file.call_method0(intern!(file.py(), "fileno"))?.extract()?,
    };
    if fd < 0 {
        return Err(PyOSError::new_err("sendfile: a negative descriptor"));
    }
    Ok(Some(File::from(borrow(fd, |file| file.try_clone_to_owned())?)))
}

fn send(state: &mut State, file: &File, pos: u64, size: u64) -> Option<Result<(), Failure>> {
    let (request, _, response) = state.parts()?;
    let found = match file.metadata() {
        Ok(found) => found,
        Err(error) => return Some(Err(Failure::File(error))),
    };
    let rest = found.size().saturating_sub(pos);
    let size = if size == 0 || found.is_file() && size > rest { rest } else { size };
    let end = response.sent.checked_add(size);
    if found.is_file() && size > 0 && response.head.content_length() == end && response.takes_file() {
        let sent = response.send_file(request, file.as_fd(), pos, Some(size));
        response.sent = end.unwrap_or(u64::MAX);
        return Some(sent.map_err(Failure::Client));
    }
    let is_file = found.is_file();
    let mut piece = vec![0; PIECE];
    let mut at = 0;
    while !is_file && size == 0 || at < size {
        let most = if size == 0 { PIECE } else { PIECE.min(usize::try_from(size - at).unwrap_or(PIECE)) };
        let room = piece.get_mut(..most).unwrap_or_default();
        let read = if is_file { file.read_at(room, pos + at) } else { std::io::Read::read(&mut &*file, room) };
        let count = match read {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Some(Err(Failure::File(error))),
        };
        at += count as u64;
        if let Err(error) = response.send(request, room.get(..count).unwrap_or_default(), false) {
            return Some(Err(Failure::Client(error)));
        }
    }
    Some(Ok(()))
}
