//! A worker: M cores (threads) that wait on one shared epoll set and answer requests through the plugin.
//!
//! * [`engine`]: what the cores share; [`table`]: who owns which connection at the moment.
//! * [`core`]: one core's loop; [`progress`], [`decode`]: bytes become requests; [`serve`]: a request through the plugin.
//! * [`proxy`], [`handshake`], [`session`]: what may come before a request; [`wire`]: the way of all bytes.
//! * [`ahead`], [`rest`]: the body before and during the request, [`upload`]: both alone; [`answer`], [`link`]: the answer, direct or by the router.
//! * [`naming`]: answers that leave their body to a file.
//! * [`offload`]: files that are sent without a core, with `offload-threads`.
//! * [`switch`], [`websocket`], [`tunnel`]: connections that become websockets.
//! * [`standby`]: a worker that is ready before the one it replaces has ended; [`retire`]: when one has served enough.
//! * [`sweep`]: expired connections, orders, signals, leaving.

mod affinity;
mod ahead;
mod answer;
mod backoff;
mod board;
mod clock;
mod connection;
mod core;
mod crowd;
pub(crate) mod deadline;
mod decode;
mod demand;
mod engine;
mod guardian;
mod handshake;
mod input;
mod link;
mod naming;
mod offload;
pub mod probe;
mod progress;
mod proxy;
mod rest;
mod retire;
mod serve;
mod session;
pub(crate) mod stacks;
mod standby;
mod stay;
mod sweep;
mod switch;
mod table;
#[cfg(test)]
mod tests;
mod tunnel;
mod turn;
pub mod upload;
mod websocket;
mod wire;

use std::os::fd::{AsFd, OwnedFd};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::signal::Signal;
use rsgi_abi::host::{Language, Remote};
use rsgi_config::{Config, Phase};

use crate::control::Report;
use crate::exit::Exit;
use crate::hooks::{self, HookError};
use crate::identity::identity;
use crate::logging::memo;
use crate::memory::meters::Meters;
use crate::memory::scoreboard::Scoreboard;
use crate::tls::Material;
use core::Core;
use engine::Engine;

/// Stack of a core's thread when `threads-stacksize` says nothing: what a main thread usually has. An interpreter's deep
/// recursion needs more than the 2 MiB of Rust's threads.
const STACK: usize = 8 << 20;

/// What a worker is born with.
#[derive(Debug)]
pub struct Job {
    /// Number of the worker, 1 first.
    pub id: u32,
    /// Generation of its zygote, 0 first.
    pub generation: u32,
    /// Process id of the master.
    pub master: u32,
    /// The configuration, resolved.
    pub config: Config,
    /// Listening sockets of the worker protocols, non-blocking.
    pub listeners: Vec<Listener>,
    /// Certificates and keys of encrypted listeners.
    pub material: Material,
    /// One end of each router's rendezvous: a link's far end is passed over it as a descriptor.
    pub rendezvous: Vec<OwnedFd>,
    /// Stream to the master ([`crate::control`]).
    pub control: OwnedFd,
    /// The plugin, initialised, forked into this process; applications loaded unless loading is lazy.
    pub language: Language,
    /// The instance's scoreboard.
    pub board: Scoreboard,
    /// A connection that is there from the beginning, with HTTP on it.
    pub visitor: Option<OwnedFd>,
    /// The instance's meters, when somebody reads them.
    pub meters: Option<Meters>,
    /// It loads the application and then waits for [`crate::control::Order::Begin`].
    pub stands_by: bool,
}

/// A listening socket as workers and routers get it.
#[derive(Debug)]
pub struct Listener {
    /// The socket.
    pub socket: OwnedFd,
    /// What is spoken on it.
    pub protocol: rsgi_config::Protocol,
    /// Address as bound, for logs and `SERVER_PORT`: `127.0.0.1:3031`, `/run/app.sock`.
    pub name: String,
}

/// Serves as a worker until it is told to leave. The caller ends the process with the result.
#[must_use]
pub fn run(mut job: Job) -> Exit {
    let language = job.language;
    let cores = job.config.workers.threads.max(1);
    let mercy = job.config.workers.worker_reload_mercy.0;
    if !job.stands_by {
        board::born(job.board, job.id);
    }
    if let Some(processors) = job.config.workers.cpu_affinity {
        affinity::tie(job.id, processors);
    }
    let signals = match catch_signals() {
        Ok(signals) => signals,
        Err(error) => return cannot_start(job.id, &error),
    };
    if job.config.workers.lazy_apps {
        memo::keep(true);
        let loaded = language.load_apps();
        if job.config.process.need_app && !matches!(loaded, Ok(1..)) {
            let _ = identity().is_some_and(|identity| identity.report(Report::NoApp));
            return Exit::NoApp;
        }
        memo::keep(false);
    }
    if job.stands_by {
        if let Some(exit) = standby::wait(&job, signals.as_fd()) {
            language.shutdown(u32::try_from(mercy.saturating_mul(1000)).unwrap_or(u32::MAX));
            return exit;
        }
        board::born(job.board, job.id);
    }
    let host_name = nix::unistd::gethostname().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let visitor = job.visitor.take();
    let engine = match Engine::new(job, host_name, signals) {
        Ok(engine) => engine,
        Err(error) => return cannot_start(0, &error.into()),
    };
    let exit = serve(&engine, language, cores, visitor);
    language.shutdown(u32::try_from(mercy.saturating_mul(1000)).unwrap_or(u32::MAX));
    exit
}

