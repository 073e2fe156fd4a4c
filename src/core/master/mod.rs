//! The master: owns sockets, configuration and scoreboard, and sees to it that the fleet is as it should be.
//!
//! [`fleet`] decides, this file does: it turns signals, ends of processes and their messages into events, and actions into
//! system calls. It loads no language, never forks without exec, and waits for nothing but events.

mod bells;
mod board;
pub(crate) mod chores;
mod command;
mod cron;
mod daemons;
mod deadlines;
mod errand;
mod fifo;
pub mod fleet;
mod fs_watch;
mod generation;
mod idle;
mod lifetime;
mod look;
mod meters;
mod metrics;
mod minute;
pub(crate) mod notify;
mod oom;
mod reap;
mod reloads;
mod rest;
mod scaling;
mod signals;
pub mod sockets;
mod spawn;
mod stats;
pub mod succession;
mod touch;
pub mod vacuum;
mod verbs;
mod workload;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rsgi_config::Phase;
use tokio::io::unix::AsyncFd;
use tokio::net::UnixStream;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tracing::{info, warn};

use crate::control::{Bell, Order, Queue, Report};
use crate::control_socket;
use crate::emperor::lord::Lord;
use crate::exit::Exit;
use crate::hooks;
use crate::logging;
use crate::metrics::ledger::{Cause, Ledger};
use crate::program::Program;
use crate::startup::{self, Started};
use crate::tls;
use crate::zygote::message::{self, Request};
use bells::Bells;
use cron::Crons;
use daemons::Daemons;
pub(crate) use errand::Errand;
pub use errand::make_pipes;
use fifo::Fifo;
use fleet::{Action, Event, Fleet, Mood, Who};
use fs_watch::FsWatch;
use generation::Generation;
use notify::Notifier;
use oom::Oom;
use reloads::Reloads;
use signals::{Heard, Signals};
use succession::{News, Succession};
use touch::Touches;

/// The running master.
struct Master {
    started: Started,
    fleet: Fleet,
    serving: fleet::Generation,
    generations: BTreeMap<fleet::Generation, Generation>,
    zygotes: BTreeMap<u64, Zygote>,
    /// Routers, workers and mules: process id (0 before birth) and the master's end of the control stream.
    servers: BTreeMap<Who, Server>,
    watch: crate::harakiri::watch::Watch,
    /// An application has set a deadline itself.
    has_user_deadlines: bool,
    idleness: idle::Idleness,
    /// Decides over the number of workers; `None`: it is fixed.
    scaler: Option<scaling::Scaler>,
    /// There are no workers until somebody asks.
    is_resting: bool,
    /// The last process could not be started.
    cannot_start: bool,
    doors: rest::Doors,
    stats: Option<crate::stats::server::Server>,
    metrics: Option<crate::metrics::server::Server>,
    /// What is counted for the metrics here.
    ledger: Ledger,
    /// How often a listen queue was found full.
    full_queues: u64,
    reloads: Reloads,
    oom: Oom,
    /// What is wrong with the configuration that was read last.
    refusal: String,
    touches: Touches,
    fs_watch: Option<FsWatch>,
    /// When the memory of workers is looked at next, seconds since the epoch.
    memory_look: u64,
    /// Workers that were told to leave for their age.
    aged: BTreeSet<u32>,
    bells: Bells,
    crons: Crons,
    daemons: Daemons,
    /// Strikes every `check-interval`, while somebody needs that.
    clock: Option<tokio::time::Interval>,
    fifo: Option<Fifo>,
    succession: Succession,
    /// Nothing new is taken.
    is_paused: bool,
    queue: VecDeque<Event>,
    sender: UnboundedSender<Event>,
    /// The control sockets that are open, and where what is asked there goes.
    control: verbs::Doors,
    asked: UnboundedSender<control_socket::server::Asked>,
    /// Held by whoever asks threads where they are.
    asking: Rc<tokio::sync::Mutex<()>>,
}

