//! The units that the NixOS module renders, as they are kept in the snapshots, booted with the program of the Debian packages.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::{Guest, deb};
use crate::{command, setup};

const SNAPSHOTS: &str = "tests/nixos-module/snapshots";

/// The configurations booted. `pythons` needs an interpreter that bookworm does not have.
const CONFIGURATIONS: [&str; 3] = ["web", "port", "emperor"];

pub(super) fn check() -> Result<usize> {
    let mut guest = Guest::new()?;
    for configuration in CONFIGURATIONS {
        let folder = setup::root().join(SNAPSHOTS).join(configuration);
        put(&guest, &folder.join("units"), "units")?;
        put(&guest, &folder.join("etc/rsgi"), "etc")?;
    }
    let packages = tempfile::tempdir()?;
    for package in fs::read_dir(deb::make()?)?.flatten().filter(|entry| entry.path().extension().is_some()) {
        command::run(Command::new("dpkg-deb").arg("--extract").arg(package.path()).arg(packages.path()))?;
    }
    // The snapshots name the program and its plugins there.
    guest.show(packages.path().join("usr"), "/opt/rsgi");
    guest.show(guest.folder.path().join("etc"), "/etc/rsgi");
    guest.run(include_str!("guest/nixos.sh"))
}

/// Puts a folder of files into the guest.
fn put(guest: &Guest, from: &Path, to: &str) -> Result<()> {
    for entry in fs::read_dir(from).with_context(|| from.display().to_string())?.flatten() {
        let name = format!("{to}/{}", entry.file_name().display());
        if entry.path().is_dir() {
            put(guest, &entry.path(), &name)?;
        } else {
            guest.put(&name, &fs::read_to_string(entry.path())?)?;
        }
    }
    Ok(())
}
