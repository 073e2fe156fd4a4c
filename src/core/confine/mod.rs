//! Confinement: what a process cannot do any more, whatever runs in it.
//!
//! Routers are confined always, applications where `sandbox` asks for it; both for good, and before the first byte of a client
//! or of an application is looked at. [`files`] is about the file system and the network (Landlock), [`calls`] about system calls
//! (seccomp), [`places`] about which directories a configuration needs.

mod calls;
mod exec;
mod files;
mod places;

use std::path::{Path, PathBuf};

use rsgi_config::{Config, SandboxProfile};
use tracing::{info, warn};

use crate::tls::Material;
use files::{Files, Scope};

/// Why a sandbox cannot be what was asked for.
#[derive(Debug, thiserror::Error)]
pub enum ConfineError {
    /// An option names something that is not there.
    #[error("{option}: {} cannot be looked at: make it, or leave it out", path.display())]
    Absent {
        /// The option.
        option: &'static str,
        /// What it names.
        path: PathBuf,
        /// What the kernel said.
        source: std::io::Error,
    },
    /// The kernel knows Landlock, and refuses.
    #[error("the file system cannot be confined")]
    Files(#[from] landlock::RulesetError),
    /// The kernel knows filters, and refuses.
    #[error("system calls cannot be confined")]
    Calls(#[from] calls::CallsError),
}

/// Confines a router: it reads static files and certificates, appends to its log, serves the connections of the listeners
/// that it has, and nothing else. Where the kernel cannot do that, the router serves as it is.
pub fn router(config: &Config, material: &Material) {
    let names = config.router.sni_dir.iter().map(|folder| config.start_dir.join(folder));
    let files = Files {
        read: places::of_statics(config)
            .chain(material.folders())
            .chain(names)
            .chain(places::TIME_ZONES.map(PathBuf::from))
            .collect(),
        write: places::of_logs(config),
        scope: Scope::Nothing,
        ..Files::default()
    };
    match files.confine().map_err(ConfineError::from) {
        Ok(true) => {}
        Ok(false) => info!("this kernel has no Landlock: the router's files are not confined"),
        Err(error) => warn!("{}", crate::logging::chain(&error)),
    }
    match calls::router() {
        Ok(true) => {}
        Ok(false) => info!("this kernel has no filters: the router's system calls are not confined"),
        Err(error) => warn!("{}", crate::logging::chain(&error)),
    }
}

/// Confines this process and all that it forks to what `sandbox` leaves, if anything is asked for; `code` is what language and application are
/// read from.
///
/// # Errors
/// When an option names what is not there, or the kernel refuses what it knows. What it does not know is told, and left out.
pub fn application(config: &Config, code: Vec<PathBuf>) -> Result<(), ConfineError> {
    let sandbox = &config.sandbox;
    if sandbox.profile == SandboxProfile::Off {
        return Ok(());
    }
    let base = crate::statics::base(config);
    let (read, exec) = (named("sandbox-read", &base, &sandbox.read)?, named("sandbox-exec", &base, &sandbox.exec)?);
    let listed =
        if sandbox.write.is_empty() { places::scratch() } else { named("sandbox-write", &base, &sandbox.write)? };
    let loaders = exec::loaders(&exec);
    let files = Files {
        read: places::SYSTEM
            .map(PathBuf::from)
            .into_iter()
            .chain(places::of_statics(config))
            .chain(code)
            .chain(read)
            .collect(),
        write: listed.iter().cloned().chain(places::of_logs(config)).chain(places::of_spools(config)).collect(),
        exec: exec.iter().cloned().chain(loaders).collect(),
        devices: places::DEVICES.map(PathBuf::from).to_vec(),
        scope: Scope::Network,
    };
    let has_files = files.confine()?;
    let has_calls = calls::web(exec.is_empty())?;
    info!("sandbox web: may write {}; may run {}", list(&listed), list(&exec));
    if !has_files {
        warn!("sandbox: this kernel has no Landlock (it is of Linux 5.13): files are not confined, system calls are");
    }
    if !has_calls {
        warn!("sandbox: this kernel has no filters: system calls are not confined");
    }
    Ok(())
}

/// Places that were named have to be there: a slip in a name would confine more than was meant.
fn named(option: &'static str, base: &Path, paths: &[PathBuf]) -> Result<Vec<PathBuf>, ConfineError> {
    let look = |path: &PathBuf| {
        let path = base.join(path);
        match std::fs::metadata(&path) {
            Ok(_) => Ok(path),
            Err(source) => Err(ConfineError::Absent { option, path, source }),
        }
    };
    paths.iter().map(look).collect()
}

fn list(paths: &[PathBuf]) -> String {
    if paths.is_empty() {
        return "nothing".into();
    }
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
