//! The zygote: loads one language and the application, then does nothing but fork (workers, mules, spoolers) and wait for its forks.
//!
//! It runs one thread of ours and no runtime, so that a fork leaves nothing half done. It leaves when the master closes
//! the channel; its workers then belong to the master.

pub mod message;
mod services;

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, waitid, waitpid};
use nix::unistd::Pid;
use rsgi_abi::host::Language;
use rsgi_config::{Config, Phase};
use rsgi_sys::fork::{Fork, fork, pidfd};
use tracing::{error, warn};

use crate::aside::mailbox::Mailboxes;
use crate::aside::{self, desk, mule, spool, spooler};
use crate::ending::Ending;
use crate::exit::Exit;
use crate::identity;
use crate::locks::Locks;
use crate::logging::memo;
use crate::master::fleet::Kind;
use crate::memory::meters::Meters;
use crate::memory::scoreboard::Scoreboard;
use crate::memory::signals::Signals;
use crate::passing::{PAUSE, is_passing, is_passing_error};
use crate::process::{Descriptors, Handover, HandoverError, Meaning};
use crate::role::{Titled, title};
use crate::worker::{self, Job, Listener, probe};
use crate::{confine, hooks, logging, plugins, signals, tls};
use message::{Answer, Request};
use services::Server;

/// What a zygote, and after a fork its child, is made of.
struct Nest {
    handover: Handover,
    language: Language,
    board: Scoreboard,
    meters: Option<Meters>,
    mules: Scoreboard,
    spoolers: Scoreboard,
    listeners: Vec<Listener>,
    rendezvous: Vec<OwnedFd>,
}

/// A process that was forked and lives.
struct Child {
    birth: u64,
    kind: Kind,
    number: u32,
    pid: Pid,
    ended: OwnedFd,
}

/// How the zygote's loop ends: as itself, or in the child of a fork.
enum Leave {
    Done,
    Born { kind: Kind, number: u32, stands_by: bool, control: OwnedFd },
}

/// Runs as a zygote; returns in the zygote and in each of its workers, with the code to end with. `language` is there
/// already when it could not be found from here.
#[must_use]
pub fn run(handover: Handover, descriptors: Descriptors, language: Option<Language>) -> Exit {
    // While it imports it does not see the end of its master; afterwards it does, and its workers are to outlive that.
    die_with_master(true);
    let (nest, channel, apps) = match load(handover, descriptors, language) {
        Ok(loaded) => loaded,
        Err(exit) => return exit,
    };
    die_with_master(false);
    memo::keep(false);
    if let Err(error) = message::send(channel.as_fd(), &Answer::Loaded { apps }, None) {
        error!("the zygote cannot reach its master: {error}");
        return Exit::Config;
    }
    match serve(&nest, channel) {
        Leave::Done => Exit::Ok,
        Leave::Born { kind, number, stands_by, control } => become_child(nest, (kind, number), stands_by, control),
    }
}

fn die_with_master(is_so: bool) {
    if let Err(errno) = nix::sys::prctl::set_pdeathsig(is_so.then_some(Signal::SIGKILL)) {
        warn!("the zygote cannot be tied to its master: {errno}");
    }
}

