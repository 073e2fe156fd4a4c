//! `cargo dev bench`: CPU time per request of rsgi and its peers, on the same application, in interleaved rounds.
//!
//! Each server is pinned to CPU 0 and the load generator to CPU 1. The figure is the user and system time that the
//! server's whole process tree used, divided by the requests it answered: unlike requests per second it hardly depends on
//! what else the machine does. An answer other than 2xx makes the run fail.

mod measure;
mod servers;
mod table;

use anyhow::{Result, bail};

use crate::{pythons, setup, system, venvs};
use measure::Running;
pub(crate) use servers::build_rsgi;
use servers::{PAGES, Page};

/// How much to measure.
struct Plan {
    rounds: usize,
    seconds: u32,
    markdown: bool,
    filters: Vec<String>,
}

/// Runs the benchmark and prints its tables.
///
/// # Errors
/// When something is missing, a server does not start, or an answer is not 2xx.
pub(crate) fn run(words: &[String]) -> Result<()> {
    let mut plan = Plan { rounds: 5, seconds: 3, markdown: false, filters: Vec::new() };
    for word in words {
        match word.as_str() {
            "--quick" => (plan.rounds, plan.seconds) = (2, 2),
            "--markdown" => plan.markdown = true,
            option if option.starts_with('-') => bail!("no such option of cargo dev bench: {option}"),
            filter => plan.filters.push(filter.to_owned()),
        }
    }
    if std::thread::available_parallelism()?.get() < 2 {
        bail!("the benchmark needs two processors: one for the server, one for the load");
    }
    system::ensure(system::TEST)?;
    system::ensure(system::BENCH)?;
    let requirements = setup::root().join("lab/requirements-bench.txt");
    let venv = venvs::ensure(setup::place().join("venv-bench"), &pythons::embedded()?, &requirements)?;
    let rsgi = servers::build_rsgi()?;
    let places = servers::Places { venv, rsgi, files: servers::make_files()? };
    for page in PAGES {
        measure_page(page, &places, &plan)?;
    }
    Ok(())
}

fn measure_page(page: &Page, places: &servers::Places, plan: &Plan) -> Result<()> {
    let wanted = |name: &str| {
        let named = |filter: &String| name.contains(filter) || page.name.contains(filter);
        plan.filters.is_empty() || plan.filters.iter().any(named)
    };
    let mut running = Vec::new();
    for server in page.servers.iter().filter(|server| wanted(server.name)) {
        running.push(Running::start(server, page, places)?);
    }
    if running.is_empty() {
        return Ok(());
    }
    for server in &running {
        server.load(page, 1)?;
    }
    for round in 1..=plan.rounds {
        for server in &mut running {
            let sample = server.sample(page, plan.seconds)?;
            eprintln!("{} round {round}: {} {:.1} \u{b5}s", page.name, server.name, sample.micros);
            server.samples.push(sample);
        }
    }
    let rows: Vec<table::Row> = running.iter().map(|server| table::Row::new(server.name, &server.samples)).collect();
    table::print(page, &rows, plan.markdown);
    Ok(())
}
