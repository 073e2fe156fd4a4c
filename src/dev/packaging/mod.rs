//! `cargo dev check-packaging [RUNG…]`: proves, as far as this machine can, that what is shipped installs and runs.
//!
//! Each way of shipping has a file here with its rungs. A rung either ran, or says why it could not and which command
//! a machine that has what is missing would run; the table at the end shows all of them, every time.

mod boot;
pub(crate) mod docker;
pub(crate) mod image;
mod manifests;
pub(crate) mod nix;
mod pages;
mod pip;

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// One thing proved.
pub(crate) struct Rung {
    /// What it is asked for by, as `wheel` or `units`.
    pub(crate) name: &'static str,
    /// What holds once it ran, in a few words.
    pub(crate) proves: &'static str,
    /// Proves it, or says why that cannot be done here.
    pub(crate) run: fn() -> Result<Outcome>,
}

/// What became of a rung that found no fault.
pub(crate) enum Outcome {
    /// It ran; a few words of what was seen, as a size or a count.
    Ran(String),
    /// Something is missing here that cannot be installed.
    NotRun {
        /// What is missing.
        why: String,
        /// What a machine that has it runs.
        command: String,
    },
}

/// From the cheapest to the dearest.
const RUNGS: &[&[Rung]] = &[nix::RUNGS, manifests::TEXTS, boot::RUNGS, pip::RUNGS, image::RUNGS, manifests::RUNGS];

/// `cargo dev wheel`.
///
/// # Errors
/// When a wheel cannot be built.
pub(crate) fn wheel() -> Result<()> {
    pip::make()?.iter().for_each(|(_, wheel)| eprintln!("{}", wheel.display()));
    Ok(())
}

/// `cargo dev deb`.
///
/// # Errors
/// When a package cannot be built.
pub(crate) fn deb() -> Result<()> {
    eprintln!("the packages are in {}", boot::deb::make()?.display());
    Ok(())
}

/// Runs the rungs named, or all.
///
/// # Errors
/// When a rung fails, after all have run, or when a name is of none.
pub(crate) fn run(names: &[String]) -> Result<()> {
    let all = || RUNGS.iter().copied().flatten();
    if let Some(unknown) = names.iter().find(|name| all().all(|rung| rung.name != **name)) {
        let known: Vec<_> = all().map(|rung| rung.name).collect();
        bail!("no such rung: {unknown}; there are {}", known.join(", "));
    }
    let mut lines = Vec::new();
    let mut failed = Vec::new();
    for rung in all().filter(|rung| names.is_empty() || names.iter().any(|name| name == rung.name)) {
        eprintln!("--- {}: {}", rung.name, rung.proves);
        let start = Instant::now();
        let outcome = (rung.run)();
        lines.push(line(rung, &outcome, start.elapsed()));
        if let Err(error) = outcome {
            eprintln!("error: {error:#}");
            failed.push(rung.name);
        }
    }
    eprintln!("\n{:<14} {:<7} {:>5}  what it proves", "rung", "", "s");
    lines.iter().for_each(|line| eprintln!("{line}"));
    if !failed.is_empty() {
        bail!("packaging: {} failed", failed.join(", "));
    }
    Ok(())
}

fn line(rung: &Rung, outcome: &Result<Outcome>, took: Duration) -> String {
    let (verdict, detail) = match outcome {
        Ok(Outcome::Ran(detail)) => ("ran", format!(": {detail}")),
        Ok(Outcome::NotRun { why, command }) => ("NOT RUN", format!(": {why}; elsewhere: {command}")),
        Err(_) => ("FAILED", String::new()),
    };
    format!("{:<14} {verdict:<7} {:>5}  {}{detail}", rung.name, took.as_secs(), rung.proves)
}
