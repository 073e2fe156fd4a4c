//! The rendered units, looked at by systemd itself without being booted, and their configurations by rsgi.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::render;
use crate::packaging::Outcome;
use crate::{command, plugins, setup, system};

/// The exposure that no service may exceed, in tenths.
const THRESHOLD: &str = "--threshold=15";

pub(super) fn check() -> Result<Outcome> {
    system::ensure(system::SYSTEMD)?;
    let rsgi = plugins::core()?;
    let (mut units, mut files) = (0, 0);
    for configuration in fs::read_dir(setup::root().join(render::SNAPSHOTS))?.flatten() {
        let folder = configuration.path();
        let mut found: Vec<PathBuf> = fs::read_dir(folder.join("units"))?.flatten().map(|entry| entry.path()).collect();
        found.sort();
        units += found.len();
        verify(&found, &rsgi)?;
        for service in found.iter().filter(|path| is(path, "service")) {
            let mut analyze = Command::new("systemd-analyze");
            analyze.args(["security", "--offline=true", "--no-pager", THRESHOLD]).arg(service);
            command::output(&mut analyze)?;
        }
        let pattern = folder.join("etc/**/*.ini");
        for file in glob::glob(&pattern.to_string_lossy())? {
            accept(&rsgi, &file?)?;
            files += 1;
        }
    }
    if units == 0 || files == 0 {
        bail!("there is nothing in {}", render::SNAPSHOTS);
    }
    Ok(Outcome::Ran(format!("{units} units, {files} configurations")))
}

/// `systemd-analyze verify` ends well on keys that it does not know, and only says so: whatever it says is a fault.
fn verify(units: &[PathBuf], rsgi: &Path) -> Result<()> {
    let folder = tempfile::tempdir()?;
    // The programs of the snapshots lie in /opt/rsgi; here another one stands for them.
    for unit in units {
        let text = fs::read_to_string(unit)?.replace("/opt/rsgi/bin/rsgi", &rsgi.display().to_string());
        fs::write(folder.path().join(unit.file_name().context("a name")?), text)?;
    }
    let mut analyze = Command::new("systemd-analyze");
    analyze.args(["verify", "--man=no", "--recursive-errors=no"]);
    analyze.args(units.iter().filter_map(|unit| Some(folder.path().join(unit.file_name()?))));
    let output = analyze.output().context("cannot start systemd-analyze")?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() || !said.trim().is_empty() {
        bail!("systemd-analyze verify: {}\n{said}", output.status);
    }
    Ok(())
}

/// `rsgi check` finds no fault. What a configuration names below /srv lies in the folder `machine`.
fn accept(rsgi: &Path, file: &Path) -> Result<()> {
    let machine = setup::root().join("tests/nixos-module/machine/srv");
    let text = fs::read_to_string(file)?.replace("ini = /srv", &format!("ini = {}", machine.display()));
    let copy = tempfile::Builder::new().suffix(".ini").tempfile()?;
    fs::write(&copy, text)?;
    command::output(Command::new(rsgi).arg("check").arg(copy.path()))
        .with_context(|| file.display().to_string())
        .map(drop)
}

fn is(path: &Path, ending: &str) -> bool {
    path.extension().is_some_and(|found| found == ending)
}
