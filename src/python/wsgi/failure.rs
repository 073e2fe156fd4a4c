//! What happens when an exception leaves the application.

use pyo3::exceptions::{PyKeyboardInterrupt, PySystemExit};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use rsgi_abi::types::{NEXT_EXIT, Outcome};

use super::answer;
use super::child;
use super::response::Phase;
use super::transaction::Transaction;
use crate::settings::Settings;
use crate::{border, log};

/// Exit code after `reload-on-exception`, as uWSGI's workers have it.
const EXIT_ON_EXCEPTION: i32 = 5;
/// Exit code after KeyboardInterrupt: 128 + SIGINT, as a shell shows it.
const EXIT_INTERRUPTED: i32 = 130;

/// Logs the exception and decides how the process goes on.
pub(crate) fn record(py: Python<'_>, error: &PyErr, outcome: &mut Outcome) {
    child::obey(py, error);
    outcome.exceptions += 1;
    if error.is_instance_of::<PySystemExit>(py) {
        let code = exit_code(py, error);
        log::error(&format!("the application asked this worker to exit ({}), code {code}", log::summary(py, error)));
        (outcome.next, outcome.exit_code) = (NEXT_EXIT, code);
        return;
    }
    log::exception(py, error);
    if error.is_instance_of::<PyKeyboardInterrupt>(py) {
        (outcome.next, outcome.exit_code) = (NEXT_EXIT, EXIT_INTERRUPTED);
    } else if border::settings().is_some_and(|settings| is_fatal(py, error, settings)) {
        log::error("... monitored exception detected, respawning this worker ...");
        (outcome.next, outcome.exit_code) = (NEXT_EXIT, EXIT_ON_EXCEPTION);
    }
}

/// The exit code of a SystemExit, by the rules of `sys.exit`.
pub(crate) fn exit_code(py: Python<'_>, error: &PyErr) -> i32 {
    match error.value(py).getattr("code") {
        Ok(code) if code.is_none() => 0,
        Ok(code) => code.extract().unwrap_or_else(|_| {
            log::error(&code.str().map(|text| text.to_string_lossy().into_owned()).unwrap_or_default());
            1
        }),
        Err(_) => 1,
    }
}

/// The options `reload-on-exception*`.
fn is_fatal(py: Python<'_>, error: &PyErr, settings: &Settings) -> bool {
    if settings.flag("reload-on-exception") {
        return true;
    }
    let listed = |option: &str, text: PyResult<String>| {
        let wanted = settings.list(option);
        !wanted.is_empty() && text.is_ok_and(|text| wanted.contains(&text))
    };
    listed("reload-on-exception-type", error.get_type(py).name().and_then(|name| name.extract()))
        || listed("reload-on-exception-value", error.value(py).str().and_then(|text| text.extract()))
        || listed("reload-on-exception-repr", error.value(py).repr().and_then(|text| text.extract()))
}

/// `catch-exceptions`: shows the traceback and the environ to the client, when nothing was sent yet.
pub(crate) fn show(
    py: Python<'_>,
    error: &PyErr,
    environ: &Bound<'_, PyDict>,
    transaction: &Transaction,
    outcome: &mut Outcome,
) {
    use std::fmt::Write as _;
    let mut page = format!("{}\nEnviron:\n", log::traceback(py, error));
    for (key, value) in environ.iter() {
        let text = |object: &Bound<'_, PyAny>| object.repr().map(|text| text.to_string_lossy().into_owned());
        let (Ok(key), Ok(value)) = (text(&key), text(&value)) else { continue };
        let _ = writeln!(page, "  {key}: {value}");
    }
    py.detach(|| {
        let headed = transaction.lock().parts().is_some_and(|(_, _, response)| {
            if !matches!(response.phase, Phase::Nothing | Phase::Headed) {
                return false;
            }
            let head = response.head.start(b"500 Internal Server Error");
            let kind = response.head.header(b"Content-Type", b"text/plain; charset=utf-8");
            response.phase = Phase::Headed;
            head.is_ok() && kind.is_ok()
        });
        if headed {
            answer::finish(transaction, page.as_bytes(), outcome);
        }
    });
}
