//! Builds the environ: a copy of a template per core, and the request's variables under keys that exist already.

use std::collections::HashMap;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyString};
use rsgi_abi::guest::Host;
use rsgi_abi::types::{QUERY_CORES, QUERY_PROCESSES, Var};

use super::file_wrapper::FileWrapper;
use super::input::Input;
use crate::apps::Target;
use crate::settings::Settings;
use crate::{api, border, text};

/// Names beyond the host's that a core remembers; names come from clients, so there is an end.
const EXTRA_KEYS: usize = 1024;
/// Longest name that is remembered.
const EXTRA_KEY_LEN: usize = 64;

/// Variables that nearly every request has. They have their places in the template already, so that filling it in neither
/// inserts nor makes the dict grow; what a request lacks is taken out again.
const EXPECTED: [&str; 10] = [
    "REQUEST_METHOD",
    "REQUEST_URI",
    "PATH_INFO",
    "QUERY_STRING",
    "SERVER_PROTOCOL",
    "SERVER_NAME",
    "SERVER_PORT",
    "REMOTE_ADDR",
    "REMOTE_PORT",
    "HTTP_HOST",
];

/// Keys of the host's known names, in its order.
static KNOWN: PyOnceLock<Vec<Key>> = PyOnceLock::new();
/// `wsgi.errors`.
static ERRORS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

struct Key {
    name: Py<PyString>,
    role: Role,
    /// The bit of its place in [`EXPECTED`], 0 without one.
    expected: u16,
}

/// What a variable means to this side, besides being in the environ.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    None,
    AppId,
    ScriptName,
    PathInfo,
    Https,
    UwsgiScheme,
    RequestScheme,
}

/// Makes what all cores share.
pub(crate) fn prepare(py: Python<'_>, host: Host) -> PyResult<()> {
    let keys = host.known_names().map(|name| Key::new(py, name, true)).collect::<PyResult<Vec<_>>>()?;
    let _ = KNOWN.set(py, keys);
    let _ = ERRORS.set(py, errors(py)?.unbind());
    Ok(())
}

/// A text stream on descriptor 2: the log, wherever that goes.
fn errors(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    let options = PyDict::new(py);
    options.set_item("buffering", 1)?;
    options.set_item("encoding", "utf-8")?;
    options.set_item("errors", "backslashreplace")?;
    options.set_item("closefd", false)?;
    py.import("io")?.call_method("open", (2, "w"), Some(&options))
}

/// What every environ of core `number` has.
pub(crate) fn template<'py>(py: Python<'py>, number: u32, settings: &Settings) -> PyResult<Bound<'py, PyDict>> {
    let cores = border::query(QUERY_CORES).unwrap_or(1);
    let processes = border::query(QUERY_PROCESSES).unwrap_or(1);
    let environ = PyDict::new(py);
    let set = |key: &str, value: Bound<'py, PyAny>| environ.set_item(PyString::intern(py, key), value);
    for key in EXPECTED {
        set(key, py.None().into_bound(py))?;
    }
    set("SCRIPT_NAME", PyString::new(py, "").into_any())?;
    set("wsgi.version", (1, 0).into_pyobject(py)?.into_any())?;
    set("wsgi.url_scheme", intern!(py, "http").clone().into_any())?;
    if let Some(errors) = ERRORS.get(py) {
        set("wsgi.errors", errors.bind(py).clone())?;
    }
    // Our streams end where the body ends, chunked ones too: frameworks may read without a Content-Length.
    for (key, on) in [
        ("wsgi.multithread", cores > 1),
        ("wsgi.multiprocess", processes > 1),
        ("wsgi.run_once", false),
        ("wsgi.input_terminated", true),
    ] {
        set(key, pyo3::types::PyBool::new(py, on).to_owned().into_any())?;
    }
    if !settings.flag("wsgi-disable-file-wrapper") {
        set("wsgi.file_wrapper", py.get_type::<FileWrapper>().into_any())?;
    }
    set("uwsgi.version", PyBytes::new(py, api::VERSION).into_any())?;
    set("uwsgi.node", PyBytes::new(py, &api::node_name()).into_any())?;
    if cores > 1 {
        set("uwsgi.core", number.into_pyobject(py)?.into_any())?;
    }
    Ok(environ)
}

/// Sets `wsgi.input` in a template.
pub(crate) fn set_input(template: &Bound<'_, PyDict>, input: &Bound<'_, Input>) -> PyResult<()> {
    template.set_item(intern!(template.py(), "wsgi.input"), input)
}

