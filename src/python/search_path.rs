//! `sys.path` as uWSGI arranges it: each `pythonpath` goes to the front, so the last one given comes first; then the
//! working directory as `.` and as the empty string; then Python's own entries.

use pyo3::prelude::*;
use pyo3::types::PyList;

/// Arranges `sys.path`. Entries may be patterns of the shell; relative ones stay relative.
pub(crate) fn apply(py: Python<'_>, given: &[String]) -> PyResult<()> {
    let path = py.import("sys")?.getattr("path")?.cast_into::<PyList>()?;
    path.insert(0, "")?;
    path.insert(0, ".")?;
    for pattern in given {
        for entry in expand(py, pattern)? {
            path.insert(0, entry)?;
        }
    }
    Ok(())
}

/// The matches of a pattern in order, directories with a trailing slash (as glob(3) marks them); a pattern that matches
/// nothing stands for itself, since its directory may appear later.
fn expand(py: Python<'_>, pattern: &str) -> PyResult<Vec<String>> {
    let mut matches: Vec<String> = py.import("glob")?.call_method1("glob", (pattern,))?.extract()?;
    matches.sort();
    if matches.is_empty() {
        matches.push(pattern.to_owned());
    }
    for entry in &mut matches {
        if !entry.ends_with('/') && std::path::Path::new(entry).is_dir() {
            entry.push('/');
        }
    }
    Ok(matches)
}
