//! Starts the interpreter through `PyConfig` (PEP 587), so that an application sees an ordinary Python.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString, OsStr, c_char, c_void};
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use pyo3::ffi;
use pyo3::prelude::*;
use rsgi_abi::guest::Host;

use crate::home::{self, Home, HomeError};
use crate::settings::Settings;
use crate::{api, loader, log, place, search_path, stacks, uncaught, wsgi};

/// Why the interpreter did not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error(transparent)]
    Home(#[from] HomeError),
    #[error("the option {0} has a NUL byte in its value")]
    Nul(&'static str),
    #[error("the Python interpreter does not start: {0}")]
    Refused(String),
    #[error("the Python interpreter has started, but cannot be prepared: {0}")]
    Prepare(String),
}

/// Starts it on this thread, prepares what applications expect, and lets go of the interpreter lock.
pub(crate) fn start(host: Host, settings: &Settings) -> Result<(), StartError> {
    let home = choose(settings)?;
    initialise(&Startup::new(settings, &home)?)?;
    let prepared = Python::attach(|py| {
        prepare(py, host, settings).map_err(|error| {
            log::exception(py, &error);
            StartError::Prepare(log::summary(py, &error))
        })
    });
    // SAFETY: `initialise` left this thread attached; nobody relies on that from here on.
    unsafe { ffi::PyEval_SaveThread() };
    prepared
}

fn choose(settings: &Settings) -> Result<Home, StartError> {
    if let Some(path) = settings.value("home").filter(|path| !path.is_empty()) {
        let home = home::given(Path::new(path))?;
        log::info(&format!("Set PythonHome to {path}"));
        return Ok(home);
    }
    let binary = std::env::current_exe().ok();
    let (home, refused) = home::found(binary.as_deref(), library().as_deref());
    if let Some(refused) = refused {
        log::warning(&format!("not used: {refused}"));
    }
    Ok(home)
}

/// The file that the running libpython was loaded from.
fn library() -> Option<PathBuf> {
    let mut info = MaybeUninit::<libc::Dl_info>::zeroed();
    let inside = ffi::Py_IsInitialized as *const c_void;
    // SAFETY: `info` is writable; zero says that nothing was found.
    if unsafe { libc::dladdr(inside, info.as_mut_ptr()) } == 0 {
        return None;
    }
    // SAFETY: filled in by the successful call above (and all-zero is a valid value of it besides).
    let name = unsafe { info.assume_init() }.dli_fname;
    if name.is_null() {
        return None;
    }
    // SAFETY: a NUL-terminated string of the dynamic loader, which lives as long as the library is loaded.
    let name = unsafe { CStr::from_ptr(name) };
    Some(PathBuf::from(OsStr::from_bytes(name.to_bytes())))
}

/// The values that go into `PyConfig`.
struct Startup {
    program: Option<CString>,
    executable: Option<CString>,
    prefix: Option<CString>,
    argv: Vec<CString>,
    site: bool,
    optimize: i32,
}

impl Startup {
    fn new(settings: &Settings, home: &Home) -> Result<Self, StartError> {
        let text = |name, bytes: &[u8]| CString::new(bytes).map_err(|_| StartError::Nul(name));
        let path = |path: &Path| text("home", path.as_os_str().as_bytes());
        let (program, prefix) = match home {
            Home::Program(program) => (Some(path(program)?), None),
            Home::Prefix(prefix) => {
                let program = prefix.join("bin").join(format!("python{}", home::VERSION));
                (program.is_file().then(|| path(&program)).transpose()?, Some(path(prefix)?))
            }
            Home::Search => (None, None),
        };
        let named = |name| settings.value(name).map(|value| text(name, value.as_bytes())).transpose();
        let words = settings.value("pyargv").into_iter().flat_map(str::split_whitespace);
        let argv = std::iter::once("uwsgi").chain(words).map(|word| text("pyargv", word.as_bytes()));
        Ok(Self {
            executable: named("py-executable")?.or_else(|| program.clone()),
            program: named("py-programname")?.or(program),
            prefix,
            argv: argv.collect::<Result<_, _>>()?,
            site: !settings.flag("no-site"),
            optimize: settings.value("optimize").and_then(|level| level.trim().parse().ok()).unwrap_or(0),
        })
    }
}

fn initialise(startup: &Startup) -> Result<(), StartError> {
    let mut config = MaybeUninit::<ffi::PyConfig>::uninit();
    // SAFETY: the function initialises the whole structure.
    let mut config = unsafe {
        ffi::PyConfig_InitPythonConfig(config.as_mut_ptr());
        config.assume_init()
    };
    // Signals belong to the core (and to the application that asks for them); our command line is not Python's.
    config.install_signal_handlers = 0;
    config.parse_argv = 0;
    config.site_import = i32::from(startup.site);
    if startup.optimize > 0 {
        config.optimization_level = startup.optimize;
    }
    let done = configure(&mut config, startup).and_then(|()| {
        // SAFETY: a configuration made by the interpreter's own functions, used once, on the thread that becomes main.
        checked(unsafe { ffi::Py_InitializeFromConfig(&raw const config) })
    });
    // SAFETY: initialised above, not used afterwards.
    unsafe { ffi::PyConfig_Clear(&raw mut config) };
    done
}

fn configure(config: &mut ffi::PyConfig, startup: &Startup) -> Result<(), StartError> {
    let config = std::ptr::from_mut(config);
    let set = move |field: *mut *mut libc::wchar_t, value: &Option<CString>| match value {
        // SAFETY: `field` is a string field of `config`; the value is NUL-terminated and copied by the call.
        Some(value) => checked(unsafe { ffi::PyConfig_SetBytesString(config, field, value.as_ptr()) }),
        None => Ok(()),
    };
    // SAFETY: projections into the live structure behind `config`.
    let (program, executable, home) =
        unsafe { (&raw mut (*config).program_name, &raw mut (*config).executable, &raw mut (*config).home) };
    set(program, &startup.program)?;
    set(executable, &startup.executable)?;
    set(home, &startup.prefix)?;
    let mut argv: Vec<*const c_char> = startup.argv.iter().map(|word| word.as_ptr()).collect();
    // SAFETY: `argv` holds that many NUL-terminated strings, copied by the call.
    checked(unsafe { ffi::PyConfig_SetBytesArgv(config, argv.len() as ffi::Py_ssize_t, argv.as_mut_ptr()) })
}

fn checked(status: ffi::PyStatus) -> Result<(), StartError> {
    // SAFETY: looks at the value only.
    if unsafe { ffi::PyStatus_Exception(status) } == 0 {
        return Ok(());
    }
    let text = |text: *const c_char| {
        // SAFETY: null, or a static NUL-terminated string of the interpreter.
        (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
    };
    let parts = [text(status.func), text(status.err_msg)];
    Err(StartError::Refused(parts.into_iter().flatten().collect::<Vec<_>>().join(": ")))
}

/// What applications find in place before the first of them is imported.
fn prepare(py: Python<'_>, host: Host, settings: &Settings) -> PyResult<()> {
    log::info(&format!("Python version: {}", Python::version_str().replace('\n', " ")));
    let sys = py.import("sys")?;
    // A log is read while the server runs: lines leave when they end, also when stdout is no terminal.
    for stream in ["stdout", "stderr"] {
        let stream = sys.getattr(stream)?;
        if stream.hasattr("reconfigure")? {
            let options = pyo3::types::PyDict::new(py);
            options.set_item("line_buffering", true)?;
            stream.call_method("reconfigure", (), Some(&options))?;
        }
    }
    leave_interrupts_alone(py)?;
    search_path::apply(py, settings.list("pythonpath"))?;
    stacks::prepare(py)?;
    place::prepare(py)?;
    uncaught::prepare(py)?;
    wsgi::child::watch(py)?;
    api::install(py, settings)?;
    wsgi::environ::prepare(py, host)?;
    loader::shared_imports(py, settings);
    Ok(())
}

/// The first import of `signal` takes SIGINT for KeyboardInterrupt, whatever `install_signal_handlers` says, unless
/// somebody handles it already. Here it stays what it was: stopping is the core's business.
fn leave_interrupts_alone(py: Python<'_>) -> PyResult<()> {
    let signal = py.import("signal")?;
    let number = signal.getattr("SIGINT")?;
    if signal.call_method1("getsignal", (&number,))?.is(&signal.getattr("default_int_handler")?) {
        signal.call_method1("signal", (number, signal.getattr("SIG_DFL")?))?;
    }
    Ok(())
}