/// Everything up to the first fork.
fn load(
    handover: Handover,
    mut descriptors: Descriptors,
    language: Option<Language>,
) -> Result<(Nest, OwnedFd, u32), Exit> {
    let broken = |error: HandoverError| {
        error!("{}", logging::chain(&error));
        Exit::Config
    };
    let config = &handover.config;
    memo::open(descriptors.one(&Meaning::Memo, "the memo").map_err(broken)?);
    let channel = descriptors.one(&Meaning::Channel, "the channel").map_err(broken)?;
    let board = descriptors.one(&Meaning::Board, "the scoreboard").map_err(broken)?;
    let (workers, cores) = (config.workers.processes as usize, config.workers.threads.max(1) as usize);
    let board = Scoreboard::map(board.as_fd(), workers, cores).map_err(|errno| {
        error!("the scoreboard cannot be mapped: {errno}");
        Exit::Config
    })?;
    let table = descriptors.one(&Meaning::Signals, "the table of signals").map_err(broken)?;
    let table = Signals::map(table.as_fd()).map_err(|errno| {
        error!("the table of signals cannot be mapped: {errno}");
        Exit::Config
    })?;
    let meters = descriptors.meters();
    if let Some(meters) = meters {
        logging::panics::count_in(meters.core(0));
    }
    let mut beside = |kind: Kind, blocks: usize| {
        let board = descriptors.one(&Meaning::AsideBoard(kind), "a scoreboard").map_err(broken)?;
        Scoreboard::map(board.as_fd(), blocks, 1).map_err(|errno| {
            error!("the scoreboard of {kind}s cannot be mapped: {errno}");
            Exit::Config
        })
    };
    let mules = beside(Kind::Mule, config.aside.mules.len())?;
    let spoolers = beside(Kind::Spooler, config.aside.spooler_count() as usize)?;
    let spools = spool::directories(config).map_err(|reason| {
        error!("{}", logging::chain(&reason));
        Exit::Config
    })?;
    desk::open(Mailboxes::take_over(&mut descriptors), spools, spoolers, &config.aside);
    let locks = descriptors.one(&Meaning::Locks, "the locks").map_err(broken)?;
    let locks = Locks::new(locks, config.workers.locks.saturating_add(1));
    let listeners = descriptors.all(|meaning| match meaning {
        Meaning::Listener { protocol, name } => Some((*protocol, name.clone())),
        _ => None,
    });
    let listeners: Vec<Listener> =
        listeners.into_iter().map(|((protocol, name), socket)| Listener { socket, protocol, name }).collect();
    let rendezvous = descriptors.all(|meaning| (*meaning == Meaning::Rendezvous).then_some(()));
    let rendezvous = rendezvous.into_iter().map(|((), fd)| fd).collect();

    // As in uWSGI, a plugin is looked for where the server was started, not in `chdir`.
    let language = language.map_or_else(|| plugins::choose(config), Ok).map_err(|error| {
        error!("{}", logging::chain(&error));
        Exit::Config
    })?;
    change_directory("chdir", config.process.chdir.as_deref())?;
    let server: &'static Server =
        Box::leak(Box::new(Server::new(config, handover.instance, board, table, &listeners, locks)));
    language.init(server, rsgi_proto::names::KNOWN, &config.for_plugin()).map_err(Exit::Raw)?;
    run_hooks(config, Phase::PreApp)?;
    confine::application(config, language.places()).map_err(|error| {
        error!("{}", logging::chain(&error));
        Exit::Config
    })?;
    let apps = if config.workers.lazy_apps { 0 } else { load_apps(language, config.process.need_app)? };
    run_hooks(config, Phase::PostApp)?;
    change_directory("chdir2", config.process.chdir2.as_deref())?;
    // Only now: an interpreter looks at the handlers when it starts, and should find the defaults.
    signals::disregard_all();
    Ok((Nest { handover, language, board, meters, mules, spoolers, listeners, rendezvous }, channel, apps))
}

fn run_hooks(config: &Config, phase: Phase) -> Result<(), Exit> {
    hooks::run(config, phase).map_err(|error| {
        error!("{}", logging::chain(&error));
        Exit::Config
    })
}

fn load_apps(language: Language, need_app: bool) -> Result<u32, Exit> {
    match language.load_apps() {
        Ok(0) | Err(_) if need_app => {
            error!("{}", crate::master::fleet::NEED_APP);
            Err(Exit::NoApp)
        }
        Ok(0) => {
            warn!("no application loaded: every request is answered with 500");
            Ok(0)
        }
        Ok(apps) => Ok(apps),
        Err(code) => {
            error!("the {} plugin gave up while loading (code {code})", language.name());
            Err(Exit::NoApp)
        }
    }
}

fn change_directory(option: &str, directory: Option<&std::path::Path>) -> Result<(), Exit> {
    let Some(directory) = directory else { return Ok(()) };
    nix::unistd::chdir(directory).map_err(|errno| {
        error!("{option}: {} cannot be entered: {}", directory.display(), io::Error::from(errno));
        Exit::Config
    })
}

