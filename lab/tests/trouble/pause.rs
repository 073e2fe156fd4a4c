//! A backend that stands still.

use std::time::Duration;

use anyhow::{Context, Result};

use super::{docker, flask};
use crate::images::Images;
use crate::load::Load;
use crate::place::{self, Place};

/// A backend that does not move for five seconds: clients wait, and nobody is sent away.
pub(super) fn away(images: &Images) -> Result<()> {
    let place = Place::new(images, "away")?;
    let (_nginx, app, url) = flask(&place)?;
    let load = Load::on(&url)?;
    std::thread::sleep(Duration::from_secs(1));
    docker(&["pause", app.id()])?;
    std::thread::sleep(Duration::from_secs(5));
    docker(&["unpause", app.id()])?;
    std::thread::sleep(Duration::from_secs(1));
    load.lost_nothing(50).map(drop).with_context(|| place::log(&app))
}
