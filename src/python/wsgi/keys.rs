//! Puts a request's variables into its environ, under keys that exist already.

use std::collections::HashMap;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyString};
use rsgi_abi::guest::Host;
use rsgi_abi::types::Var;

use crate::apps::Target;
use crate::text;

/// Variables that nearly every request has. They have their places in the template already, so that filling it in neither
/// inserts nor makes the dict grow; what a request lacks is taken out again.
pub(super) const EXPECTED: [&str; 10] = [
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

/// Names beyond the host's that a core remembers; names come from clients, so there is an end.
const EXTRA_KEYS: usize = 1024;
/// Longest name that is remembered.
const EXTRA_KEY_LEN: usize = 64;

/// Keys of the host's known names, in its order.
static KNOWN: PyOnceLock<Vec<Key>> = PyOnceLock::new();
/// Makes the keys of the host's known names.
pub(super) fn prepare(py: Python<'_>, host: Host) -> PyResult<()> {
    let keys = host.known_names().map(|name| Key::new(py, name, true)).collect::<PyResult<Vec<_>>>()?;
    let _ = KNOWN.set(py, keys);
    Ok(())
}

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

/// The names one core has met beyond the host's known ones.
#[derive(Default)]
pub(super) struct Keys(HashMap<Box<[u8]>, Key>);

impl Keys {
    /// Puts the request's variables in; returns what they say about the target.
    pub(super) fn fill<'a>(&mut self, environ: &Bound<'_, PyDict>, vars: &[Var<'a>]) -> PyResult<Target<'a>> {
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
