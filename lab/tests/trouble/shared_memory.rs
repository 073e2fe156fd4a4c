//! A container that has no /dev/shm at all.

use anyhow::{Context, Result, ensure};
use testcontainers::ImageExt;
use testcontainers::core::{CmdWaitFor, ExecCommand};
use testcontainers::runners::SyncRunner;

use super::{ALONE, RELEASE};
use crate::images::Images;
use crate::place::{self, Place};

/// Scoreboard, locks and what a new generation inherits lie in memory that needs no file system: it starts, serves, reloads.
pub(super) fn none(images: &Images) -> Result<()> {
    let place = Place::new(images, "no-shm")?;
    let more = ["--locks=4", "--harakiri=60", "--stats=127.0.0.1:1717"];
    let app = place.within(place.app("flask", RELEASE)?.with_cmd(ALONE.into_iter().chain(more)), "app");
    let app = place::host(app, |config| config.ipc_mode = Some("none".to_owned())).start()?;
    let url = format!("http://{}/whoami", place::address(&app, 8081)?);
    place::wait_for(&url, &[&app])?;
    let gone = ExecCommand::new(["test", "!", "-e", "/dev/shm"]).with_cmd_ready_condition(CmdWaitFor::exit_code(0));
    app.exec(gone).context("there is a /dev/shm")?;
    super::reload(&app)?;
    for _ in 0..20 {
        reqwest::blocking::get(&url)?.error_for_status().with_context(|| place::log(&app))?;
    }
    app.stop()?;
    ensure!(app.exit_code()? == Some(0), "ended with {:?}\n{}", app.exit_code()?, place::log(&app));
    Ok(())
}
