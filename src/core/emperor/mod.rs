//! The emperor: one instance (a vassal) for each configuration file, started, reloaded and ended as the files come, change
//! and go.
//!
//! * [`files`]: what is there; [`court`]: what is to be done about it; [`vassal`]: one vassal's process;
//!   [`demand`]: the sockets of vassals that sleep; [`stats`]: how they all are; [`lord`]: the vassal's side.
//!
//! A vassal is an ordinary master, started by exec. It says over a socket when it serves, and leaves when that socket ends.

pub mod court;
pub mod demand;
pub mod files;
pub mod lord;
pub mod stats;
pub mod vassal;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tracing::{error, info};

use crate::exit::Exit;
use crate::master::beat;
use crate::master::fleet::Mood;
use crate::master::notify::{self, Notifier};
use crate::startup::Started;
use crate::stats::server::{Server, next_client};
use crate::stats::text;
use court::{Action, Court, Event, Manners, Stamp};
use demand::Doors;
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
    }
}

/// What an emperor has.
struct Reign {
    started: Started,
    court: Court,
    doors: Doors,
    vassals: BTreeMap<u64, Vassal>,
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
    info!("*** starting rsgi Emperor ***");
    let stats = started.sockets.stats.as_ref().map(Server::new).transpose()?;
    let mut notifier = Notifier::default();
    let mut watchdog = notify::watchdog().map(tokio::time::interval);
    let mut mood = Mood::Starting;
    let mut reign = Reign { started, court, doors: Doors::default(), vassals: BTreeMap::new(), sender };
    loop {
        notifier.tell(mood, reign.status());
        if mood == Mood::Reloading {
            mood = Mood::Serving;
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
                mood = if mood == Mood::Starting { Mood::Serving } else { mood };
                reign.look()
            }
            _ = stop.recv() => Event::Stop,
            _ = interrupt.recv() => Event::Stop,
            _ = quit.recv() => Event::Stop,
            _ = hangup.recv() => {
                reign.vassals.values().for_each(|vassal| vassal.signal(Signal::SIGHUP));
                mood = if mood == Mood::Serving { Mood::Reloading } else { mood };
                reign.look()
            }
            _ = count.recv() => {
                info!("[emperor] {}", reign.status());
                Event::Tick
            }
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
        if event == Event::Stop {
            mood = Mood::Stopping;
        }
        if let Event::Died(serial, _) = event {
            reign.vassals.remove(&serial);
        }
        for action in reign.court.on(event, Instant::now()) {
            if let Some(exit) = reign.act(action) {
                return Ok(exit);
            }
        }
    }
}

impl Reign {
    fn status(&self) -> String {
        let (running, loyal) = self.court.count();
        format!("{running} vassals run, {loyal} of them serve")
    }

    fn look(&mut self) -> Event {
        let config = &self.started.config;
        let mut files = files::look(&config.emperor, &config.start_dir);
        let unknown = self.doors.ask(config, &files.keys().cloned().collect());
        files.retain(|path, _| !unknown.contains(path));
        for (path, stamp) in &mut files {
            stamp.on_demand = self.doors.address(config, path).is_some();
        }
        let on_demand = files.iter().filter(|(_, stamp)| stamp.on_demand).map(|(path, _)| path.clone());
        self.doors.keep(&on_demand.collect());
        Event::Seen(files)
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
            Action::Kill(serial) => tell(serial, Signal::SIGKILL),
            Action::Say(line) => info!("{line}"),
            Action::Done => {
                self.doors.keep(&BTreeSet::new());
                self.started.clean_up(&self.started.sockets);
                info!("The Emperor has been buried.");
                return Some(Exit::Ok);
            }
        }
        None
    }

    fn spawn(&mut self, serial: u64, path: &Path, stamp: Stamp) {
        match Vassal::start(&self.started.config, path, stamp, self.doors.socket(path)) {
            Ok(mut vassal) => {
                info!("[emperor] vassal {} has been spawned (pid: {})", path.display(), vassal.pid());
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
