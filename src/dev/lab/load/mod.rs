//! `cargo dev lab load`: rsgi and its peers under load, on three applications, directly and behind nginx, in containers on a network of
//! their own. Servers take turns in each round and the middle is taken, since the machine may have other things to do.

mod chart;
mod cpu;
mod interrupt;
mod machine;
mod measure;
mod page;
mod place;
mod plan;
mod results;
mod rig;
mod servers;
mod summary;

use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use super::images::{self, ForLoad};
use super::remains;
use crate::setup;
use measure::Load;
pub(crate) use page::DOCUMENTS;
use place::Place;
use plan::{APPS, App, DOORS, Door, Plan};
use results::{Group, Memory, Results, Row, Sample, median};
use rig::Rig;
use servers::{OURS, SERVERS};

/// What docs/benchmarks.md is made of, kept beside it.
const DATA: &str = "docs/generated/benchmarks.json";

/// Loads all, and stores what came of it: in .rsgi-dev, and, when it was the whole, as docs/benchmarks.md.
///
/// # Errors
/// When something is missing, a server does not serve, or rsgi has lost a request.
pub(super) fn run(words: &[String]) -> Result<()> {
    let plan = Plan::read(words)?;
    interrupt::watch()?;
    let ended = load(&plan);
    interrupt::let_it_end();
    ended
}

fn load(plan: &Plan) -> Result<()> {
    let processors = machine::processors()?;
    if processors < 2 {
        bail!("the load needs two processors: one for the server, one for what loads it");
    }
    let images = images::for_load()?;
    remains::remove()?;
    let (busy, begin) = (machine::busy()?, Instant::now());
    let groups = groups(plan, &images, processors)?;
    if groups.is_empty() {
        bail!("no such load; there are hello, flask and django, each with /direct and /nginx");
    }
    let results = Results {
        date: machine::date()?,
        machine: machine::describe(busy, begin.elapsed())?,
        versions: machine::versions(&images)?,
        groups,
    };
    let text = serde_json::to_string_pretty(&results)? + "\n";
    store(setup::place().join("lab-load.json"), &text)?;
    eprintln!("{}", page::tables(&results));
    if plan.is_whole() {
        store(setup::root().join(DATA), &text)?;
        crate::generate::generate(false)?;
    }
    lost_nothing(&results)
}

fn store(file: PathBuf, text: &str) -> Result<()> {
    fs::write(&file, text).with_context(|| file.display().to_string())?;
    eprintln!("wrote {}", file.display());
    Ok(())
}

fn groups(plan: &Plan, images: &ForLoad, processors: usize) -> Result<Vec<Group>> {
    let place = Place::new(processors)?;
    let mut groups = Vec::new();
    for app in &APPS {
        for door in DOORS.into_iter().filter(|door| plan.wants(app, *door)) {
            groups.push(group(plan, images, &place, app, door)?);
        }
    }
    Ok(groups)
}

/// All servers with one application through one door.
fn group(plan: &Plan, images: &ForLoad, place: &Place, app: &App, door: Door) -> Result<Group> {
    let rigs = start(images, place, app, door)?;
    let run = |rig: &Rig, load: Load, seconds: f64| -> Result<Sample> {
        let sample = measure::load(place, images, rig, app, load, seconds)?;
        eprintln!(
            "{}/{} {} {load:?}: {:.0}/s, CPU {:.0} \u{b5}s, p99 {:.1} ms, failed {:?}",
            app.name,
            door.name(),
            rig.server.name,
            sample.rate(),
            sample.cpu,
            sample.p99 as f64 / 1e3,
            sample.failed
        );
        Ok(sample)
    };
    let row = |rig: &Rig| Row {
        server: rig.server.name.to_owned(),
        command: rig.command.clone(),
        memory: Memory::default(),
        closed: Vec::new(),
        fixed: Vec::new(),
        reload: Vec::new(),
        slow: Vec::new(),
    };
    let mut rows: Vec<Row> = rigs.iter().map(row).collect();
    let turns = |rows: &mut [Row], take: &mut dyn FnMut(&Rig, &mut Row) -> Result<()>| -> Result<()> {
        rigs.iter().zip(rows).try_for_each(|(rig, row)| take(rig, row))
    };
    // Once so that everything is imported and every connection was open, which nobody counts.
    turns(&mut rows, &mut |rig, _| measure::load(place, images, rig, app, Load::Closed, 0.5).map(drop))?;
    for _ in 0..plan.rounds {
        turns(&mut rows, &mut |rig, row| run(rig, Load::Closed, plan.closed).map(|sample| row.closed.push(sample)))?;
    }
    turns(&mut rows, &mut |rig, row| rig.memory().map(|memory| row.memory = memory))?;
    let rate = half_of_the_slowest(&rows);
    for _ in 0..plan.rounds {
        turns(&mut rows, &mut |rig, row| run(rig, Load::Fixed(rate), plan.fixed).map(|sample| row.fixed.push(sample)))?;
    }
    let is_troubled = |rig: &Rig| plan.troubles(app, door, rig.server.name);
    for _ in 0..plan.slow_rounds {
        turns(&mut rows, &mut |rig, row| {
            let sample = is_troubled(rig).then(|| run(rig, Load::Slow(rate), plan.slow)).transpose()?;
            row.slow.extend(sample);
            Ok(())
        })?;
    }
    turns(&mut rows, &mut |rig, row| {
        let sample = is_troubled(rig).then(|| run(rig, Load::Reload(rate), plan.reload)).transpose()?;
        row.reload.extend(sample);
        Ok(())
    })?;
    Ok(Group { app: app.name.to_owned(), door: door.name().to_owned(), rate, servers: rows })
}

/// Side by side, for most of a start is waiting.
fn start(images: &ForLoad, place: &Place, app: &App, door: Door) -> Result<Vec<Rig>> {
    std::thread::scope(|scope| {
        let starts = SERVERS.iter().map(|server| scope.spawn(move || Rig::start(place, images, server, app, door)));
        let starts: Vec<_> = starts.collect();
        starts.into_iter().map(|start| start.join().ok().context("a start panicked")?).collect()
    })
}

/// What each server of a group can answer with ease, in two digits.
fn half_of_the_slowest(rows: &[Row]) -> f64 {
    let capacities = rows.iter().filter_map(|row| median(&row.closed, Sample::rate));
    let half = capacities.fold(f64::INFINITY, f64::min) / 2.0;
    let digit = 10_f64.powf((half.max(1.0).log10().floor() - 1.0).max(0.0));
    ((half / digit).floor() * digit).max(1.0)
}

/// rsgi answers everything, also while it reloads and with slow clients beside.
fn lost_nothing(results: &Results) -> Result<()> {
    let of = |group: &Group| group.row(OURS).map_or(0, Row::failures);
    let lost: Vec<String> = results
        .groups
        .iter()
        .filter(|group| of(group) > 0)
        .map(|group| format!("{} with {}", of(group), group.title()))
        .collect();
    if !lost.is_empty() {
        bail!("{OURS} has lost requests ({}): see .rsgi-dev/lab-load.json", lost.join("; "));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
