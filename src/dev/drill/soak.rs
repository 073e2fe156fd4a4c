//! `cargo dev drill --soak N`: many requests with reloads in between. What the instance holds must not grow.

use std::time::Duration;

use anyhow::{Result, bail};
use nix::sys::signal::Signal;
use nix::unistd::Pid;

use super::client::Outcome;
use super::load;
use super::server::{Door, Kind, Places, Server};

/// Requests a second.
const RATE: u32 = 2000;

/// Seconds of load between two reloads.
const STRETCH: Duration = Duration::from_secs(5);

/// Memory that may be added by what is done for the first time, KiB for each process.
const SLACK: u64 = 1024;

/// What all processes of an instance hold together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Holding {
    processes: usize,
    descriptors: usize,
    /// Shared memory mappings.
    shared: usize,
    /// Proportional set size, KiB.
    pss: u64,
}

impl Holding {
    fn of(server: &Server) -> Self {
        let mut all = server.processes("");
        all.push(server.pid());
        let read = |pid: &Pid, name: &str| std::fs::read_to_string(format!("/proc/{pid}/{name}")).unwrap_or_default();
        let descriptors = |pid: &Pid| std::fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count);
        let pss = |pid: &Pid| {
            let text = read(pid, "smaps_rollup");
            let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
            line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0)
        };
        Self {
            processes: all.len(),
            descriptors: all.iter().map(descriptors).sum(),
            shared: all
                .iter()
                .map(|pid| read(pid, "maps").lines().filter(|line| line.contains("memfd:")).count())
                .sum(),
            pss: all.iter().map(pss).sum(),
        }
    }
}

/// Sends `total` requests through the router, with a reload every few seconds.
///
/// # Errors
/// When a request fails, or the instance holds more at the end than after its first reloads.
pub(super) fn run(total: u64, places: &Places) -> Result<()> {
    let server = Server::start(Kind::Rsgi, Door::Router, &[], places)?;
    let mut sent = 0;
    let mut before = None;
    let mut reloads = 0;
    while sent < total {
        let tally = load::run(&server.target, RATE, STRETCH);
        sent += tally.sent();
        let failed = tally.outcomes.iter().filter(|((_, outcome), _)| *outcome != Outcome::Answered);
        let failed: Vec<_> = failed.collect();
        if !failed.is_empty() {
            bail!("requests have failed after {sent}: {failed:?}\n{}", server.log());
        }
        server.signal(Signal::SIGHUP);
        // The old generation leaves within that time, for nothing is asked of it any more.
        std::thread::sleep(Duration::from_secs(3));
        reloads += 1;
        let now = Holding::of(&server);
        eprintln!("{sent} requests, {reloads} reloads: {now:?}");
        if reloads == 2 {
            before = Some(now);
        }
        if let Some(before) = before.filter(|_| sent >= total) {
            let limit = before.pss + SLACK * before.processes as u64;
            if now.processes != before.processes
                || now.descriptors > before.descriptors
                || now.shared > before.shared
                || now.pss > limit
            {
                bail!("the instance has grown from {before:?} to {now:?}");
            }
        }
    }
    eprintln!("{sent} requests and {reloads} reloads, none failed, nothing has grown");
    Ok(())
}
