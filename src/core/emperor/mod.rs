//! The emperor: one instance (a vassal) for each configuration file, started, reloaded and ended as the files come, change
//! and go.
//!
//! * [`files`]: what is there; [`court`]: what is to be done about it; [`vassal`]: one vassal's process;
//!   [`lord`]: the vassal's side.
//!
//! A vassal is an ordinary master, started by exec. It says over a socket when it serves, and leaves when that socket ends.

pub mod court;
pub mod files;
pub mod lord;
pub mod vassal;

use std::collections::BTreeMap;
use std::io;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tracing::{error, info};

use crate::exit::Exit;
use crate::startup::Started;
use court::{Action, Court, Event};
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

async fn reign(started: Started) -> io::Result<Exit> {
    let config = &started.config;
    let emperor = &config.emperor;
    let pause = |millis: u64| Duration::from_millis(millis);
    let mut court = Court::new(pause(emperor.throttle_ms), pause(emperor.max_throttle_ms));
    let (sender, mut events) = unbounded_channel();
    let mut vassals: BTreeMap<u64, Vassal> = BTreeMap::new();
    let mut look = tokio::time::interval(emperor.freq.duration().max(Duration::from_secs(1)));
    let mut stop = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut quit = signal(SignalKind::quit())?;
    let mut hangup = signal(SignalKind::hangup())?;
    info!("*** starting rsgi Emperor ***");
    loop {
        let deadline = court.deadline().map(tokio::time::Instant::from_std);
        let tick = async {
            match deadline {
                Some(deadline) => tokio::time::sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        let event = tokio::select! {
            Some(event) = events.recv() => event,
            _ = look.tick() => Event::Seen(files::look(&emperor.sources, &config.start_dir, !emperor.nofollow)),
            _ = stop.recv() => Event::Stop,
            _ = interrupt.recv() => Event::Stop,
            _ = quit.recv() => Event::Stop,
            _ = hangup.recv() => {
                vassals.values().for_each(|vassal| vassal.signal(Signal::SIGHUP));
                Event::Tick
            }
            () = tick => Event::Tick,
        };
        if let Event::Died(serial, _) = event {
            vassals.remove(&serial);
        }
        for action in court.on(event, Instant::now()) {
            let tell = |serial: &u64, what| {
                if let Some(vassal) = vassals.get(serial) {
                    vassal.signal(what);
                }
            };
            match action {
                Action::Spawn(serial, path, stamp) => match Vassal::start(config, &path, stamp) {
                    Ok(mut vassal) => {
                        info!("[emperor] vassal {} has been spawned (pid: {})", path.display(), vassal.pid());
                        vassal.watch(serial, &sender);
                        vassals.insert(serial, vassal);
                    }
                    Err(why) => {
                        error!("[emperor] vassal {} cannot be started: {why}", path.display());
                        unborn(&sender, serial);
                    }
                },
                Action::Reload(serial) => tell(&serial, Signal::SIGHUP),
                Action::Leave(serial) => tell(&serial, Signal::SIGINT),
                Action::Kill(serial) => tell(&serial, Signal::SIGKILL),
                Action::Say(line) => info!("{line}"),
                Action::Done => {
                    started.clean_up(&started.sockets);
                    info!("The Emperor has been buried.");
                    return Ok(Exit::Ok);
                }
            }
        }
    }
}

/// A vassal that could not even be started counts as one that ended too early.
fn unborn(sender: &UnboundedSender<Event>, serial: u64) {
    let _ = sender.send(Event::Died(serial, Some(Exit::Config.code())));
}