/// Where what happens comes out.
struct Desk {
    sender: UnboundedSender<Event>,
    events: UnboundedReceiver<Event>,
    asker: UnboundedSender<control_socket::server::Asked>,
    asked: UnboundedReceiver<control_socket::server::Asked>,
    teller: UnboundedSender<News>,
    news: UnboundedReceiver<News>,
}

impl Default for Desk {
    fn default() -> Self {
        let ((sender, events), (asker, asked), (teller, news)) =
            (unbounded_channel(), unbounded_channel(), unbounded_channel());
        Self { sender, events, asker, asked, teller, news }
    }
}

struct Zygote {
    pid: u32,
    generation: fleet::Generation,
    /// `None` once it was told to leave.
    channel: Option<Rc<AsyncFd<OwnedFd>>>,
    /// It runs a program that ours does not understand: it can only be told to leave.
    is_opaque: bool,
    reader: tokio::task::JoinHandle<()>,
}

struct Server {
    pid: u32,
    /// A router's queue is as long as `harakiri-queue-threshold` says.
    has_long_queue: bool,
    /// Its queue, when it was last heard of.
    queue: Queue,
    zygote: Option<u64>,
    control: Rc<UnixStream>,
    reader: tokio::task::JoinHandle<()>,
}

/// Runs the instance until it ends.
#[must_use]
pub fn run(started: Started) -> Exit {
    run_to_end(serve(started))
}

fn run_to_end(master: impl Future<Output = io::Result<Exit>>) -> Exit {
    let runtime = match signals::runtime() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!("the master cannot start: {error}");
            return Exit::Config;
        }
    };
    // Processes whose parent dies come to the master, which then can wait for them.
    if let Err(error) = nix::sys::prctl::set_child_subreaper(true) {
        warn!("workers of a dead zygote cannot be adopted: {error}");
    }
    let tasks = tokio::task::LocalSet::new();
    let exit = tasks.block_on(&runtime, master);
    exit.unwrap_or_else(|error| {
        tracing::error!("the master cannot go on: {error}");
        Exit::Config
    })
}

async fn serve(mut started: Started) -> io::Result<Exit> {
    let (config, sockets) = (started.config.clone(), std::mem::take(&mut started.sockets));
    let mut first = Generation::prepare(0, Program::own()?, config, sockets, None)?;
    first.materials = std::mem::take(&mut started.materials);
    let (fleet, actions) = Fleet::start(first.plan(), Instant::now());
    let desk = Desk::default();
    let mut master = Master::new(started, fleet, 0, BTreeMap::from([(0, first)]), &desk);
    master.open_stats();
    master.open_control();
    master.open_metrics();
    master.renew_errands();
    if let Err(error) = hooks::run(&master.started.config, Phase::MasterStart) {
        tracing::error!("{}", logging::chain(&error));
        master.clean_up();
        return Ok(Exit::Config);
    }
    let signals = Signals::catch()?;
    let exit = master.act(actions);
    live(master, desk, signals, exit).await
}

