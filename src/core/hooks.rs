//! Hooks: runs what the options want done at a phase of the instance's life.

use std::fs::{OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use nix::unistd::{Group, User, chown};
use rsgi_config::{Awaited, Config, Hook, HookAct, Phase};
use tracing::{info, warn};

use crate::ending::Ending;
use crate::exit::Exit;
use crate::process::{change_environment, set_environment};

/// Why a hook has failed; the phase ends with it.
#[derive(Debug, thiserror::Error)]
#[error("{phase}: {act}")]
pub struct HookError {
    phase: &'static str,
    act: String,
    #[source]
    reason: Reason,
}

#[derive(Debug, thiserror::Error)]
enum Reason {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("the command ended badly, {0}")]
    Command(Ending),
    #[error("{0} not found")]
    Nobody(String),
    #[error("it is not there after {} seconds", PATIENCE.as_secs())]
    Absent,
}

/// Time that what is waited for has to come.
const PATIENCE: Duration = Duration::from_secs(60);

/// Pause between two looks for what is waited for.
const LOOK: Duration = Duration::from_millis(50);

/// Runs all hooks of `phase` in their order: those of `hook-…` first, then those of `exec-…`, as uWSGI does.
///
/// # Errors
/// The first that fails; those behind it are not run.
pub fn run(config: &Config, phase: Phase) -> Result<(), HookError> {
    let due = |late: bool| config.hooks.iter().filter(move |hook| hook.phase == phase && hook.late == late);
    due(false).chain(due(true)).try_for_each(|hook| run_one(config, phase_name(phase), &hook.act))
}

/// Runs one action.
///
/// # Errors
/// When it fails.
pub fn run_one(config: &Config, phase: &'static str, act: &HookAct) -> Result<(), HookError> {
    info!("running \"{act}\" ({phase})...");
    act_out(config, act).map_err(|reason| HookError { phase, act: act.to_string(), reason })
}

/// Runs one action for somebody who has other things to do: one that may take its time runs on a thread of its own. What fails
/// is a warning. Commands are not for here: whoever starts children waits for them itself.
pub fn run_beside(config: &Config, phase: &'static str, act: HookAct) {
    let told = |result: Result<(), HookError>| {
        if let Err(error) = result {
            warn!("{}", crate::logging::chain(&error));
        }
    };
    if !matches!(act, HookAct::SpinningFifo(..) | HookAct::WaitFor(..) | HookAct::Write(..)) {
        return told(run_one(config, phase, &act));
    }
    let config = config.clone();
    let thread = std::thread::Builder::new().name("rsgi-hook".into());
    if let Err(error) = thread.spawn(move || told(run_one(&config, phase, &act))) {
        warn!("{phase}: no thread for a hook: {error}");
    }
}

/// Whether a phase of workers has something to do.
#[must_use]
pub fn has(config: &Config, phase: Phase) -> bool {
    config.hooks.iter().any(|hook: &Hook| hook.phase == phase)
}

const fn phase_name(phase: Phase) -> &'static str {
    match phase {
        Phase::Asap => "asap",
        Phase::PreJail => "pre-jail",
        Phase::PostJail => "post-jail",
        Phase::InJail => "in-jail",
        Phase::AsRoot => "as-root",
        Phase::AsUser => "as-user",
        Phase::PreApp => "pre-app",
        Phase::PostApp => "post-app",
        Phase::MasterStart => "master-start",
        Phase::PostFork => "post-fork",
        Phase::Accepting => "accepting",
        Phase::Accepting1 => "accepting1",
        Phase::AcceptingOnce => "accepting-once",
        Phase::Accepting1Once => "accepting1-once",
        Phase::AsMule => "as-mule",
        Phase::AsGateway => "as-gateway",
        Phase::AtExit => "as-user-atexit",
        Phase::EmperorStart => "emperor-start",
        Phase::EmperorStop => "emperor-stop",
        Phase::EmperorReload => "emperor-reload",
        Phase::EmperorLost => "emperor-lost",
        Phase::AsEmperor => "as-emperor",
    }
}

