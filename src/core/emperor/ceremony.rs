//! What an emperor has done beside its vassals: hooks of its own life, and programs that are told of each vassal.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rsgi_config::{Config, HookAct, Phase};
use tracing::{info, warn};

use super::court::Stamp;
use crate::ending::Ending;
use crate::hooks;
use crate::logging::chain;

/// Runs the hooks of a phase of the emperor itself. One that fails is named in the log: vassals are not to suffer from it.
pub(super) fn hold(config: &Config, phase: Phase) {
    if let Err(error) = hooks::run(config, phase) {
        warn!("[emperor] {}", chain(&error));
    }
}

/// Before a vassal is started: `hook-as-emperor`.
pub(super) fn before(config: &Config) {
    for hook in config.hooks.iter().filter(|hook| hook.phase == Phase::AsEmperor && !hook.late) {
        if let Err(error) = hooks::run_one(config, "as-emperor", &hook.act) {
            warn!("[emperor] {}", chain(&error));
        }
    }
}

/// A vassal has been started: `exec-as-emperor`, then `vassals-start-hook`.
pub(super) fn started(config: &Config, path: &Path, stamp: Stamp, pid: u32) {
    for hook in config.hooks.iter().filter(|hook| hook.phase == Phase::AsEmperor && hook.late) {
        let HookAct::Exec(command) = &hook.act else { continue };
        let name = name(path).to_string_lossy();
        info!("running \"{command}\" (as-emperor for vassal \"{name}\" pid: {pid})...");
        let mut shell = Command::new("/bin/sh");
        shell.arg("-c").arg(command);
        shell.env("UWSGI_VASSAL_CONFIG", name.as_ref()).env("UWSGI_VASSAL_PID", pid.to_string());
        shell.env("UWSGI_VASSAL_UID", stamp.uid.to_string()).env("UWSGI_VASSAL_GID", stamp.gid.to_string());
        run(shell, command, path);
    }
    if let Some(program) = &config.emperor.start_hook {
        tell(&config.start_dir, program, "start-hook", path);
    }
}

/// A vassal has ended: `vassals-stop-hook`.
pub(super) fn ended(config: &Config, path: &Path) {
    if let Some(program) = &config.emperor.stop_hook {
        tell(&config.start_dir, program, "stop-hook", path);
    }
}

fn tell(base: &Path, program: &Path, what: &str, path: &Path) {
    let name = name(path);
    info!("[emperor] running vassal {what}: {} {}", program.display(), name.to_string_lossy());
    let mut command = Command::new(located(base, program));
    command.arg(name);
    run(command, what, path);
}

/// Runs a command in the directory of the vassal's file, and waits for it as uWSGI does.
fn run(mut command: Command, what: &str, path: &Path) {
    command.current_dir(path.parent().unwrap_or(Path::new("/"))).stdin(Stdio::null());
    match command.status() {
        Ok(status) if status.success() => {}
        Ok(status) => warn!("[emperor] {what} for {}: {}", path.display(), Ending::of_command(status)),
        Err(error) => warn!("[emperor] {what} for {} cannot be run: {error}", path.display()),
    }
}

/// A program: by its path, relative to where the emperor was started, or by a bare name that is searched for as a shell does.
pub(super) fn located(base: &Path, program: &Path) -> PathBuf {
    let is_bare = program.components().count() == 1 && !program.as_os_str().as_encoded_bytes().contains(&b'/');
    if is_bare { program.to_owned() } else { base.join(program) }
}

/// A vassal is known by the name of its file.
fn name(path: &Path) -> &OsStr {
    path.file_name().unwrap_or(path.as_os_str())
}
