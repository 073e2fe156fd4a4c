//! The life of a mule: the functions that decorators have kept for it, then its program, or message after message.

use pyo3::exceptions::PySystemExit;
use pyo3::ffi::c_str;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use rsgi_abi::guest::{Host, Received, Sources};
use rsgi_abi::types::LEAVE_SIGNAL_BELOW_MAX;

use crate::settings::Settings;
use crate::{api, log, wsgi};

/// Exit code of a mule that was told to leave, as a worker's.
pub(crate) const LEFT: i32 = 30;

/// Exit code of a program that has failed.
const FAILED: i32 = 1;

/// Room for a message; what the kernel takes by default is less.
const ROOM: usize = 1 << 18;

/// How it goes on.
enum Next {
    Listen,
    End(i32),
}

/// Lives as a mule; returns the exit code.
pub(crate) fn run(host: Host, settings: &Settings, program: &str) -> i32 {
    let next = Python::attach(|py| begin(py, program).unwrap_or_else(|error| Next::End(code(py, &error))));
    match next {
        Next::Listen => listen(host, settings),
        Next::End(code) => code,
    }
}

fn begin(py: Python<'_>, program: &str) -> PyResult<Next> {
    let (file, name) = (c"rsgi/mule.py", c"rsgi_mule");
    let helper = PyModule::from_code(py, c_str!(include_str!("mule.py")), file, name)?;
    helper.call_method1("leave_by", (libc::SIGRTMAX() - LEAVE_SIGNAL_BELOW_MAX, LEFT))?;
    api::start_mule(py)?;
    if program.is_empty() {
        return Ok(Next::Listen);
    }
    if program.ends_with(".py") || program.contains('/') {
        helper.call_method1("run_file", (program,))?;
    } else if let Some((module, function)) = program.split_once(':') {
        helper.call_method1("run_function", (module, function))?;
    } else {
        log::warning(&format!(
            "mule = {program}: neither a file nor module:function, so this mule handles messages only"
        ));
        return Ok(Next::Listen);
    }
    log::info(&format!("mule = {program}: the program has ended"));
    Ok(Next::End(0))
}

/// Handles messages until it is time to leave.
fn listen(host: Host, settings: &Settings) -> i32 {
    let wanted = settings.value("mule-msg-size").and_then(|size| size.trim().parse().ok()).unwrap_or(0);
    let mut buffer = vec![0; ROOM.max(wanted)];
    loop {
        let result = match host.receive_message(Sources { mule: true, farms: true, signals: true }, None, &mut buffer) {
            Received::Message(length) => Python::attach(|py| deliver(py, buffer.get(..length).unwrap_or_default())),
            Received::Signal => Python::attach(|py| {
                let code = py.check_signals().map_or_else(|error| end(py, &error), |()| None);
                wsgi::child::leave(py);
                code
            }),
            Received::Timeout => None,
            Received::Leave => Some(LEFT),
            Received::NotHere => Some(FAILED),
        };
        if let Some(code) = result {
            return code;
        }
    }
}

/// Hands a message to the application; an exit code when that has asked for its end.
fn deliver(py: Python<'_>, message: &[u8]) -> Option<i32> {
    let hooks = api::message_hooks(py);
    if hooks.is_empty() {
        let length = message.len();
        log::warning(&format!("a message of {length} bytes is lost: the application has set no uwsgi.mule_msg_hook"));
    }
    let message = PyBytes::new(py, message);
    hooks.iter().find_map(|hook| {
        let code = hook.call1((&message,)).map_or_else(|error| end(py, &error), |_| None);
        wsgi::child::leave(py);
        code
    })
}

/// The exit code of an exception that ends the process; any other is logged, and that is all.
fn end(py: Python<'_>, error: &PyErr) -> Option<i32> {
    wsgi::child::obey(py, error);
    if error.is_instance_of::<PySystemExit>(py) {
        return Some(wsgi::exit_code(py, error));
    }
    log::exception(py, error);
    None
}

/// The exit code of an exception that has ended a program.
fn code(py: Python<'_>, error: &PyErr) -> i32 {
    end(py, error).unwrap_or(FAILED)
}
