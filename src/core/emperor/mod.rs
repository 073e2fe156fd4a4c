//! The emperor: one instance (a vassal) for each configuration file, started, reloaded and ended as the files come, change
//! and go.
//!
//! * [`files`], [`lookout`]: what is there; [`court`]: what is to be done about it; [`vassal`]: one vassal's process;
//!   [`owners`]: whom a tyrant runs it as; [`demand`]: the sockets of vassals that sleep; [`ceremony`]: what is run beside them; [`stats`]: how they all are;
//!   [`lord`]: the vassal's side; [`errands`]: what somebody asks of it; [`orphans`]: the dead that are left to it.
//!
//! A vassal is an ordinary master, started by exec. It says over a socket when it serves, and leaves when that socket ends.

mod ceremony;
pub mod court;
pub mod demand;
mod errands;
pub mod files;
pub mod lookout;
pub mod lord;
mod orphans;
pub mod owners;
pub mod stats;
pub mod vassal;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use rsgi_config::Phase;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tracing::{error, info};

use crate::exit::Exit;
use crate::hooks;
use crate::logging::chain;
use crate::master::chores::Chores;
use crate::master::fleet::Mood;
use crate::master::notify::{self, Notifier};
use crate::master::{Errand, beat};
use crate::startup::Started;
use crate::stats::server::{Server, next_client};
use crate::stats::text;
use court::{Action, Court, Event, Manners, Stamp};
use demand::Doors;
use lookout::Lookout;
use orphans::Orphans;
use vassal::Vassal;

/// Runs the emperor until it is told to leave.
#[must_use]
pub fn run(started: Started) -> Exit {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let reign = runtime.and_then(|runtime| {
        let tasks = tokio::task::LocalSet::new();
        tasks.block_on(&runtime, reign(started))
    });
    reign.unwrap_or_else(|error| {
        error!("the emperor cannot go on: {error}");
        Exit::Config
    })
}

fn manners(emperor: &rsgi_config::Emperor) -> Manners {
    let first_pause = Duration::from_millis(emperor.throttle_ms);
    let longest_pause = Duration::from_millis(emperor.max_throttle_ms);
    Manners {
        first_pause,
        longest_pause: if emperor.no_blacklist { first_pause } else { longest_pause },
        silence: emperor.required_heartbeat.duration().max(Duration::from_secs(1)),
        tolerance: emperor.curse_tolerance.duration().max(Duration::from_secs(1)),
        tyrant: emperor.tyrant,
    }
}

/// What an emperor has.
struct Reign {
    started: Started,
    court: Court,
    lookout: Lookout,
    doors: Doors,
    orphans: Orphans,
    vassals: BTreeMap<u64, Vassal>,
    chores: Chores,
    mood: Mood,
    sender: UnboundedSender<Event>,
}

