//! Loads the applications that the settings name, in uWSGI's order, and reports each.

mod code;
mod mounts;
mod source;
mod spec;
mod trouble;

use std::time::Instant;

use pyo3::prelude::*;
use rsgi_abi::guest::{App as Report, Host};
use rsgi_abi::types::QUERY_WORKER;

use crate::apps::{self, App};
use crate::border;
use crate::log;
use crate::settings::Settings;
use source::{Loaded, Source};
use trouble::Trouble;

/// What `load_apps` returns when a mounted application failed: uWSGI ends with exit code 22 there.
const MOUNT_FAILED: i32 = -22;

/// Loads everything; the number of applications, or a negative number when the process must not go on.
pub(crate) fn load_all(host: Host, settings: &Settings) -> i32 {
    Python::attach(|py| {
        for value in settings.list("pymodule-alias") {
            code::alias(py, value).unwrap_or_else(|trouble| trouble.report(py, "pymodule-alias", value));
        }
        settings.list("import").iter().for_each(|value| import(py, "import", value));
        let mut loader = Loader { py, host, settings, apps: Vec::new() };
        let went_on = loader.run();
        let apps = loader.apps;
        let count = i32::try_from(apps.len()).unwrap_or(i32::MAX);
        crate::api::publish_applications(py, &apps);
        apps::publish(apps, !settings.flag("no-default-app"), settings.flag("manage-script-name"));
        if border::query(QUERY_WORKER) == Some(0)
            && let Err(error) = freeze(py)
        {
            log::exception(py, &error);
        }
        if went_on { count } else { MOUNT_FAILED }
    })
}

/// What was made before the workers are forked is shared with them page by page: the garbage collector must not write
/// its marks there. Halves the memory of its own that a worker with Django needs. (`gc.unfreeze()` undoes it.)
fn freeze(py: Python<'_>) -> PyResult<()> {
    let gc = py.import("gc")?;
    gc.call_method0("collect")?;
    gc.call_method0("freeze").map(drop)
}

/// Runs every `shared-import`: before any fork, also when applications are loaded after it.
pub(crate) fn shared_imports(py: Python<'_>, settings: &Settings) {
    settings.list("shared-import").iter().for_each(|value| import(py, "shared-import", value));
}

/// Runs every `spooler-import`, in a new spooler.
pub(crate) fn spooler_imports(settings: &Settings) {
    Python::attach(|py| settings.list("spooler-import").iter().for_each(|value| import(py, "spooler-import", value)));
}

/// Imports a module or runs a file for its effects; a failure is logged and changes nothing else.
fn import(py: Python<'_>, option: &str, value: &str) {
    if let Err(trouble) = code::import(py, value) {
        trouble.report(py, option, value);
    }
}

struct Loader<'py, 'a> {
    py: Python<'py>,
    host: Host,
    settings: &'a Settings,
    apps: Vec<App>,
}

impl Loader<'_, '_> {
    /// Loads all; `false` when a mount failed.
    fn run(&mut self) -> bool {
        let sources = [
            self.settings.value("module").map(Source::module),
            self.settings.value("wsgi-file").map(Source::file),
            self.settings.value("paste").map(Source::paste),
            self.settings.value("ini-paste").map(Source::ini_paste),
            self.settings.value("ini-paste-logged").map(Source::ini_paste),
            self.settings.value("eval").map(Source::eval),
        ];
        for source in sources.into_iter().flatten() {
            self.load("", &source);
        }
        self.settings.list("mount").iter().all(|mount| match mounts::parse(mount) {
            Ok((mountpoint, source)) => self.load(mountpoint, &source),
            Err(reason) => {
                log::error(&format!("mount = {mount}: {reason}"));
                false
            }
        })
    }

    /// Loads one source at a mountpoint; `false` when that failed.
    fn load(&mut self, mountpoint: &str, source: &Source<'_>) -> bool {
        let mountpoint = mounts::normal(mountpoint);
        if self.is_taken(mountpoint) {
            log::warning(&format!("mountpoint {mountpoint} already configured. skip."));
            return true;
        }
        let start = Instant::now();
        let callable = self.settings.value("callable").filter(|name| !name.is_empty());
        match source.load(self.py, callable) {
            Ok(Loaded::One(app)) => self.add(mountpoint, source.name(), app.unbind(), start),
            Ok(Loaded::Several(apps)) => {
                log::info("found a multiapp module...");
                for (at, app) in apps {
                    let at = format!("{mountpoint}{}", mounts::normal(&at));
                    if self.is_taken(&at) {
                        log::warning(&format!("mountpoint {at} already configured. skip."));
                    } else {
                        self.add(&at, source.name(), app.unbind(), start);
                    }
                }
            }
            Err(trouble) => {
                self.fail(mountpoint, source, &trouble, start);
                return false;
            }
        }
        true
    }

    fn is_taken(&self, mountpoint: &str) -> bool {
        self.apps.iter().any(|app| app.mountpoint == mountpoint)
    }

    fn add(&mut self, mountpoint: &str, name: &str, callable: Py<PyAny>, start: Instant) {
        let number = self.apps.len();
        self.apps.push(App { callable, mountpoint: mountpoint.to_owned() });
        self.host.app_loaded(&Report {
            id: u32::try_from(number).ok(),
            is_default: number == 0 && !self.settings.flag("no-default-app"),
            micros: micros(start),
            mountpoint: mountpoint.as_bytes(),
            name: name.as_bytes(),
            error: b"",
        });
    }

    fn fail(&self, mountpoint: &str, source: &Source<'_>, trouble: &Trouble, start: Instant) {
        let reason = trouble.log(self.py);
        self.host.app_loaded(&Report {
            id: None,
            is_default: false,
            micros: micros(start),
            mountpoint: mountpoint.as_bytes(),
            name: source.name().as_bytes(),
            error: reason.as_bytes(),
        });
    }
}

fn micros(start: Instant) -> u64 {
    u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX)
}
