//! `cargo dev drill`: what becomes of requests while a server is reloaded, recycled, killed.
//!
//! For each scene and each door a fresh server gets a constant load of GET and POST, on kept and on new connections. Nothing
//! may fail. Where a worker is killed, a POST that it was at cannot be sent again: it must be answered, with 502.

mod client;
mod load;
mod scenes;
mod server;
mod soak;
mod table;
mod tls;

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::{pythons, setup, system, venvs};
use client::Outcome;
use load::Tally;
use scenes::{SCENES, Scene};
use server::{Door, Kind, Places, Server};

struct Plan {
    kind: Kind,
    rate: u32,
    time: Duration,
    markdown: bool,
    /// Requests of a soak, in place of the scenes.
    soak: Option<u64>,
    binary: Option<std::path::PathBuf>,
    filters: Vec<String>,
}

/// Holds the drill and prints its table.
///
/// # Errors
/// When a request has failed that must not, or something is missing.
pub(crate) fn run(words: &[String]) -> Result<()> {
    let plan = read(words)?;
    system::ensure(system::TEST)?;
    let requirements = setup::root().join("lab");
    let places = match plan.kind {
        Kind::Gunicorn => {
            let venv = setup::place().join("venv-drill");
            let venv = venvs::ensure(venv, &pythons::embedded()?, &requirements.join("requirements-drill.txt"))?;
            Places { rsgi: std::path::PathBuf::new(), venv }
        }
        _ => {
            let venv = venvs::ensure(
                setup::place().join("venv"),
                &pythons::embedded()?,
                &requirements.join("requirements.txt"),
            )?;
            let rsgi = plan.binary.clone().map_or_else(crate::bench::build_rsgi, Ok)?;
            Places { rsgi, venv }
        }
    };
    if let Some(total) = plan.soak {
        return soak::run(total, &places);
    }
    let mut rows = Vec::new();
    let mut failed = Vec::new();
    for scene in SCENES.iter().filter(|scene| plan.wants(scene)) {
        for &door in scene.doors {
            if plan.kind == Kind::Gunicorn && door != Door::Direct {
                continue;
            }
            let (tally, happened, log) = hold(&plan, scene, door, &places)?;
            eprintln!("{} through {}: {}", scene.name, door.name(), table::summary(&tally));
            let bad = table::failures(&tally, |is_post, outcome| is_allowed(scene, door, is_post, outcome));
            if !bad.is_empty() {
                failed.push(format!("{} through {}: {bad}\n{log}", scene.name, door.name()));
            } else if !happened {
                failed.push(format!("{} through {}: it did not happen\n{log}", scene.name, door.name()));
            }
            rows.push((scene.name, door.name(), tally));
        }
    }
    table::print(&rows, plan.markdown);
    if plan.kind == Kind::Rsgi && !failed.is_empty() {
        bail!("requests have failed:\n{}", failed.join("\n"));
    }
    Ok(())
}

/// A worker that is killed takes what it is at with it: behind a router or nginx the client gets 502, on the worker's own
/// socket nobody is left to answer.
const fn is_allowed(scene: &Scene, door: Door, is_post: bool, outcome: Outcome) -> bool {
    match (scene.kills, door, outcome) {
        (_, _, Outcome::Answered) => true,
        (true, Door::Router | Door::Tls, Outcome::Status(502)) => is_post,
        (true, Door::Nginx, Outcome::Status(502)) => true,
        (true, Door::Direct, Outcome::Unanswered | Outcome::Cut) => true,
        _ => false,
    }
}

/// What became of the requests, whether the scene took place, and the log.
fn hold(plan: &Plan, scene: &Scene, door: Door, places: &Places) -> Result<(Tally, bool, String)> {
    let server = Server::start(plan.kind, door, scene.options, places)?;
    // Whoever has not imported the application yet would make the first requests wait.
    load::run(&server.target, plan.rate, Duration::from_millis(500));
    let until = Instant::now() + plan.time;
    let tally = std::thread::scope(|scope| {
        let load = scope.spawn(|| load::run(&server.target, plan.rate, plan.time));
        (scene.act)(&server, until);
        load.join()
    });
    let tally = tally.map_err(|_| anyhow::anyhow!("the load has panicked"))?;
    // On a slow machine the last of what was begun may take a while longer.
    let happened = plan.kind != Kind::Rsgi || scene.proof.iter().all(|words| server.will_say(words));
    Ok((tally, happened, server.log()))
}

impl Plan {
    fn wants(&self, scene: &Scene) -> bool {
        let is_named = self.filters.is_empty() || self.filters.iter().any(|filter| scene.name.contains(filter));
        is_named && (!scene.own || self.kind == Kind::Rsgi)
    }
}

fn read(words: &[String]) -> Result<Plan> {
    let time = Duration::from_secs(6);
    let mut plan =
        Plan { kind: Kind::Rsgi, rate: 200, time, markdown: false, soak: None, binary: None, filters: Vec::new() };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut value = || words.next().map(String::as_str).unwrap_or_default();
        match word.as_str() {
            "--markdown" => plan.markdown = true,
            "--soak" => plan.soak = Some(value().parse()?),
            "--rate" => plan.rate = value().parse()?,
            "--seconds" => plan.time = Duration::from_secs(value().parse()?),
            "--binary" => plan.binary = Some(value().into()),
            "--server" => {
                plan.kind = match value() {
                    "rsgi" => Kind::Rsgi,
                    "uwsgi" => Kind::Uwsgi,
                    "gunicorn" => Kind::Gunicorn,
                    other => bail!("no such server: {other}; write rsgi, uwsgi or gunicorn"),
                }
            }
            option if option.starts_with('-') => bail!("no such option of cargo dev drill: {option}"),
            filter => plan.filters.push(filter.to_owned()),
        }
    }
    Ok(plan)
}
