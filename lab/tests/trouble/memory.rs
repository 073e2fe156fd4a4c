//! A worker that takes too much memory.

use anyhow::{Context, Result, ensure};
use testcontainers::runners::SyncRunner;

use super::RELEASE;
use crate::images::Images;
use crate::place::{self, Place};

/// A worker that takes more than the container may have is killed by the kernel; the others serve on, and it is replaced. (A GET would be
/// given to a second worker, since nothing is lost by asking twice.)
pub(super) fn out_of_memory(images: &Images) -> Result<()> {
    let place = Place::new(images, "memory")?;
    let app = place::host(place.doors(place.app("flask", RELEASE)?, "app"), |config| {
        config.memory = Some(256 << 20);
        config.memory_swap = Some(256 << 20);
    });
    let app = app.start()?;
    let url = format!("http://{}", place::address(&app, 8081)?);
    place::wait_for(&format!("{url}/whoami"), &[&app])?;
    let client = reqwest::blocking::Client::new();
    let answer = client.post(format!("{url}/eat?mb=500")).send()?;
    ensure!(answer.status() == 502, "the one that ate is told {}\n{}", answer.status(), place::log(&app));
    for _ in 0..20 {
        client.get(format!("{url}/whoami")).send()?.error_for_status().with_context(|| place::log(&app))?;
    }
    let log = place::log(&app);
    ensure!(log.contains("signal 9"), "the log does not tell of the kill\n{log}");
    ensure!(log.matches("Respawned").count() == 1, "it was not replaced once\n{log}");
    Ok(())
}