/// Runs all cores; the calling thread is core 0.
fn serve(engine: &Engine, language: Language, cores: u32, visitor: Option<OwnedFd>) -> Exit {
    let stack = engine.config.workers.threads_stacksize.and_then(|kib| usize::try_from(kib.saturating_mul(1024)).ok());
    std::thread::scope(|scope| {
        for core in 1..cores {
            let mut thread = std::thread::Builder::new().name(format!("rsgi-core-{core}"));
            thread = thread.stack_size(stack.unwrap_or(STACK));
            let remote = language.remote();
            if let Err(error) = thread.spawn_scoped(scope, move || run_core(engine, remote, core, cores)) {
                tracing::error!("worker {} cannot start core {core}: {error}", engine.id);
            }
        }
        offload::start(engine, scope);
        stacks::answer(language.remote(), engine.board, engine.id, &format!("worker {}", engine.id));
        if let Some(grace) = engine.config.workers.harakiri_graceful {
            let remote = language.remote();
            let guardian = move || guardian::watch(engine, remote, grace.duration());
            let builder = std::thread::Builder::new().name("rsgi-guardian".into());
            if let Err(error) = builder.spawn_scoped(scope, guardian) {
                tracing::error!("worker {} has no guardian, late requests are killed at once: {error}", engine.id);
            }
        }
        let Some(plugin) = language.remote().start_core(0) else {
            tracing::error!("worker {} core 0: the plugin is not ready", engine.id);
            engine.stop();
            return;
        };
        let mut core = Core::new(engine, 0, plugin, Some(language));
        if let Err(error) = run_hooks(engine) {
            tracing::error!("{}", crate::logging::chain(&error));
            engine.drain(Exit::Hook, engine::Hurry::Now);
            engine.stop();
            return;
        }
        // A worker that is born in a pause knows it from the beginning.
        core.obey();
        let early = match core.open(cores) {
            Ok(early) => early,
            Err(error) => {
                tracing::error!("worker {} cannot open its sockets: {error}", engine.id);
                engine.stop();
                return;
            }
        };
        // What the master is not told, it would wait for for ever.
        let _ = crate::passing::insist(|| engine.try_report(Report::Ready));
        early.into_iter().for_each(|link| core.drive(link));
        if let Some(visitor) = visitor {
            core.welcome(visitor);
        }
        core.run(cores);
    });
    Exit::Raw(engine.exit_code())
}

/// Those of the moment before a worker accepts.
fn run_hooks(engine: &Engine) -> Result<(), HookError> {
    // A probe accepts nothing.
    if engine.id == 0 {
        return Ok(());
    }
    let is_first = engine.id == 1;
    let is_new = engine.board.worker(engine.id).is_none_or(|slot| slot.spawns() <= 1);
    let phases = [
        (Phase::Accepting, true),
        (Phase::AcceptingOnce, is_new),
        (Phase::Accepting1, is_first),
        (Phase::Accepting1Once, is_first && is_new),
    ];
    phases.into_iter().filter(|(_, due)| *due).try_for_each(|(phase, _)| hooks::run(&engine.config, phase))
}

fn run_core(engine: &Engine, remote: Remote, core: u32, cores: u32) {
    match remote.start_core(core) {
        Some(plugin) => Core::new(engine, core, plugin, None).run(cores),
        None => tracing::error!("worker {} core {core}: the plugin is not ready", engine.id),
    }
}

/// Makes the signals that mean something to a worker, or to a process beside them, readable, unless the application has taken them.
pub(crate) fn catch_signals() -> std::io::Result<OwnedFd> {
    let (reader, writer) = nix::unistd::pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)?;
    for signal in [Signal::SIGHUP, Signal::SIGTERM, Signal::SIGINT, Signal::SIGQUIT, Signal::SIGUSR2] {
        rsgi_sys::signal::on(signal, writer.try_clone()?)?;
    }
    fcntl(reader.as_fd(), FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    Ok(reader)
}

fn cannot_start(id: u32, error: &std::io::Error) -> Exit {
    tracing::error!("worker {id} cannot start: {error}");
    Exit::WorkerEnd
}
