//! The Debian packages, used in a booted Debian as their page says.

use std::process::Command;

use anyhow::{Result, bail};

use super::{Guest, deb};
use crate::packaging::pages;
use crate::{command, setup, system};

const PAGE: &str = "docs/deploy/debian.md";

/// Headings of the page, in the order of the script.
const HEADINGS: [&str; 6] =
    ["Install", "An instance", "A change", "Started by its socket, behind nginx", "A new version", "Remove"];

/// The page for machines without packages, and its headings.
const PLAIN: &str = "docs/deploy/systemd.md";
const PLAIN_HEADINGS: [&str; 3] = ["Start at boot with systemd", "Socket activation", "After an update of rsgi"];

/// The exposure that the unit may not exceed, in tenths.
const THRESHOLD: &str = "--threshold=15";

pub(super) fn check() -> Result<usize> {
    same_as_the_page("Start at boot with systemd", include_str!("../../../../debian/rsgi@.service"))?;
    same_as_the_page("Socket activation", include_str!("../../../../debian/rsgi@.socket"))?;
    hardened()?;
    let mut guest = Guest::new()?;
    guest.put_page(PAGE, &HEADINGS)?;
    guest.put_page(PLAIN, &PLAIN_HEADINGS)?;
    guest.show(deb::make()?, "/opt/packages");
    guest.run(include_str!("guest/debian.sh"))
}

/// The page for those without packages shows the very unit.
fn same_as_the_page(heading: &str, unit: &str) -> Result<()> {
    let shown = pages::blocks(PLAIN, heading)?;
    if !shown.iter().any(|block| block.text.lines().skip(1).eq(unit.lines())) {
        bail!("{PLAIN} shows another unit than debian/ has, below {heading:?}");
    }
    Ok(())
}

fn hardened() -> Result<()> {
    system::ensure(system::SYSTEMD)?;
    let unit = setup::root().join("debian/rsgi@.service");
    command::output(
        Command::new("systemd-analyze").args(["security", "--offline=true", "--no-pager", THRESHOLD]).arg(unit),
    )
    .map(drop)
}