/// Forks and waits until the master closes the channel.
fn serve(nest: &Nest, channel: OwnedFd) -> Leave {
    let mut children: Vec<Child> = Vec::new();
    loop {
        let mut polled = vec![PollFd::new(channel.as_fd(), PollFlags::POLLIN)];
        polled.extend(children.iter().map(|child| PollFd::new(child.ended.as_fd(), PollFlags::POLLIN)));
        match poll(&mut polled, PollTimeout::NONE) {
            Ok(_) => {}
            Err(errno) if is_passing(errno) => {
                rest(errno);
                continue;
            }
            Err(errno) => {
                error!("the zygote cannot wait: {errno}");
                return Leave::Done;
            }
        }
        let mut ready = polled.iter().map(|polled| polled.any().unwrap_or(true));
        let is_asked = ready.next().unwrap_or(false);
        let ended: Vec<bool> = ready.collect();
        bury(&mut children, &ended, &channel);
        if !is_asked {
            continue;
        }
        match message::receive::<Request>(channel.as_fd()) {
            Ok(Some((Request::Fork { kind, number, birth, stands_by }, Some(control)))) => {
                match spawn(nest.language, (kind, number), birth, &control, &channel) {
                    Some(Spawned::Here) => return Leave::Born { kind, number, stands_by, control },
                    Some(Spawned::There(child)) => children.push(child),
                    None => {}
                }
            }
            Ok(Some((Request::ReopenLog, _))) => logging::reopen_inside(&nest.handover.config),
            Ok(Some((Request::Fork { .. }, None))) => warn!("a message of the master lacks its descriptor"),
            Ok(None) => return leave(nest, &children),
            Err(error) if is_passing_error(&error) => std::thread::sleep(PAUSE),
            Err(error) => {
                error!("the zygote cannot hear its master: {error}");
                return leave(nest, &children);
            }
        }
    }
}

/// Waits a moment when the system is short of something; a signal is nothing to wait for.
fn rest(errno: nix::Error) {
    if errno != nix::Error::EINTR {
        std::thread::sleep(PAUSE);
    }
}

/// The master is gone or needs this zygote no more. Workers notice the end of a master themselves and finish their requests;
/// with `no-orphans` they do not get the time for that.
fn leave(nest: &Nest, children: &[Child]) -> Leave {
    let master = i32::try_from(nest.handover.instance.master).unwrap_or(0);
    let is_orphan = nix::unistd::getppid().as_raw() != master;
    if nest.handover.config.process.no_orphans && is_orphan {
        for child in children {
            let _ = kill(child.pid, Signal::SIGKILL);
        }
    }
    Leave::Done
}

fn bury(children: &mut Vec<Child>, ended: &[bool], channel: &OwnedFd) {
    let mut ended = ended.iter().copied();
    children.retain(|child| {
        if !ended.next().unwrap_or(false) {
            return true;
        }
        // A look first: what cannot be told any more, the master sees for itself, whose child it is when this zygote has gone.
        let look = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
        let ending = waitid(Id::Pid(child.pid), look).ok().and_then(Ending::of).unwrap_or(Ending::Unknown);
        let answer = Answer::Died { kind: child.kind, birth: child.birth, ending };
        match tell(channel, &answer) {
            Ok(()) => {
                let _ = waitpid(child.pid, None);
            }
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
            Err(error) => {
                warn!("the end of {} {} cannot be reported: {error}", child.kind, child.number);
                let _ = waitpid(child.pid, None);
            }
        }
        false
    });
}

enum Spawned {
    /// This process is the child.
    Here,
    /// The child is another one.
    There(Child),
}

