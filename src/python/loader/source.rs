//! The kinds of things that hold an application, and how each is loaded.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyModule};

use super::code::{execute, run_file, unreadable};
use super::spec;
use super::trouble::Trouble;

/// Where an application comes from.
#[derive(Debug, Clone, Copy)]
pub(super) enum Source<'a> {
    /// `package.module`, `package.module:name`, `package.module:factory("x")`.
    Module(&'a str),
    /// A Python file, whatever its suffix.
    File(&'a str),
    /// A Paste Deploy address: `config:/path` or `egg:Name`.
    Paste(&'a str),
    /// A Paste Deploy file.
    IniPaste(&'a str),
    /// Python source.
    Eval(&'a str),
}

/// Applications by mountpoint.
pub(super) type Mounted<'py> = Vec<(String, Bound<'py, PyAny>)>;

/// What a source holds.
pub(super) enum Loaded<'py> {
    /// One application.
    One(Bound<'py, PyAny>),
    /// A dict `applications`: mountpoint and application.
    Several(Mounted<'py>),
}

impl<'a> Source<'a> {
    pub(super) const fn module(value: &'a str) -> Self {
        Self::Module(value)
    }
    pub(super) const fn file(value: &'a str) -> Self {
        Self::File(value)
    }
    pub(super) const fn paste(value: &'a str) -> Self {
        Self::Paste(value)
    }
    pub(super) const fn ini_paste(value: &'a str) -> Self {
        Self::IniPaste(value)
    }
    pub(super) const fn eval(value: &'a str) -> Self {
        Self::Eval(value)
    }

    /// As the user wrote it.
    pub(super) const fn name(&self) -> &'a str {
        match self {
            Self::Module(text) | Self::File(text) | Self::Paste(text) | Self::IniPaste(text) | Self::Eval(text) => text,
        }
    }

    /// Loads it; `callable` is the option of that name.
    pub(super) fn load<'py>(&self, py: Python<'py>, callable: Option<&str>) -> Result<Loaded<'py>, Trouble> {
        match *self {
            Self::Module(text) => {
                let (name, expression) = match text.split_once(':') {
                    Some((name, expression)) => (name.trim(), Some(expression.trim())),
                    None => (text.trim(), callable),
                };
                if name.ends_with(".py") && std::path::Path::new(name).is_file() {
                    return Err(Trouble::Setting(format!("{name} is a file: load it by wsgi-file = {name}")));
                }
                let module = py.import(name).map_err(Trouble::raised(text))?;
                if name == "django.core.handlers.wsgi" {
                    set_up_django(py).map_err(Trouble::raised(text))?;
                }
                find(&module, expression, &format!("module {name}"))
            }
            Self::File(path) => find(&run_file(py, path)?, callable, &format!("file {path}")),
            Self::Eval(source) => {
                let code = source.as_bytes();
                find(&execute(py, code, "<eval>", "uwsgi_eval", "eval")?, callable, "the source of `eval`")
            }
            Self::Paste(address) => paste(py, address),
            Self::IniPaste(path) => {
                let path = std::path::absolute(path).map_err(|reason| unreadable(path, reason))?;
                paste(py, &format!("config:{}", path.display()))
            }
        }
    }
}

/// `module = django.core.handlers.wsgi:WSGIHandler()` is uWSGI's recipe from before Django 1.7; since then the handler
/// works only after `django.setup()`, which Django's own `get_wsgi_application()` calls first.
fn set_up_django(py: Python<'_>) -> PyResult<()> {
    if py.import("django.apps")?.getattr("apps")?.getattr("ready")?.is_truthy()? {
        return Ok(());
    }
    let options = PyDict::new(py);
    options.set_item("set_prefix", false)?;
    py.import("django")?.call_method("setup", (), Some(&options)).map(drop)
}

/// The application inside a module.
fn find<'py>(module: &Bound<'py, PyModule>, expression: Option<&str>, place: &str) -> Result<Loaded<'py>, Trouble> {
    if expression.is_none()
        && let Some(apps) = several(module)?
    {
        return Ok(Loaded::Several(apps));
    }
    spec::evaluate(module, expression.unwrap_or("application"), place).map(Loaded::One)
}

/// A module of several applications: `applications = {'/': app, '/x': 'name_of_app'}`, here or in the module `uwsgi`.
fn several<'py>(module: &Bound<'py, PyModule>) -> Result<Option<Mounted<'py>>, Trouble> {
    let py = module.py();
    let here = module.dict().get_item("applications").ok().flatten();
    let there = || py.import("uwsgi").and_then(|uwsgi| uwsgi.dict().get_item("applications")).ok().flatten();
    let filled = |found: &Bound<'py, PyAny>| found.cast::<PyDict>().is_ok_and(|dict| !dict.is_empty());
    let Some(found) = here.filter(filled).or_else(|| there().filter(filled)) else { return Ok(None) };
    let entry = |(key, value): (Bound<'py, PyAny>, Bound<'py, PyAny>)| {
        let mountpoint: String = key.extract().map_err(Trouble::raised("a key of `applications`"))?;
        let app = match value.extract::<String>() {
            Ok(name) => spec::evaluate(module, &name, "`applications`")?,
            Err(_) if value.is_callable() => value,
            Err(_) => return Err(Trouble::NoCallable { name: mountpoint, place: "`applications`".to_owned() }),
        };
        Ok((mountpoint, app))
    };
    // What a module has put there is taken once: it must not mount itself again with the next source.
    py.import("uwsgi").and_then(|uwsgi| uwsgi.setattr("applications", py.None())).map_err(Trouble::raised("uwsgi"))?;
    let found = found.cast_into::<PyDict>().map_err(|error| Trouble::raised("`applications`")(error.into()))?;
    found.iter().map(entry).collect::<Result<_, _>>().map(Some)
}

fn paste<'py>(py: Python<'py>, address: &str) -> Result<Loaded<'py>, Trouble> {
    let load = || {
        if let Some(path) = address.strip_prefix("config:")
            && crate::border::settings()
                .is_some_and(|settings| settings.flag("paste-logger") || settings.value("ini-paste-logged").is_some())
        {
            let options = PyDict::new(py);
            options.set_item("disable_existing_loggers", false)?;
            py.import("logging.config")?.call_method("fileConfig", (path,), Some(&options))?;
        }
        py.import("paste.deploy")?.call_method1("loadapp", (address,)).map(Loaded::One)
    };
    load().map_err(Trouble::raised(address))
}
