//! `wsgi.file_wrapper` (PEP 3333, "Optional Platform-Specific File Handling").

use std::os::fd::BorrowedFd;

use pyo3::exceptions::PyAssertionError;
use pyo3::intern;
use pyo3::prelude::*;

use super::plain_file::plain_file;
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

/// Hands a real file to the core, from its current position on. `false` when it is none, or when the core cannot frame it:
/// then it is read in blocks.
pub(crate) fn send(py: Python<'_>, transaction: &Transaction, wrapper: &Bound<'_, FileWrapper>) -> PyResult<bool> {
    let Some((fd, offset)) = plain_file(wrapper.get().filelike.bind(py)) else { return Ok(false) };
    let way = transaction.detached(py, |state| {
        let Some((request, _, response)) = state.parts() else { return Way::Sent };
        match response.phase {
            Phase::Nothing => Way::Headless,
            // What a websocket's application answers goes nowhere.
            Phase::Switched => Way::Sent,
            _ if !response.takes_file() => Way::Blocks,
            Phase::Headed | Phase::Sent | Phase::Complete => {
                let len = response.head.content_length().map(|length| length.saturating_sub(response.sent));
                // A client that went away is no error.
                let _ = borrow(fd, |file| response.send_file(request, file, offset, len));
                Way::Sent
            }
        }
    });
    match way {
        Way::Sent => Ok(true),
        Way::Blocks => Ok(false),
        Way::Headless => Err(PyAssertionError::new_err("a file before start_response was called")),
    }
}

/// What becomes of a file.
enum Way {
    /// It is with the core, or nobody wants it.
    Sent,
    /// It has to be read in blocks.
    Blocks,
    /// There is no head to send it after.
    Headless,
}

/// Lends the descriptor of a Python file, which must not be negative.
#[allow(unsafe_code)]
pub(crate) fn borrow<T>(fd: i32, with: impl FnOnce(BorrowedFd<'_>) -> T) -> T {
    // SAFETY: `fd` is not negative and belongs to a file object that the caller or the application's iterable holds. Should another thread of the application close it meanwhile, the core's system calls fail or read what it
    // opened instead, as they would under `os.sendfile`; memory is not at stake.
    with(unsafe { BorrowedFd::borrow_raw(fd) })
}