/// Moves the first `at` bytes of the path to SCRIPT_NAME.
pub(crate) fn split(environ: &Bound<'_, PyDict>, path: &[u8], at: usize) -> PyResult<()> {
    let py = environ.py();
    let (script_name, path_info) = path.split_at_checked(at).unwrap_or((path, b""));
    environ.set_item(intern!(py, "SCRIPT_NAME"), text::from_latin1(py, script_name)?)?;
    environ.set_item(intern!(py, "PATH_INFO"), text::from_latin1(py, path_info)?)
}

/// The names one core has met beyond the host's known ones.
#[derive(Default)]
pub(crate) struct Keys(HashMap<Box<[u8]>, Key>);

impl Keys {
    /// Puts the request's variables in; returns what they say about the target.
    pub(crate) fn fill<'a>(&mut self, environ: &Bound<'_, PyDict>, vars: &[Var<'a>]) -> PyResult<Target<'a>> {
        let py = environ.py();
        let known = KNOWN.get(py).map(Vec::as_slice).unwrap_or_default();
        let mut seen = Seen::default();
        for var in vars {
            let value = text::from_latin1(py, var.value())?;
            if let Some(key) = var.known().and_then(|index| known.get(index)) {
                seen.note(key, var);
                environ.set_item(key.name.bind(py), value)?;
            } else {
                self.set_extra(environ, var, value, &mut seen)?;
            }
        }
        for (at, key) in EXPECTED.iter().enumerate() {
            if seen.expected & (1 << at) == 0 {
                environ.del_item(PyString::intern(py, key))?;
            }
        }
        if let Some(scheme) = seen.scheme() {
            environ.set_item(intern!(py, "wsgi.url_scheme"), text::from_latin1(py, scheme)?)?;
        }
        Ok(seen.target)
    }

    fn set_extra<'a>(
        &mut self,
        environ: &Bound<'_, PyDict>,
        var: &Var<'a>,
        value: Bound<'_, PyString>,
        seen: &mut Seen<'a>,
    ) -> PyResult<()> {
        let py = environ.py();
        if let Some(key) = self.0.get(var.key()) {
            seen.note(key, var);
            return environ.set_item(key.name.bind(py), value);
        }
        let keep = self.0.len() < EXTRA_KEYS && var.key().len() <= EXTRA_KEY_LEN;
        let key = Key::new(py, var.key(), keep)?;
        seen.note(&key, var);
        environ.set_item(key.name.bind(py), value)?;
        if keep {
            self.0.insert(var.key().into(), key);
        }
        Ok(())
    }
}

impl Key {
    fn new(py: Python<'_>, name: &[u8], interned: bool) -> PyResult<Self> {
        let role = match name {
            b"UWSGI_APPID" => Role::AppId,
            b"SCRIPT_NAME" => Role::ScriptName,
            b"PATH_INFO" => Role::PathInfo,
            b"HTTPS" => Role::Https,
            b"UWSGI_SCHEME" => Role::UwsgiScheme,
            b"REQUEST_SCHEME" => Role::RequestScheme,
            _ => Role::None,
        };
        let expected = EXPECTED.iter().position(|expected| expected.as_bytes() == name).map_or(0, |at| 1 << at);
        let ascii = std::str::from_utf8(name).ok().filter(|name| interned && name.is_ascii());
        let name = ascii.map_or_else(|| text::from_latin1(py, name), |name| Ok(PyString::intern(py, name)))?;
        Ok(Self { name: name.unbind(), role, expected })
    }
}

/// Variables that mean something to this side. Only variables of the server are asked for the scheme, never headers,
/// which clients choose.
#[derive(Default)]
struct Seen<'a> {
    target: Target<'a>,
    /// Bits of the [`EXPECTED`] variables that came.
    expected: u16,
    https: bool,
    uwsgi_scheme: Option<&'a [u8]>,
    request_scheme: Option<&'a [u8]>,
}

impl<'a> Seen<'a> {
    #[inline]
    fn note(&mut self, key: &Key, var: &Var<'a>) {
        self.expected |= key.expected;
        match key.role {
            Role::None => {}
            Role::AppId => self.target.app_id = Some(var.value()),
            Role::ScriptName => self.target.script_name = var.value(),
            Role::PathInfo => self.target.path_info = var.value(),
            Role::Https => self.https = var.value().eq_ignore_ascii_case(b"on") || var.value() == b"1",
            Role::UwsgiScheme => self.uwsgi_scheme = Some(var.value()).filter(|value| !value.is_empty()),
            Role::RequestScheme => self.request_scheme = Some(var.value()).filter(|value| !value.is_empty()),
        }
    }

    /// The scheme when it is not the template's.
    fn scheme(&self) -> Option<&'a [u8]> {
        let https = self.https.then_some(b"https".as_slice());
        self.uwsgi_scheme.or(https).or(self.request_scheme).filter(|scheme| scheme != b"http")
    }
}
