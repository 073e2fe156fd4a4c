//! The flake's outputs once more, on a Nix of today: that of Debian forky, in a container without a network. It is stricter than
//! Debian 12's, which takes an app whose program is a number.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::flake::compare;
use super::stand_in::lay_out;
use super::{library, without_library};
use crate::packaging::Outcome;
use crate::{command, setup, system};

/// What the container holds.
const PACKAGES: &str = "nix-bin,ca-certificates";

pub(super) fn check() -> Result<Outcome> {
    let Some(library) = library()? else { return Ok(without_library("nix-flake-new")) };
    if !nix::unistd::Uid::effective().is_root() {
        return Ok(Outcome::NotRun {
            why: "containers are root's".into(),
            command: "sudo --preserve-env=NIXPKGS_LIB cargo dev check-packaging nix-flake-new".into(),
        });
    }
    system::ensure(system::CONTAINER)?;
    let root = root_tree()?;
    let flakes = lay_out(&library)?;
    let folder = flakes.project.parent().unwrap_or(Path::new("/"));
    let version = command::output(&mut inside(&root, folder, &["--version"]))?;
    command::output(&mut inside(&root, folder, &["flake", "check", "--no-build", "--all-systems"]))?;
    let shown = command::output(&mut inside(&root, folder, &["flake", "show", "--json", "--all-systems"]))?;
    let found = compare(&serde_json::from_str(&shown)?, &flakes)?;
    Ok(Outcome::Ran(format!("{found} outputs, {}", version.trim())))
}

/// Debian forky with Nix; made once, from Debian's archive.
fn root_tree() -> Result<PathBuf> {
    let place = setup::place().join("packaging/forky");
    if place.is_dir() {
        return Ok(place);
    }
    let making = place.with_extension("new");
    if making.is_dir() {
        fs::remove_dir_all(&making)?;
    }
    let mut bootstrap = Command::new("mmdebstrap");
    bootstrap.args(["--quiet", "--variant=minbase", "--format=directory", &format!("--include={PACKAGES}")]);
    // The archive of a release in the making may be older than it says that it is good for.
    bootstrap.arg("--aptopt=Acquire::Check-Valid-Until \"false\"").arg("forky").arg(&making);
    command::run(&mut bootstrap)?;
    fs::rename(&making, &place)?;
    Ok(place)
}

/// `nix` in the container, with both flakes at /flakes.
fn inside(root: &Path, flakes: &Path, words: &[&str]) -> Command {
    let mut nspawn = Command::new("systemd-nspawn");
    nspawn.env("SYSTEMD_NSPAWN_UNIFIED_HIERARCHY", "1");
    nspawn.args(["--quiet", "--register=no", "--keep-unit", "--volatile=overlay", "--private-network", "--pipe"]);
    nspawn.arg("-D").arg(root).arg(format!("--bind-ro={}:/flakes", flakes.display()));
    nspawn.args(["--", "nix", "--extra-experimental-features", "nix-command flakes"]);
    nspawn.args(["--option", "substituters", "", "--option", "build-users-group", "", "--option", "sandbox", "false"]);
    nspawn.args(words);
    if words.first() == Some(&"flake") {
        nspawn.args(["path:/flakes/project", "--override-input", "nixpkgs", "path:/flakes/nixpkgs"]);
        nspawn.arg("--no-write-lock-file");
    }
    nspawn
}
