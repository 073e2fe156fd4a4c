//! `wsgi.file_wrapper` (PEP 3333, "Optional Platform-Specific File Handling").

use std::os::fd::BorrowedFd;

use pyo3::intern;
use pyo3::prelude::*;
use rsgi_abi::host::SendError;

use super::child;
use super::response::Phase;
use super::transaction::Transaction;

/// Block size when the application names none.
const BLOCK: i64 = 32 * 1024;

/// Wraps a file-like object; iterating reads blocks of it.
#[pyclass(frozen, module = "uwsgi", name = "FileWrapper")]
pub(crate) struct FileWrapper {
    /// The wrapped object.
    #[pyo3(get)]
    filelike: Py<PyAny>,
    /// Bytes read at a time.
    #[pyo3(get)]
    blksize: i64,
}

#[pymethods]
impl FileWrapper {
    #[new]
    #[pyo3(signature = (filelike, blksize=BLOCK))]
    const fn new(filelike: Py<PyAny>, blksize: i64) -> Self {
        Self { filelike, blksize: if blksize > 0 { blksize } else { BLOCK } }
    }

    const fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let block = self.filelike.bind(py).call_method1(intern!(py, "read"), (self.blksize,))?;
        Ok(block.is_truthy()?.then_some(block))
    }

    /// Closes the wrapped object, when it can be closed.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        match self.filelike.bind(py).getattr_opt(intern!(py, "close"))? {
            Some(close) => close.call0().map(drop),
            None => Ok(()),
        }
    }
}

/// Hands a real file to the core, from its current position on. `false` when it is none: then it is read in blocks.
pub(crate) fn send(py: Python<'_>, transaction: &Transaction, wrapper: &Bound<'_, FileWrapper>) -> PyResult<bool> {
    let Some((fd, offset)) = plain_file(wrapper.get().filelike.bind(py)) else { return Ok(false) };
    transaction
        .detached(py, |state| {
            let (request, _, response) = state.parts()?;
            if child::is_child() {
                return Some(Err(SendError::Gone));
            }
            let head = match response.phase {
                Phase::Headed => Some(&response.head),
                Phase::Sent => None,
                Phase::Nothing | Phase::Complete | Phase::Switched => return Some(Err(SendError::Misuse)),
            };
            let len = response.head.content_length().map(|length| length.saturating_sub(response.sent));
            let sent = borrow(fd, |file| request.send_file(head, file, offset, len));
            response.phase = Phase::Complete;
            Some(response.settle(sent))
        })
        .map_or(Ok(true), |sent| match sent {
            Err(SendError::Misuse) => {
                Err(pyo3::exceptions::PyAssertionError::new_err("a file before start_response was called"))
            }
            _ => Ok(true),
        })
}

/// Descriptor and position of a regular file that is read as it is: `FileIO`, a buffered reader of one, or something that
/// wraps such (`tempfile`, Django's `File`). A `GzipFile`, say, has a descriptor too, but its bytes are not the file's.
fn plain_file(file: &Bound<'_, PyAny>) -> Option<(i32, u64)> {
    let py = file.py();
    let mut inner = file.clone();
    // Wrappers keep what they wrap in `file`.
    for _ in 0..3 {
        match inner.getattr_opt(intern!(py, "file")) {
            Ok(Some(next)) if !next.is_none() => inner = next,
            _ => break,
        }
    }
    let io = py.import(intern!(py, "io")).ok()?;
    let is = |object: &Bound<'_, PyAny>, kind: &str| {
        io.getattr(kind).is_ok_and(|kind| object.is_instance(&kind).unwrap_or(false))
    };
    let buffered = is(&inner, "BufferedReader") || is(&inner, "BufferedRandom");
    let raw = if buffered { inner.getattr(intern!(py, "raw")).ok()? } else { inner.clone() };
    if !is(&raw, "FileIO") {
        return None;
    }
    let fd: i32 = raw.call_method0(intern!(py, "fileno")).ok()?.extract().ok()?;
    let position: u64 = inner.call_method0(intern!(py, "tell")).ok()?.extract().ok()?;
    let mode: u32 = py.import("os").ok()?.call_method1("fstat", (fd,)).ok()?.getattr("st_mode").ok()?.extract().ok()?;
    let regular: bool = py.import("stat").ok()?.call_method1("S_ISREG", (mode,)).ok()?.extract().ok()?;
    regular.then_some((fd, position))
}

/// Lends the descriptor of a Python file, which must not be negative.
#[allow(unsafe_code)]
pub(crate) fn borrow<T>(fd: i32, with: impl FnOnce(BorrowedFd<'_>) -> T) -> T {
    // SAFETY: `fd` is not negative and belongs to a file object that the caller or the application's iterable holds. Should another thread of the application close it meanwhile, the core's system calls fail or read what it
    // opened instead, as they would under `os.sendfile`; memory is not at stake.
    with(unsafe { BorrowedFd::borrow_raw(fd) })
}