/// Does what is due, and waits for what comes next, until the instance ends.
async fn live(mut master: Master, desk: Desk, mut signals: Signals, mut exit: Option<Exit>) -> io::Result<Exit> {
    let Desk { mut events, mut asked, mut news, .. } = desk;
    let mut notifier = Notifier::default();
    let mut lord = Lord::of_this_process();
    let mut watchdog = notify::watchdog().map(tokio::time::interval);
    let heartbeat = master.started.config.emperor.heartbeat;
    let mut heartbeat = heartbeat.map(|every| tokio::time::interval(every.duration().max(Duration::from_secs(1))));
    loop {
        if let Some(exit) = exit.take().or_else(|| master.settle(&mut events)) {
            master.daemons.dismiss(&master.started.config);
            master.clean_up();
            return Ok(exit);
        }
        if master.succession.is_due() {
            exit = master.hand_over(&mut signals, &mut events, &lord).await;
            if exit.is_some() {
                continue;
            }
        }
        notifier.tell(master.fleet.mood(), master.fleet.status());
        if master.fleet.mood() == Mood::Serving {
            lord.swear().await;
        }
        let deadline = master.fleet.deadline().map(tokio::time::Instant::from_std);
        let tick = async {
            match deadline {
                Some(deadline) => tokio::time::sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        let next_look = master.next_look();
        let look = async {
            match next_look {
                Some(deadline) => tokio::time::sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        let next_idle_look = master.next_idle_look();
        let idle_look = async {
            match next_idle_look {
                Some(deadline) => tokio::time::sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        let knock = Rc::clone(&master.doors.knock);
        tokio::select! {
            Some(event) = events.recv() => master.queue.push_back(event),
            heard = signals.next() => exit = master.hear(heard, &mut events),
            client = crate::stats::server::next_client(master.stats.as_ref()) => master.tell_stats(client),
            question = crate::metrics::server::next_question(master.metrics.as_mut()) => master.tell_metrics(question),
            () = look => master.look_at_deadlines(),
            () = idle_look => master.look_for_requests(),
            () = knock.notified() => master.wake(),
            () = beat(heartbeat.as_mut()) => lord.live(),
            () = tick => master.queue.push_back(Event::Tick),
            () = beat(watchdog.as_mut()) => notifier.is_alive(),
            () = beat(master.clock.as_mut()) => master.look_around(),
            errands = errand::next(master.fifo.as_ref()) => errands.into_iter().for_each(|errand| master.run_errand(errand)),
            _ = fs_watch::next(master.fs_watch.as_ref()) => master.run_errand(Errand::Reload),
            Some(found) = news.recv() => master.learn(found),
            rung = bells::next(&master.bells) => master.hear_bell(rung),
            asked = control_socket::server::next(&mut asked) => master.answer(asked),
            () = lord.fall() => {
                if let Err(error) = hooks::run(&master.started.config, Phase::EmperorLost) {
                    warn!("{}", logging::chain(&error));
                }
                // Of a vassal that leaves already too, as its emperor told it.
                master.queue.push_back(Event::End);
            }
        }
    }
}

/// The next stroke of a clock; never, when there is none.
pub(crate) async fn beat(clock: Option<&mut tokio::time::Interval>) {
    match clock {
        Some(interval) => drop(interval.tick().await),
        None => std::future::pending().await,
    }
}

impl Master {
    fn new(
        started: Started,
        fleet: Fleet,
        serving: fleet::Generation,
        generations: BTreeMap<fleet::Generation, Generation>,
        desk: &Desk,
    ) -> Self {
        let scaler = workload::scaler(&started.config);
        Self {
            started,
            fleet,
            serving,
            generations,
            zygotes: BTreeMap::new(),
            servers: BTreeMap::new(),
            watch: crate::harakiri::watch::Watch::default(),
            has_user_deadlines: false,
            idleness: idle::Idleness::default(),
            scaler,
            is_resting: false,
            cannot_start: false,
            doors: rest::Doors::default(),
            stats: None,
            metrics: None,
            ledger: Ledger::default(),
            full_queues: 0,
            reloads: Reloads::default(),
            oom: Oom::new(),
            refusal: String::new(),
            touches: Touches::default(),
            fs_watch: None,
            memory_look: 0,
            aged: BTreeSet::new(),
            bells: Bells::default(),
            crons: Crons::default(),
            daemons: Daemons::default(),
            clock: None,
            fifo: None,
            succession: Succession::new(desk.teller.clone()),
            is_paused: false,
            queue: VecDeque::new(),
            sender: desk.sender.clone(),
            control: verbs::Doors::default(),
            asked: desk.asker.clone(),
            asking: Rc::default(),
        }
    }

    /// Lets the fleet take note of everything that has happened.
    fn settle(&mut self, events: &mut UnboundedReceiver<Event>) -> Option<Exit> {
        while let Some(event) = self.queue.pop_front().or_else(|| events.try_recv().ok()) {
            self.explain(event);
            self.enter(event);
            self.note(event);
            let actions = self.fleet.on(event, Instant::now());
            if let Some(exit) = self.act(actions) {
                return Some(exit);
            }
        }
        None
    }

    /// Keeps the books of processes in step with an event that the fleet is about to hear of.
    fn note(&mut self, event: Event) {
        match event {
            Event::Born(who, pid) => {
                if let Some(server) = self.servers.get_mut(&who) {
                    server.pid = pid;
                }
            }
            Event::Gone(Who::Zygote(serial), _) => {
                if let Some(zygote) = self.zygotes.remove(&serial) {
                    zygote.reader.abort();
                }
                self.find_orphans(serial);
            }
            Event::Gone(who, _) => {
                if let Some(server) = self.servers.remove(&who) {
                    server.reader.abort();
                    self.clear_board(server.pid);
                }
                if self.is_resting && matches!(who, Who::Worker(_)) {
                    // A link that it opened in its last moment may have looked like a worker to stay.
                    self.question_routers();
                }
            }
            Event::Said(_, Report::HasDeadline) => self.has_user_deadlines = true,
            Event::Said(_, Report::Bell(Bell(number))) => self.ring(number),
            Event::Said(_, Report::HasSources) => self.renew_bells(),
            Event::Said(who @ Who::Worker(_), Report::CannotAccept) => self.tell_other_workers(who, Order::Accept),
            Event::Said(who @ (Who::Router(_) | Who::Worker(_)), Report::Ready) => {
                if self.is_paused {
                    self.tell_server(who, self.pace());
                }
                if matches!(who, Who::Router(_)) {
                    self.question(who);
                }
            }
            Event::Said(who, Report::Queue(queue)) => {
                if let Some(server) = self.servers.get_mut(&who) {
                    server.queue = queue;
                }
                self.answer_the_door();
            }
            Event::Said(who, report @ (Report::LongQueue | Report::ShortQueue)) => {
                if let Some(server) = self.servers.get_mut(&who) {
                    server.has_long_queue = report == Report::LongQueue;
                }
            }
            _ => {}
        }
    }

    fn hear(&mut self, heard: Heard, events: &mut UnboundedReceiver<Event>) -> Option<Exit> {
        match heard {
            Heard::Child => return self.reap(events),
            // `die-on-term = false` asks for uWSGI's meaning of SIGTERM.
            Heard::Terminate if !self.started.config.process.die_on_term => self.queue.push_back(Event::WantReload),
            Heard::Stop | Heard::Terminate => self.queue.push_back(Event::Stop),
            Heard::Quit => self.queue.push_back(Event::Quit),
            Heard::Reload if self.started.config.process.exit_on_reload => self.queue.push_back(Event::Stop),
            Heard::Reload => self.queue.push_back(Event::WantReload),
            Heard::Counters => {
                self.reopen_log();
                self.count_requests();
            }
            Heard::Status => info!("{}", self.fleet.status()),
            Heard::Pause => self.pause(),
            Heard::Grow => self.grow(),
            Heard::Shrink => self.shrink(),
        }
        None
    }

    fn act(&mut self, actions: Vec<Action>) -> Option<Exit> {
        for action in actions {
            match action {
                Action::StartZygote(who, generation) => {
                    let started = self.start_zygote(who, generation);
                    self.check(who, started);
                }
                Action::StartRouter(who, generation, number) => {
                    let started = self.start_router(who, generation, number);
                    self.check(who, started);
                }
                Action::Fork { who, number, zygote, stands_by, .. } => {
                    let started = self.fork(who, number, zygote, stands_by);
                    self.check(who, started);
                }
                Action::Tell(who, order) => self.tell(who, order),
                Action::Kill(who) => self.kill(who),
                Action::Unroute(number) => {
                    // Named by the generation that brought the routers, which may be gone already: any that shares them.
                    let sharing = self.generations.values().filter(|other| other.plan().routed_by == number);
                    sharing.for_each(Generation::unroute);
                }
                Action::Prepare(number) => self.choose_program(number),
                Action::Serving(number) => self.serving(number),
                Action::ReloadFailed(number, reason) => self.reload_failed(number, reason),
                Action::Forget(number) => self.forget(number),
                Action::Say(line) => info!("{line}"),
                Action::Warn(line) => warn!("{line}"),
                Action::Alarm(line) => crate::logging::record(crate::logging::Weight::Error, line.as_bytes()),
                Action::Leave(exit) => return Some(exit),
            }
        }
        None
    }

    fn tell(&mut self, who: Who, order: Order) {
        match who {
            Who::Zygote(serial) => {
                if let Some(zygote) = self.zygotes.get_mut(&serial) {
                    // The reading task holds the other reference to the channel.
                    zygote.reader.abort();
                    zygote.channel = None;
                }
            }
            Who::Router(_) | Who::Worker(_) | Who::Mule(_) | Who::Spooler(_) | Who::Probe(_) => {
                self.tell_server(who, order);
                // One that stood by has not heard of it.
                if order == Order::Begin && self.is_paused {
                    self.tell_server(who, Order::Pause);
                }
            }
        }
    }

    fn tell_server(&self, who: Who, order: Order) {
        if let Some(server) = self.servers.get(&who) {
            // A process that is gone is being reaped; one that does not read is killed when its time is up.
            let _ = spawn::send(&server.control, &[order.byte()]);
        }
    }

    fn tell_other_workers(&self, who: Who, order: Order) {
        let others = self.servers.keys().filter(|other| matches!(other, Who::Worker(_)) && **other != who);
        others.for_each(|other| self.tell_server(*other, order));
    }

    fn kill(&mut self, who: Who) {
        let pid = match who {
            Who::Zygote(serial) => self.zygotes.get(&serial).map(|zygote| zygote.pid),
            Who::Router(_) | Who::Worker(_) | Who::Mule(_) | Who::Spooler(_) | Who::Probe(_) => {
                self.servers.get(&who).map(|server| server.pid)
            }
        };
        if let Some(pid) = pid.and_then(|pid| i32::try_from(pid).ok()).filter(|&pid| pid > 0) {
            self.ledger.condemn(pid.unsigned_abs(), Cause::Mercy);
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
    }

    /// Reads the configuration anew and binds what it adds.
    fn prepare(&mut self, number: fleet::Generation, program: Program) {
        if self.started.config.log.reopen {
            // What the new processes inherit.
            logging::reopen(&self.started.config);
        }
        let plan = self.started.sources.reload(number).and_then(|config| {
            // A generation that failed may still hold sockets while its processes leave.
            let before = self.generations.get(&self.serving);
            let others = self.generations.values().filter(|other| other.number != self.serving);
            let bound = before.into_iter().chain(others).map(|generation| &generation.sockets);
            let sockets =
                sockets::Sockets::bind(&config, bound).map_err(|error| format!("error: {}", logging::chain(&error)))?;
            let materials = tls::read(&config, before.map(|before| &before.materials))
                .map_err(|error| format!("error: {}", logging::chain(&error)))?;
            // Inside a root directory of their own, routers cannot look at the files themselves.
            let is_kept =
                |before: &&Generation| config.process.chroot.is_none() || before.materials.router == materials.router;
            let before = before.filter(is_kept);
            let mut generation = Generation::prepare(number, program, config, sockets, before)
                .map_err(|error| format!("error: {}", logging::chain(&error)))?;
            generation.materials = materials;
            Ok(generation)
        });
        let plan = match plan {
            Ok(generation) => {
                let plan = generation.plan();
                self.generations.insert(number, generation);
                Some(plan)
            }
            Err(why) => {
                for line in why.lines() {
                    logging::line(line.as_bytes());
                }
                self.refusal = why;
                None
            }
        };
        self.queue.push_back(Event::Prepared(plan));
    }

    fn serving(&mut self, number: fleet::Generation) {
        let Some(generation) = self.generations.get(&number) else { return };
        if let Some(before) = self.generations.get(&self.serving).filter(|before| before.number != number) {
            let known = startup::addresses(&before.config, &before.sockets);
            let lines = startup::addresses(&generation.config, &generation.sockets);
            lines.iter().filter(|line| !known.contains(line)).for_each(|line| info!("{line}"));
        }
        if self.started.config.workers.prio != generation.config.workers.prio {
            warn!("another prio takes effect at the next start");
        }
        self.serving = number;
        self.release(generation.plan().routed_by);
        if number > 0 {
            self.reload_succeeded(number);
        }
        let Some(generation) = self.generations.get(&number) else { return };
        self.started.config = generation.config.clone();
        self.started.serving();
        if generation.config.no_server {
            self.queue.push_back(Event::End);
        }
        self.renew_log();
        self.scaler = workload::scaler(&self.started.config);
        self.renew_errands();
        self.renew_bells();
        self.rest_or_not();
        self.question_routers();
        self.daemons.renew(&self.started.config, Instant::now());
        self.open_stats();
        self.open_metrics();
        self.open_control();
    }

    /// Closes sockets that no process is started with any more: those of generations that neither serve nor have brought
    /// the routers of the serving one. What is leaving holds its own copies.
    fn release(&mut self, routed_by: fleet::Generation) {
        let is_live = |number: &fleet::Generation| [self.serving, routed_by].contains(number);
        let retired: Vec<_> = self.generations.keys().copied().filter(|number| !is_live(number)).collect();
        for number in retired {
            let sockets = self.generations.get_mut(&number).map(|generation| std::mem::take(&mut generation.sockets));
            self.close(&sockets.unwrap_or_default());
        }
        if routed_by != self.serving {
            // Its routers go on, and nothing else of it.
            let rest = self.generations.get_mut(&routed_by).map(|generation| generation.sockets.take_all_but_routers());
            self.close(&rest.unwrap_or_default());
        }
    }

    /// Drops a generation, with its sockets.
    fn forget(&mut self, number: fleet::Generation) {
        if let Some(generation) = self.generations.remove(&number) {
            self.close(&generation.sockets);
        }
    }

    /// Removes the files of sockets that no generation has any more.
    fn close(&self, sockets: &sockets::Sockets) {
        for file in sockets.all().filter_map(|bound| bound.file.as_ref()) {
            let is_kept = |other: &Generation| other.sockets.all().any(|bound| bound.file.as_ref() == Some(file));
            if !self.generations.values().any(is_kept) {
                file.remove();
            }
        }
    }

    /// Takes over what a reload says of the log.
    fn renew_log(&self) {
        let config = &self.started.config;
        if self.serving == 0 {
            return;
        }
        if let Err(error) = logging::collector::start(config) {
            warn!("the log stays as it was: {}", logging::chain(&error));
        }
    }

    fn reopen_log(&self) {
        logging::reopen(&self.started.config);
        let zygotes = self.zygotes.values().filter(|zygote| !zygote.is_opaque);
        for zygote in zygotes.filter_map(|zygote| zygote.channel.as_ref()) {
            // One that does not listen is being seen to elsewhere.
            let _ = message::send(zygote.as_fd(), &Request::ReopenLog, None);
        }
        for who in self.servers.keys() {
            self.tell_server(*who, Order::ReopenLog);
        }
    }

    fn count_requests(&self) {
        let Some(generation) = self.generations.get(&self.serving) else { return };
        info!("*** {} requests ***", generation.view.requests());
        for worker in 1..=generation.config.workers.processes {
            if let Some(slot) = generation.view.worker(worker) {
                info!("worker {worker} (pid: {}): {} requests", slot.pid(), slot.requests());
            }
        }
    }

    /// Removes what the instance leaves behind, when it is to.
    fn clean_up(&mut self) {
        for generation in self.generations.values() {
            self.started.clean_up(&generation.sockets);
        }
        if let Err(error) = hooks::run(&self.started.config, Phase::AtExit) {
            warn!("{}", logging::chain(&error));
        }
        info!("goodbye to rsgi.");
    }
}
