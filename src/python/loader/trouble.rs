//! What goes wrong while loading, told with the one thing that helps.

use pyo3::exceptions::{PyModuleNotFoundError, PySystemExit};
use pyo3::prelude::*;

use crate::{home, log};

/// Why something could not be loaded.
pub(super) enum Trouble {
    /// The file cannot be read.
    Unreadable { path: String, reason: std::io::Error },
    /// There is no such callable.
    NoCallable { name: String, place: String },
    /// The code raised.
    Raised { what: String, error: PyErr },
    /// The setting makes no sense.
    Setting(String),
}

impl Trouble {
    /// An exception raised by `what`.
    pub(super) fn raised(what: &str) -> impl FnOnce(PyErr) -> Self {
        let what = what.to_owned();
        move |error| Self::Raised { what, error }
    }

    /// Logs the traceback, where there is one, and the reason; returns the reason.
    pub(super) fn log(&self, py: Python<'_>) -> String {
        if let Self::Raised { error, .. } = self {
            log::exception(py, error);
        }
        let reason = self.reason(py);
        log::error(&reason);
        reason
    }

    /// The same for a setting that is not an application.
    pub(super) fn report(&self, py: Python<'_>, option: &str, value: &str) {
        self.log(py);
        log::error(&format!("{option} = {value} failed, going on without it"));
    }

    fn reason(&self, py: Python<'_>) -> String {
        match self {
            Self::Unreadable { path, reason } => {
                format!("failed to open python file {path}: {reason} (relative paths start from {})", directory())
            }
            Self::NoCallable { name, place } => {
                format!(
                    "unable to find \"{name}\" callable in {place}: name yours with `callable`, or as `module = mod:name`"
                )
            }
            Self::Raised { what, error } if error.is_instance_of::<PyModuleNotFoundError>(py) => {
                missing(py, what, error)
            }
            Self::Raised { what, error } if error.is_instance_of::<PySystemExit>(py) => {
                format!("{what} asked to exit while it was imported ({})", log::summary(py, error))
            }
            Self::Raised { what, error } => format!("{what} failed: {}", log::summary(py, error)),
            Self::Setting(text) => text.clone(),
        }
    }
}

/// Tells the module that was asked for from one that it needs.
fn missing(py: Python<'_>, what: &str, error: &PyErr) -> String {
    let name = error.value(py).getattr("name").and_then(|name| name.extract::<String>()).unwrap_or_default();
    let asked = what.split(':').next().unwrap_or(what);
    let path = py.import("sys").and_then(|sys| sys.getattr("path")?.repr()?.extract::<String>()).unwrap_or_default();
    if asked == name || asked.starts_with(&format!("{name}.")) {
        return format!(
            "no module named {name}: is chdir or pythonpath right? cwd is {}, sys.path is {path}",
            directory()
        );
    }
    let prefix = py.import("sys").and_then(|sys| sys.getattr("prefix")?.extract::<String>()).unwrap_or_default();
    format!(
        "{what} needs the module {name}, which is not installed in {prefix} (Python {}): install it there, or point `virtualenv` to where it is",
        home::VERSION
    )
}

fn directory() -> String {
    std::env::current_dir().map_or_else(|_| "a directory that is gone".to_owned(), |path| path.display().to_string())
}
