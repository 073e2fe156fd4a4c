//! Whether a Python object gives a file's bytes as they are, so that the core may send them itself.

use pyo3::intern;
use pyo3::prelude::*;

/// By what a buffered reader takes bytes from what it wraps, and where it stands.
const METHODS: [&str; 5] = ["read", "readinto", "readall", "fileno", "tell"];

/// Descriptor and position of a regular file that is read as it is: `FileIO`, a buffered reader of one, or something that
/// hands reading on to such (`tempfile`, Django's `File`). Not one whose class reads in its own way, nor a `GzipFile`, say,
/// which has a descriptor too, but its bytes are not the file's.
pub(super) fn plain_file(file: &Bound<'_, PyAny>) -> Option<(i32, u64)> {
    let py = file.py();
    let mut inner = file.clone();
    // Wrappers keep what they wrap in `file`.
    for _ in 0..3 {
        match inner.getattr_opt(intern!(py, "file")) {
            Ok(Some(next)) if !next.is_none() && hands_on(&inner, &next) => inner = next,
            _ => break,
        }
    }
    let io = py.import(intern!(py, "io")).ok()?;
    let (random, reader) = (io.getattr(intern!(py, "BufferedRandom")), io.getattr(intern!(py, "BufferedReader")));
    let buffered = [random.ok()?, reader.ok()?].into_iter().find(|kind| is_a(&inner, kind));
    let raw = match &buffered {
        Some(kind) if reads_as(&inner, kind) => {
            // The object that is really read from, whatever a subclass calls so.
            kind.getattr(intern!(py, "raw"))
                .ok()?
                .call_method1(intern!(py, "__get__"), (&inner, inner.get_type()))
                .ok()?
        }
        Some(_) => return None,
        None => inner.clone(),
    };
    let plain = io.getattr(intern!(py, "FileIO")).ok()?;
    if !is_a(&raw, &plain) || !reads_as(&raw, &plain) {
        return None;
    }
    // What was written and is still in Python's memory is not in the file yet. Readers do nothing here.
    if buffered.is_some() {
        inner.call_method0(intern!(py, "flush")).ok()?;
    }
    let fd: i32 = raw.call_method0(intern!(py, "fileno")).ok()?.extract().ok()?;
    let position: u64 = inner.call_method0(intern!(py, "tell")).ok()?.extract().ok()?;
    let mode: u32 = py.import("os").ok()?.call_method1("fstat", (fd,)).ok()?.getattr("st_mode").ok()?.extract().ok()?;
    let regular: bool = py.import("stat").ok()?.call_method1("S_ISREG", (mode,)).ok()?.extract().ok()?;
    regular.then_some((fd, position))
}

/// Whether to read from `outer` is to read from the `inner` that it keeps.
fn hands_on(outer: &Bound<'_, PyAny>, inner: &Bound<'_, PyAny>) -> bool {
    let py = outer.py();
    let same = || -> PyResult<bool> {
        let (outer_read, inner_read) = (outer.getattr(intern!(py, "read"))?, inner.getattr(intern!(py, "read"))?);
        if outer_read.eq(&inner_read)? {
            return Ok(true);
        }
        // `tempfile` puts a function around each method, which is told by its `__wrapped__`.
        let temporary = py.import(intern!(py, "tempfile"))?.getattr(intern!(py, "_TemporaryFileWrapper"))?;
        Ok(outer.get_type().is(&temporary) && outer_read.getattr(intern!(py, "__wrapped__"))?.eq(&inner_read)?)
    };
    same().unwrap_or(false)
}

fn is_a(object: &Bound<'_, PyAny>, kind: &Bound<'_, PyAny>) -> bool {
    object.is_instance(kind).unwrap_or(false)
}

/// Whether the object, of this class or one derived from it, reads as the class itself does.
fn reads_as(object: &Bound<'_, PyAny>, kind: &Bound<'_, PyAny>) -> bool {
    let py = object.py();
    let own = object.getattr_opt(intern!(py, "__dict__")).ok().flatten();
    METHODS.iter().all(|name| {
        let Ok(Some(method)) = kind.getattr_opt(*name) else { return true };
        let is_inherited = object.get_type().getattr(*name).is_ok_and(|found| found.is(&method));
        is_inherited && !own.as_ref().is_some_and(|own| own.contains(*name).unwrap_or(true))
    })
}
