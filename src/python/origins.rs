//! The places that language and application are read from, for a sandbox that lets them be read.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf, absolute};

use pyo3::prelude::*;

use crate::log;
use crate::settings::Settings;

/// Options whose value may be a file of code or of its configuration.
const FILES: [&str; 8] =
    ["wsgi-file", "paste", "ini-paste", "ini-paste-logged", "import", "shared-import", "spooler-import", "home"];

/// Their absolute paths, each with a NUL behind it: what `sys.path` holds now, Python's prefixes, and the folders of files that options name.
pub(crate) fn list(settings: &Settings) -> Vec<u8> {
    let known = Python::attach(|py| {
        interpreter(py).unwrap_or_else(|error| {
            log::exception(py, &error);
            Vec::new()
        })
    });
    let named = FILES.iter().flat_map(|name| settings.list(name));
    let mounted = settings.list("mount").iter().filter_map(|mount| mount.split_once('=').map(|(_, source)| source));
    let folders = named.map(String::as_str).chain(mounted).filter_map(folder);
    let mut list: Vec<u8> = Vec::new();
    for place in known.into_iter().chain(folders) {
        // A path that is relative is so to where we are.
        if let Ok(place) = absolute(&place) {
            list.extend_from_slice(place.as_os_str().as_bytes());
            list.push(0);
        }
    }
    list
}

fn interpreter(py: Python<'_>) -> PyResult<Vec<PathBuf>> {
    let sys = py.import("sys")?;
    let prefixes = ["prefix", "exec_prefix", "base_prefix", "base_exec_prefix"];
    let mut places = prefixes.iter().map(|name| sys.getattr(*name)?.extract()).collect::<PyResult<Vec<PathBuf>>>()?;
    for entry in sys.getattr("path")?.try_iter()? {
        // An application may have put anything there.
        if let Ok(entry) = entry?.extract::<PathBuf>() {
            places.push(if entry.as_os_str().is_empty() { PathBuf::from(".") } else { entry });
        }
    }
    Ok(places)
}

/// The folder of a value that names a file, or the directory that it names.
fn folder(value: &str) -> Option<PathBuf> {
    let path = Path::new(value.strip_prefix("config:").unwrap_or(value));
    if path.is_dir() {
        return Some(path.to_owned());
    }
    let folder = path.is_file().then(|| path.parent()).flatten()?;
    Some(if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder.to_owned() })
}
