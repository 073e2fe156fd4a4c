//! A clock that jumps, as when a machine wakes up, or is set by hand. It is the clock of one container's programs alone: `lab/trouble/clock.c`
//! stands between them and the kernel, and the monotonic clock goes on as it does when a real one is set.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use testcontainers::ImageExt;
use testcontainers::runners::SyncRunner;

use super::ALONE;
use crate::images::Images;
use crate::load::Load;
use crate::place::{self, Place, Running};

/// Seconds that it jumps, from the true time.
const JUMPS: [i64; 3] = [7200, -7200, 0];

/// Requests take no part of it, on either door: none is lost or ended for taking too long, no worker is replaced for its age, and no line tells
/// of hours.
pub(super) fn jumps(images: &Images) -> Result<()> {
    let place = Place::new(images, "clock")?;
    let more = [
        "--harakiri=120",
        "--max-worker-lifetime=3600",
        "--socket-timeout=120",
        "--http-timeout=120",
        "--stats=:9090",
        "--stats-http",
    ];
    let app =
        place.within(place.trouble()?.with_exposed_port(9090.into()).with_cmd(ALONE.into_iter().chain(more)), "app");
    let app = app
        .with_env_var("LD_PRELOAD", "/lab/clock.so")
        .with_copy_to("/tmp/clock", 0_i64.to_ne_bytes().to_vec())
        .start()?;
    let direct = format!("http://{}", place::address(&app, 8080)?);
    let routed = format!("http://{}", place::address(&app, 8081)?);
    place::wait_for(&format!("{routed}/whoami"), &[&app])?;
    let loads = [Load::on(&direct)?, Load::on(&routed)?];
    for seconds in JUMPS {
        // Both doors are in the middle of an answer that nobody takes meanwhile.
        let held = [&direct, &routed].map(|url| reqwest::blocking::get(format!("{url}/download?mb=32")));
        set(&app, seconds)?;
        for held in held {
            let length = held?.bytes().with_context(|| place::log(&app))?.len();
            ensure!(length == 32 << 20, "an answer was cut after {length} bytes\n{}", place::log(&app));
        }
        let off = time_in(&direct)? - SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs_f64() - seconds as f64;
        ensure!(off.abs() < 600.0, "the application's clock is {off} seconds beside what was set: nothing is proved");
        loads.iter().try_for_each(|load| load.wait_for_answers(40)).with_context(|| place::log(&app))?;
    }
    for load in loads {
        load.lost_nothing(100).with_context(|| place::log(&app))?;
    }
    sober(&app)?;
    super::reload(&app)?;
    app.stop()?;
    ensure!(app.exit_code()? == Some(0), "ended with {:?}\n{}", app.exit_code()?, place::log(&app));
    Ok(())
}

/// What time it is for the application.
fn time_in(url: &str) -> Result<f64> {
    let events = reqwest::blocking::get(format!("{url}/events"))?.error_for_status()?.text()?;
    events.trim().rsplit(' ').next().and_then(|time| time.parse().ok()).context("no time")
}

/// At once, in every program of the container.
fn set(app: &Running, seconds: i64) -> Result<()> {
    let script = format!("open('/tmp/clock', 'r+b', 0).write(({seconds}).to_bytes(8, '{}', signed=True))", ORDER);
    super::docker(&["exec", "--user=0", app.id(), "/venv/bin/python", "-c", &script]).map(drop)
}

const ORDER: &str = if cfg!(target_endian = "little") { "little" } else { "big" };

/// Neither log nor stats tell what a clock would tell that does not jump back and forth.
fn sober(app: &Running) -> Result<()> {
    let log = place::log(app);
    for word in ["HARAKIRI", "Respawned", "lifetime", "panicked"] {
        ensure!(!log.contains(word), "{word}, for the clock alone\n{log}");
    }
    let spans = log.split(" bytes in ").skip(1).filter_map(|rest| rest.split(' ').next()?.parse::<u64>().ok());
    let spans: Vec<u64> = spans.collect();
    ensure!(spans.len() > 200, "only {} request lines\n{log}", spans.len());
    let longest = spans.iter().max().copied().unwrap_or_default();
    ensure!(longest < 120_000, "a request of {longest} msecs, for the clock alone\n{log}");
    let stats: serde_json::Value = reqwest::blocking::get(format!("http://{}", place::address(app, 9090)?))?.json()?;
    for worker in stats["workers"].as_array().context("workers")? {
        // Microseconds: the mean of a request, and all of them together on two threads.
        let (mean, sum) =
            (worker["avg_rt"].as_u64().context("avg_rt")?, worker["running_time"].as_u64().context("running_time")?);
        ensure!(mean < 120_000_000 && sum < 600_000_000, "worker {}: avg_rt {mean}, running_time {sum}", worker["id"]);
    }
    Ok(())
}
