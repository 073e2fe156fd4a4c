//! One load on one server.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::super::images::ForLoad;
use super::place::Place;
use super::plan::App;
use super::results::Sample;
use super::rig::Rig;
use crate::packaging::docker::docker;

/// Connections of the honest clients, each kept.
const CONNECTIONS: u32 = 32;
/// With slow ones: these, and one to twenty of them slow, which are more than the eight threads that a server has.
const MANY: u32 = 190;
const SLOW: u32 = 10;

/// What is done to a server.
#[derive(Debug, Clone, Copy)]
pub(super) enum Load {
    /// As much as it answers.
    Closed,
    /// So many requests a second.
    Fixed(f64),
    /// The same, and it is told to reload when a tenth of the time has gone.
    Reload(f64),
    /// The same, with slow clients beside.
    Slow(f64),
}

/// Loads it and says what came of that.
pub(super) fn load(place: &Place, images: &ForLoad, rig: &Rig, app: &App, load: Load, seconds: f64) -> Result<Sample> {
    let mut words = vec![rig.address.to_string(), app.path.to_owned(), "--seconds".to_owned(), seconds.to_string()];
    let mut add = |name: &str, value: String| words.extend([format!("--{name}"), value]);
    add("connections", if matches!(load, Load::Slow(_)) { MANY } else { CONNECTIONS }.to_string());
    match load {
        Load::Closed => {}
        Load::Fixed(rate) | Load::Reload(rate) => add("rate", rate.to_string()),
        Load::Slow(rate) => {
            add("rate", rate.to_string());
            add("slow", SLOW.to_string());
            add("large", app.large.context("an application without a large page")?.to_owned());
        }
    }
    let before = matches!(load, Load::Reload(_)).then(|| rig.workers()).transpose()?;
    let (cpu, nginx_cpu) = spent(rig)?;
    let during = || match load {
        Load::Reload(_) => {
            std::thread::sleep(Duration::from_secs_f64(seconds / 10.0));
            rig.reload()
        }
        _ => Ok(()),
    };
    let mut sample = generate(place, images, &words, during).with_context(|| rig.log())?;
    let (cpu_after, nginx_cpu_after) = spent(rig)?;
    if let Some(before) = before {
        wait_for_new(rig, &before.iter().map(|worker| worker.pid).collect::<Vec<_>>())?;
    }
    let each = |micros: f64| micros / (sample.answered.max(1) as f64);
    (sample.cpu, sample.nginx_cpu) =
        (each(cpu_after - cpu), nginx_cpu_after.zip(nginx_cpu).map(|(after, before)| each(after - before)));
    Ok(sample)
}

fn spent(rig: &Rig) -> Result<(f64, Option<f64>)> {
    Ok((rig.meter.micros()?, rig.nginx_meter.as_ref().map(|meter| meter.micros()).transpose()?))
}

/// Runs the generator in a container of its own; `during` is called once it has begun.
fn generate(place: &Place, images: &ForLoad, words: &[String], during: impl Fn() -> Result<()>) -> Result<Sample> {
    let (name, network) = (place.name("generator"), place.option());
    let mut run =
        docker(&["run", "--rm", "--name", &name, &network, place.load_cpus, "--log-driver=none", &images.generator]);
    let mut child = run.args(words).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let (mut said, mut answer) = (String::new(), String::new());
    let mut stderr = BufReader::new(child.stderr.take().context("no standard error")?);
    stderr.read_line(&mut said)?;
    let done = if said == "begun\n" { during() } else { Ok(()) };
    child.stdout.take().context("no standard output")?.read_to_string(&mut answer)?;
    stderr.read_to_string(&mut said)?;
    if !child.wait()?.success() {
        bail!("the generator has failed: {said}");
    }
    done?;
    serde_json::from_str(&answer).with_context(|| format!("the generator said {answer:?}"))
}

/// A reload that did not replace every worker was none.
fn wait_for_new(rig: &Rig, before: &[u32]) -> Result<()> {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        let workers = rig.workers()?;
        if !workers.iter().any(|worker| before.contains(&worker.pid)) {
            return Ok(());
        }
        if Instant::now() > end {
            bail!(
                "{} did not replace its workers {before:?} when it was told to reload\n{}",
                rig.server.name,
                rig.log()
            );
        }
        std::thread::sleep(Duration::from_millis(500));
    }
}