fn act_out(config: &Config, act: &HookAct) -> Result<(), Reason> {
    match act {
        HookAct::Exec(command) => exec(config, command),
        HookAct::SafeExec(command) => {
            if let Err(reason) = exec(config, command) {
                warn!("\"{command}\": {reason}");
            }
            Ok(())
        }
        HookAct::Cd(path) => Ok(std::env::set_current_dir(path)?),
        HookAct::Exit(code) => rsgi_sys::fork::exit_now(Exit::Raw(*code).code()),
        HookAct::Print(text) => {
            crate::logging::line(text.as_bytes());
            Ok(())
        }
        HookAct::Write(path, text) => {
            let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(path)?;
            Ok(file.write_all(text.as_bytes())?)
        }
        HookAct::Append(path, text) => {
            let mut file = OpenOptions::new().append(true).create(true).open(path)?;
            Ok(file.write_all(text.as_bytes())?)
        }
        HookAct::WriteFifo(path, text) => match write_fifo(path, text) {
            Err(error) if is_without_reader(&error) => {
                warn!("{}: nobody reads it, so \"{text}\" is lost", path.display());
                Ok(())
            }
            written => Ok(written?),
        },
        HookAct::SpinningFifo(path, text) => loop {
            match write_fifo(path, text) {
                Err(error) if is_without_reader(&error) => std::thread::sleep(LOOK),
                written => break Ok(written?),
            }
        },
        HookAct::WaitFor(kind, path) => wait_for(*kind, path),
        HookAct::PutEnv(change) => {
            change_environment(change);
            Ok(())
        }
        HookAct::Alarm(alarm) => {
            warn!("alarms are not built: \"{alarm}\" is not raised");
            Ok(())
        }
        HookAct::Create(path) => {
            OpenOptions::new().append(true).create(true).open(path)?;
            Ok(())
        }
        HookAct::Unlink(path) => Ok(std::fs::remove_file(path)?),
        HookAct::Mkdir(path) => match std::fs::create_dir(path) {
            // It is there, which is what was wanted.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
            made => Ok(made?),
        },
        HookAct::Chmod(path, mode) => Ok(std::fs::set_permissions(path, Permissions::from_mode(*mode))?),
        HookAct::Sticky(path) => {
            let mode = std::fs::metadata(path)?.permissions().mode() | 0o1000;
            Ok(std::fs::set_permissions(path, Permissions::from_mode(mode))?)
        }
        HookAct::Chown(path, user, group) => give(path, user, group),
        HookAct::Signal(number, function) => {
            // What containers ask for: here SIGTERM stops gracefully anyway.
            let is_met = *number == nix::libc::SIGTERM && function == "gracefully_kill_them_all";
            if !is_met {
                tracing::warn!("unix_signal: signal {number} keeps its meaning, {function} cannot be given to it");
            }
            Ok(())
        }
        HookAct::Hostname(name) => Ok(nix::unistd::sethostname(name).map_err(io::Error::from)?),
    }
}

/// Writes to a pipe that is there, and that somebody reads: never waits for either.
fn write_fifo(path: &Path, text: &str) -> io::Result<()> {
    let mut pipe = OpenOptions::new().write(true).custom_flags(nix::libc::O_NONBLOCK).open(path)?;
    pipe.write_all(text.as_bytes())
}

fn is_without_reader(error: &io::Error) -> bool {
    error.raw_os_error() == Some(nix::libc::ENXIO)
}

fn wait_for(kind: Awaited, path: &Path) -> Result<(), Reason> {
    let begun = Instant::now();
    info!("waiting for {} (max {} seconds) ...", path.display(), PATIENCE.as_secs());
    loop {
        let is_it = std::fs::metadata(path).is_ok_and(|found| match kind {
            Awaited::Anything => true,
            Awaited::File => found.is_file(),
            Awaited::Directory => found.is_dir(),
            Awaited::Socket => found.file_type().is_socket(),
        });
        if is_it {
            info!("{} found", path.display());
            return Ok(());
        }
        if begun.elapsed() >= PATIENCE {
            return Err(Reason::Absent);
        }
        std::thread::sleep(LOOK);
    }
}

fn exec(config: &Config, command: &str) -> Result<(), Reason> {
    let mut shell = Command::new("/bin/sh");
    shell.arg("-c").arg(command);
    set_environment(&mut shell, config);
    match Ending::of_command(shell.status()?) {
        Ending::Exited(0) => Ok(()),
        ending => Err(Reason::Command(ending)),
    }
}

fn give(path: &PathBuf, user: &str, group: &str) -> Result<(), Reason> {
    let nobody = |name: &str| Reason::Nobody(name.to_owned());
    let uid = match user.parse() {
        Ok(number) => nix::unistd::Uid::from_raw(number),
        Err(_) => User::from_name(user).ok().flatten().ok_or_else(|| nobody(user))?.uid,
    };
    let gid = match group.parse() {
        Ok(number) => nix::unistd::Gid::from_raw(number),
        Err(_) => Group::from_name(group).ok().flatten().ok_or_else(|| nobody(group))?.gid,
    };
    Ok(chown(path, Some(uid), Some(gid)).map_err(io::Error::from)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run_all(acts: impl IntoIterator<Item = HookAct>) -> Result<(), String> {
        let hooks = acts.into_iter().map(|act| Hook { phase: Phase::Asap, act, late: false }).collect();
        let config = Config { hooks, ..Config::default() };
        assert!(has(&config, Phase::Asap) && !has(&config, Phase::AtExit));
        run(&config, Phase::Asap).map_err(|error| crate::logging::chain(&error))
    }

    #[test]
    fn what_is_done_is_done_in_order() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        run_all([
            HookAct::Mkdir(path("d")),
            HookAct::Mkdir(path("d")),
            HookAct::Write(path("d/a"), "text\n".into()),
            HookAct::Chmod(path("d/a"), 0o600),
            HookAct::Create(path("d/b")),
            HookAct::Unlink(path("d/b")),
            HookAct::Exec(format!("cat {0}/d/a {0}/d/a > {0}/c", directory.path().display())),
        ])
        .unwrap();
        assert_eq!(std::fs::read_to_string(path("c")).unwrap(), "text\ntext\n");
        assert_eq!(std::fs::metadata(path("d/a")).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(!path("d/b").exists());
    }

    #[test]
    fn what_fails_ends_the_phase() {
        let directory = tempfile::tempdir().unwrap();
        let proof = directory.path().join("proof");
        let error = run_all([HookAct::Exec("exit 3".into()), HookAct::Create(proof.clone())]).unwrap_err();
        insta::assert_snapshot!(error, @r#"asap: exec:exit 3: the command ended badly, exit code 3"#);
        assert!(!proof.exists());
        let error = run_all([HookAct::Chown(proof, "nobody-of-that-name".into(), "0".into())]).unwrap_err();
        assert!(error.ends_with("nobody-of-that-name not found"), "{error}");
    }
}
