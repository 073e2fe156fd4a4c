//! The program: a role if a master has given one, otherwise the configuration decides. The only place that prints an error
//! of the start or ends the process.
#![forbid(unsafe_code)]

use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use rsgi::exit::Exit;
use rsgi::master::succession;
use rsgi::process::{self, Descriptors, Handover, HandoverError, Meaning};
use rsgi::role::{Role, title};
use rsgi::router::Job;
use rsgi::startup::{self, Sources};
use rsgi::tell::tell;
use rsgi::{emperor, logging, master, plugins, privileges, program, signals, tools, zygote};
use rsgi_config::Loaded;

fn main() {
    // A title is written over the arguments, so they are read before there can be one.
    let argument = std::env::args_os().nth(1);
    let succession = succession::claim();
    logging::open();
    if let Err(error) = rsgi_sys::inherit::register() {
        tracing::warn!("descriptors that this process was started with are out of reach: {error}");
    }
    let mut fallback = None;
    let is = |wanted: &str| argument.as_deref().is_some_and(|argument| argument == wanted);
    let exit = match (argument.as_deref().and_then(Role::from_argument), succession) {
        (Some(role), _) => run_role(role),
        (None, Some(document)) => {
            program::path();
            succession::succeed(document)
        }
        _ if is(program::FINGERPRINT_ARGUMENT) => print(program::FINGERPRINT, 0),
        _ if is(succession::rehearsal::ARGUMENT) => print(&succession::rehearsal::rehearse(), 0),
        _ => run_master(&mut fallback),
    };
    logging::collector::end();
    if let Some(path) = fallback.filter(|_| exit.code() == Exit::Config.code()) {
        fall_back(&path, argument.as_deref());
    }
    rsgi_sys::fork::exit_now(exit.code());
}

/// Starts anew with `fallback-config` as the only argument; returns when that is what has just failed, as the argument tells.
fn fall_back(path: &Path, argument: Option<&OsStr>) {
    if argument == Some(path.as_os_str()) {
        return;
    }
    tracing::warn!("the instance cannot run as configured: starting with {}", path.display());
    let mut command = Command::new("/proc/self/exe");
    command.arg0("rsgi").arg(path);
    // A vassal goes on talking to its emperor.
    if let Err(error) = emperor::lord::hand_on(&mut command) {
        tracing::warn!("the emperor is out of reach: {error}");
    }
    let error = command.exec();
    tracing::error!("{} cannot be started: {error}", path.display());
}

fn run_role(role: Role) -> Exit {
    let taken = process::take_over(role).and_then(|(handover, descriptors)| {
        logging::dress(&handover.config.log);
        logging::panics::be(match role {
            Role::Zygote => "zygote".into(),
            Role::Router => format!("router {}", handover.id),
        });
        if let Some(title) = title(&handover.config.process, role.titled(handover.id)) {
            rsgi_sys::title::set(&title);
        }
        // A plugin that is named with a root directory to change to lies outside.
        let language = match role {
            Role::Zygote if handover.config.process.chroot.is_some() => match plugins::choose(&handover.config) {
                Ok(language) => Some(language),
                Err(error) => return Ok(fail(&error)),
            },
            _ => None,
        };
        // Before anything of the application or the network is looked at.
        let rights = match role {
            Role::Zygote => handover.config.process.clone(),
            Role::Router => privileges::of_router(&handover.config),
        };
        if let Err(error) = privileges::drop(&rights) {
            return Ok(fail(&error));
        }
        match role {
            Role::Zygote => Ok(zygote::run(handover, descriptors, language)),
            Role::Router => {
                signals::disregard_all();
                router_job(handover, descriptors).map(rsgi::router::run)
            }
        }
    });
    taken.unwrap_or_else(|error: HandoverError| fail(&error))
}

fn router_job(handover: Handover, mut descriptors: Descriptors) -> Result<Job, HandoverError> {
    let listeners = descriptors.all(|meaning| (*meaning == Meaning::Bind).then_some(()));
    Ok(Job {
        id: handover.id,
        config: handover.config,
        material: handover.material,
        listeners: listeners.into_iter().map(|((), fd)| fd).collect(),
        rendezvous: descriptors.one(&Meaning::Rendezvous, "the rendezvous")?,
        control: descriptors.one(&Meaning::Control, "the control stream")?,
        meters: descriptors.meters(),
    })
}

/// Runs an instance; `fallback` becomes the configuration to start with instead if it cannot run.
fn run_master(fallback: &mut Option<PathBuf>) -> Exit {
    program::path();
    let sources = match Sources::here() {
        Ok(sources) => sources,
        Err(error) => return fail(&error),
    };
    match sources.load() {
        Ok(Loaded::Print { text, exit_code }) => print(&text, exit_code),
        Ok(Loaded::Tool { tool, words }) => tools::run(tool, &words, &sources),
        Ok(Loaded::Tell { message, pidfile }) => match tell(message, &pidfile) {
            Ok(()) => Exit::Ok,
            Err(error) => fail(&error),
        },
        Ok(Loaded::Run { config, .. }) if config.plugins.build.is_some() => {
            let words = config.plugins.build.unwrap_or_default();
            plugins::build(&words, &config.start_dir).map_or_else(|error| fail(&error), |line| print(&line, 0))
        }
        Ok(Loaded::Run { config, warnings, printed }) => {
            fallback.clone_from(&config.process.fallback_config);
            match startup::start(sources, config, &warnings, &printed) {
                Ok(started) if !started.config.emperor.sources.is_empty() => emperor::run(started),
                Ok(started) => master::run(started),
                Err(error) => fail(&error),
            }
        }
        Err(error) => {
            fallback.clone_from(&error.fallback);
            logging::sink::write(format!("{}\n", error.to_string().trim_end()).as_bytes());
            Exit::Raw(error.exit_code())
        }
    }
}

/// Prints what was asked for. A reader that went away (`rsgi --help | head`) is no failure.
fn print(text: &str, exit_code: i32) -> Exit {
    let mut output = std::io::stdout().lock();
    let _ = output.write_all(text.as_bytes()).and_then(|()| output.flush());
    Exit::Raw(exit_code)
}

fn fail(error: &dyn std::error::Error) -> Exit {
    tracing::error!("{}", logging::chain(error));
    Exit::Config
}