async fn reign(started: Started) -> io::Result<Exit> {
    let emperor = &started.config.emperor;
    let court = Court::new(manners(emperor));
    let mut look = tokio::time::interval(emperor.freq.duration().max(Duration::from_secs(1)));
    let (sender, mut events) = unbounded_channel();
    let mut stop = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut quit = signal(SignalKind::quit())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let mut count = signal(SignalKind::user_defined1())?;
    let mut child = signal(SignalKind::child())?;
    info!("*** starting rsgi Emperor ***");
    let phases = [Phase::EmperorStart, Phase::MasterStart];
    if let Err(error) = phases.into_iter().try_for_each(|phase| hooks::run(&started.config, phase)) {
        error!("{}", chain(&error));
        started.clean_up(&started.sockets);
        return Ok(Exit::Config);
    }
    files::complain(&started.config.emperor, &started.config.start_dir);
    let stats = started.sockets.stats.as_ref().map(Server::new).transpose()?;
    let mut notifier = Notifier::default();
    let mut watchdog = notify::watchdog().map(tokio::time::interval);
    let (chores, mood) = (Chores::begin(&started.config), Mood::Starting);
    let (lookout, doors, orphans) = (Lookout::default(), Doors::default(), Orphans::default());
    let mut reign = Reign { started, court, lookout, doors, orphans, vassals: BTreeMap::new(), chores, mood, sender };
    loop {
        notifier.tell(reign.mood, reign.status());
        if reign.mood == Mood::Reloading {
            reign.mood = Mood::Serving;
            continue;
        }
        let deadline = reign.court.deadline().map(tokio::time::Instant::from_std);
        let tick = async {
            match deadline {
                Some(deadline) => tokio::time::sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        let event = tokio::select! {
            Some(event) = events.recv() => event,
            _ = look.tick() => {
                reign.begin();
                reign.bury();
                Event::Seen(reign.look())
            }
            _ = stop.recv() => Event::Stop,
            _ = interrupt.recv() => Event::Stop,
            _ = quit.recv() => Event::Quit,
            _ = hangup.recv() => reign.run_errand(Errand::Reload),
            _ = count.recv() => reign.run_errand(Errand::Status),
            errands = reign.chores.next(&reign.started.config) => {
                let meant: Vec<_> = errands.into_iter().map(|errand| reign.run_errand(errand)).collect();
                meant.into_iter().for_each(|event| drop(reign.sender.send(event)));
                Event::Tick
            }
            _ = child.recv() => if reign.chores.reap() { Event::End } else { Event::Tick },
            client = next_client(stats.as_ref()) => {
                if let Some(stats) = &stats {
                    stats.answer(client, reign.stats());
                }
                Event::Tick
            }
            () = beat(watchdog.as_mut()) => {
                notifier.is_alive();
                Event::Tick
            }
            () = tick => Event::Tick,
        };
        if matches!(event, Event::Stop | Event::End | Event::Quit) {
            reign.mood = Mood::Stopping;
        }
        if let Event::Died(serial, _) = event
            && let Some(vassal) = reign.vassals.remove(&serial)
        {
            ceremony::ended(&reign.started.config, vassal.path());
        }
        for action in reign.court.on(event, Instant::now()) {
            if let Some(exit) = reign.act(action) {
                return Ok(exit);
            }
        }
    }
}

impl Reign {
    /// The first look: whoever waits for the start may know.
    fn begin(&mut self) {
        if self.mood == Mood::Starting {
            self.mood = Mood::Serving;
            self.started.serving();
        }
    }

    /// Waits for dead children that are nobody's.
    fn bury(&mut self) {
        let vassals = self.vassals.values().filter_map(|vassal| i32::try_from(vassal.pid()).ok());
        let vassals: BTreeSet<_> = vassals.collect();
        self.orphans.bury(|pid| vassals.contains(&pid));
    }

    fn status(&self) -> String {
        let (running, loyal) = self.court.count();
        format!("{running} vassals run, {loyal} of them serve")
    }

    fn look(&mut self) -> BTreeMap<PathBuf, Stamp> {
        let config = &self.started.config;
        let found = self.lookout.look(&config.emperor, &config.start_dir);
        let mut files = found.files.clone();
        let unknown = self.doors.ask(config, &files.keys().cloned().collect());
        files.retain(|path, _| !unknown.contains(path));
        for (path, stamp) in &mut files {
            // What says so lies beside the file.
            let is_unseen = found.remembered.contains(path);
            stamp.on_demand =
                if is_unseen { self.court.is_on_demand(path) } else { self.doors.address(config, path).is_some() };
        }
        let on_demand = files.iter().filter(|(_, stamp)| stamp.on_demand).map(|(path, _)| path.clone());
        self.doors.keep(&on_demand.collect());
        files
    }

    fn act(&mut self, action: Action) -> Option<Exit> {
        let tell = |serial: u64, what| {
            if let Some(vassal) = self.vassals.get(&serial) {
                vassal.signal(what);
            }
        };
        match action {
            Action::Spawn(serial, path, stamp) => self.spawn(serial, &path, stamp),
            Action::Watch(path, stamp) => self.doors.watch(&self.started.config, &path, stamp, &self.sender),
            Action::Reload(serial) => tell(serial, Signal::SIGHUP),
            Action::Leave(serial) => tell(serial, Signal::SIGINT),
            Action::Quit(serial) => tell(serial, Signal::SIGQUIT),
            Action::Kill(serial) => tell(serial, Signal::SIGKILL),
            Action::Say(line) => info!("{line}"),
            Action::Done => {
                self.chores.dismiss(&self.started.config);
                self.doors.keep(&BTreeSet::new());
                self.started.clean_up(&self.started.sockets);
                ceremony::hold(&self.started.config, Phase::EmperorStop);
                ceremony::hold(&self.started.config, Phase::AtExit);
                info!("The Emperor has been buried.");
                return Some(Exit::Ok);
            }
        }
        None
    }

    fn spawn(&mut self, serial: u64, path: &Path, stamp: Stamp) {
        ceremony::before(&self.started.config);
        match Vassal::start(&self.started.config, path, stamp, self.doors.socket(path)) {
            Ok(mut vassal) => {
                info!("[emperor] vassal {} has been spawned (pid: {})", path.display(), vassal.pid());
                ceremony::started(&self.started.config, path, stamp, vassal.pid());
                vassal.watch(serial, &self.sender);
                self.vassals.insert(serial, vassal);
            }
            Err(why) => {
                error!("[emperor] vassal {} cannot be started: {why}", path.display());
                unborn(&self.sender, serial);
            }
        }
    }

    fn stats(&self) -> Vec<u8> {
        let pid = |serial| self.vassals.get(&serial).map_or(0, Vassal::pid);
        let door = |path: &Path| self.doors.name(path).unwrap_or_default().to_owned();
        let config = &self.started.config;
        let document = stats::document(config, self.court.portraits(), pid, door, Instant::now());
        text::write(&document, config.stats.http, config.stats.minified)
    }
}

/// A vassal that could not even be started counts as one that ended too early.
fn unborn(sender: &UnboundedSender<Event>, serial: u64) {
    let _ = sender.send(Event::Died(serial, Some(Exit::Config.code())));
}
