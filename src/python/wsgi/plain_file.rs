//! Whether a Python object gives a file's bytes as they are, so that the core may send them itself.

use pyo3::intern;
use pyo3::prelude::*;

/// Descriptor and position of a regular file that is read as it is: `FileIO`, a buffered reader of one, or something that
/// wraps such (`tempfile`, Django's `File`). A `GzipFile`, say, has a descriptor too, but its bytes are not the file's.
pub(super) fn plain_file(file: &Bound<'_, PyAny>) -> Option<(i32, u64)> {
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
    let is_random = is(&inner, "BufferedRandom");
    let buffered = is_random || is(&inner, "BufferedReader");
    let raw = if buffered { inner.getattr(intern!(py, "raw")).ok()? } else { inner.clone() };
    if !is(&raw, "FileIO") {
        return None;
    }
    // What was written and is still in Python's memory is not in the file yet.
    if is_random {
        inner.call_method0(intern!(py, "flush")).ok()?;
    }
    let fd: i32 = raw.call_method0(intern!(py, "fileno")).ok()?.extract().ok()?;
    let position: u64 = inner.call_method0(intern!(py, "tell")).ok()?.extract().ok()?;
    let mode: u32 = py.import("os").ok()?.call_method1("fstat", (fd,)).ok()?.getattr("st_mode").ok()?.extract().ok()?;
    let regular: bool = py.import("stat").ok()?.call_method1("S_ISREG", (mode,)).ok()?.extract().ok()?;
    regular.then_some((fd, position))
}