fn spawn(
    language: Language,
    (kind, number): (Kind, u32),
    birth: u64,
    control: &OwnedFd,
    channel: &OwnedFd,
) -> Option<Spawned> {
    // Hooks of the application run right after the fork, and ask who they are in.
    let own = match control.try_clone() {
        Ok(own) => own,
        Err(error) => {
            complain(kind, number, &error);
            report(channel, &Answer::Unborn { kind, birth, errno: error.raw_os_error().unwrap_or(0) });
            return None;
        }
    };
    let divide = || {
        let forked = fork();
        if forked == Ok(Fork::Child) {
            identity::become_one(kind, number, own);
        }
        forked
    };
    let worker = if kind == Kind::Worker { number } else { 0 };
    let forked = language.around_fork(worker, divide, |forked| *forked == Ok(Fork::Child));
    let answer = match forked {
        Ok(Fork::Child) => return Some(Spawned::Here),
        Ok(Fork::Parent(pid)) => match pidfd(pid) {
            Ok(ended) => {
                CANNOT_FORK.store(false, Relaxed);
                report(channel, &Answer::Born { kind, birth, pid: pid.as_raw().unsigned_abs() });
                return Some(Spawned::There(Child { birth, kind, number, pid, ended }));
            }
            Err(errno) => {
                complain(kind, number, format_args!("it cannot be watched: {errno}"));
                let _ = kill(pid, Signal::SIGKILL).and_then(|()| waitpid(pid, None).map(drop));
                Answer::Unborn { kind, birth, errno: errno as i32 }
            }
        },
        Err(errno) => {
            complain(kind, number, errno);
            Answer::Unborn { kind, birth, errno: errno as i32 }
        }
    };
    report(channel, &answer);
    None
}

fn report(channel: &OwnedFd, answer: &Answer) {
    if let Err(error) = tell(channel, answer) {
        warn!("the zygote cannot reach its master: {error}");
    }
}

/// Sends an answer, however long buffers are short: what the master is not told, it would wait for for ever.
fn tell(channel: &OwnedFd, answer: &Answer) -> io::Result<()> {
    loop {
        match message::send(channel.as_fd(), answer, None) {
            Err(error) if is_passing_error(&error) => std::thread::sleep(PAUSE),
            other => return other,
        }
    }
}

/// That processes cannot be forked has been told, and none could be since.
static CANNOT_FORK: AtomicBool = AtomicBool::new(false);

/// Tells the log why a process cannot be forked, once as long as it goes on.
fn complain(kind: Kind, number: u32, why: impl std::fmt::Display) {
    if !CANNOT_FORK.swap(true, Relaxed) {
        error!("{kind} {number} cannot be forked: {why}");
    }
}

fn become_child(nest: Nest, (kind, id): (Kind, u32), stands_by: bool, control: OwnedFd) -> Exit {
    let Nest { handover, language, board, meters, mules, spoolers, listeners, rendezvous } = nest;
    let Handover { instance, config, .. } = handover;
    let titled = match kind {
        Kind::Worker => Titled::Worker(id),
        Kind::Mule => Titled::Mule(id),
        Kind::Spooler => Titled::Spooler(id),
        Kind::Probe => Titled::Probe,
    };
    if let Some(title) = title(&config.process, titled) {
        rsgi_sys::title::set(&title);
    }
    let hooked = hooks::run(&config, Phase::PostFork);
    let hooked = hooked.and_then(|()| if kind == Kind::Mule { hooks::run(&config, Phase::AsMule) } else { Ok(()) });
    if let Err(error) = hooked {
        error!("{}", logging::chain(&error));
        return Exit::Hook;
    }
    match kind {
        Kind::Worker => {
            let material = match tls::handover::receive(control.as_fd(), &config) {
                Ok(material) => material,
                Err(error) => {
                    error!("worker {id} gets no keys: {error}");
                    return Exit::WorkerEnd;
                }
            };
            worker::run(Job {
                id,
                generation: instance.generation,
                master: instance.master,
                config,
                listeners,
                material,
                rendezvous,
                control,
                language,
                board,
                visitor: None,
                meters,
                stands_by,
            })
        }
        Kind::Probe => {
            drop((listeners, rendezvous));
            probe::run(config, instance, language, board)
        }
        Kind::Mule | Kind::Spooler => {
            // What it does not serve must not stay open with it.
            drop((listeners, rendezvous));
            let job = |board| aside::Job { id, config, control, language, board };
            if kind == Kind::Mule { mule::run(job(mules)) } else { spooler::run(job(spoolers)) }
        }
    }
}
