//! `docker stop` under load.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::{Slow, flask};
use crate::images::Images;
use crate::place::{self, Place};

/// `docker stop`: requests that run for 1.2 seconds are answered, and the container is gone within its grace period of ten.
pub(super) fn stop(images: &Images) -> Result<()> {
    let place = Place::new(images, "stop")?;
    let (_nginx, app, url) = flask(&place)?;
    let slow: Vec<_> = (0..6).map(|_| Slow::start(&url)).collect();
    slow.iter().for_each(Slow::wait);
    let start = Instant::now();
    app.stop()?;
    let took = start.elapsed();
    for request in slow {
        request.text().with_context(|| place::log(&app))?;
    }
    ensure!(took < Duration::from_secs(9), "stopped after {took:?}");
    ensure!(app.exit_code()? == Some(0), "ended with {:?}\n{}", app.exit_code()?, place::log(&app));
    Ok(())
}
