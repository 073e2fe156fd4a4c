//! A flake that stands in for nixpkgs, and a copy of this project's own: laid side by side below `.rsgi-dev/packaging/nix`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::json;

use crate::pythons::Python;
use crate::{command, pythons, setup};

/// Where both flakes lie.
pub(super) struct Flakes {
    /// This project's: the files that git knows or would add.
    pub(super) project: PathBuf,
    /// What is given for nixpkgs.
    pub(super) nixpkgs: PathBuf,
    /// The interpreters that plugins are built for.
    pub(super) pythons: Vec<Python>,
}

impl Flakes {
    /// An output of this project's flake, or, without a name, the flake. `path:` keeps Nix from looking for Git's folder.
    pub(super) fn output(&self, name: &str) -> String {
        let separator = if name.is_empty() { "" } else { "#" };
        format!("path:{}{separator}{name}", self.project.display())
    }
}

/// Lays both out anew, with nixpkgs' `lib` from `library`.
///
/// # Errors
/// When files cannot be copied or there is no interpreter.
pub(super) fn lay_out(library: &Path) -> Result<Flakes> {
    let place = setup::place().join("packaging/nix");
    let flakes = Flakes { project: place.join("project"), nixpkgs: place.join("nixpkgs"), pythons: interpreters()? };
    for folder in [&flakes.project, &flakes.nixpkgs] {
        if folder.is_dir() {
            fs::remove_dir_all(folder)?;
        }
        fs::create_dir_all(folder)?;
    }
    let listed = Command::new("git")
        .args(["ls-files", "-z", "-co", "--exclude-standard"])
        .current_dir(setup::root())
        .output()?;
    for name in String::from_utf8(listed.stdout)?.split_terminator('\0') {
        let (from, to) = (setup::root().join(name), flakes.project.join(name));
        // Git goes on listing what was deleted and is not committed yet.
        if from.is_file() {
            to.parent().map_or(Ok(()), fs::create_dir_all)?;
            fs::copy(&from, &to).with_context(|| from.display().to_string())?;
        }
    }
    copy(library, &flakes.nixpkgs.join("lib"))?;
    copy(&setup::root().join("tests/nix/nixpkgs"), &flakes.nixpkgs)?;
    copy(&setup::root().join("tests/nixos-module"), &flakes.nixpkgs.join("tests/nixos-module"))?;
    let prefixes: BTreeMap<_, _> = flakes.pythons.iter().map(|python| (python.release(), prefix(python))).collect();
    let cargo = Path::new(env!("CARGO")).parent().context("cargo lies in a folder")?;
    let machine = json!({ "cargo": cargo, "vendor": vendor_place(), "pythons": prefixes });
    fs::write(flakes.nixpkgs.join("machine.json"), machine.to_string())?;
    Ok(flakes)
}

/// Downloads the sources of all crates, once for each lock file.
pub(super) fn vendor() -> Result<()> {
    let lock = fs::read_to_string(setup::root().join("Cargo.lock"))?;
    let stamp = vendor_place().with_extension("lock");
    if fs::read_to_string(&stamp).is_ok_and(|old| old == lock) {
        return Ok(());
    }
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["vendor", "--quiet", "--locked"]).arg(vendor_place()).current_dir(setup::root());
    command::output(&mut cargo)?;
    Ok(fs::write(stamp, lock)?)
}

fn vendor_place() -> PathBuf {
    setup::place().join("packaging/vendor")
}

/// The one that a plain build embeds, and the others of this machine.
fn interpreters() -> Result<Vec<Python>> {
    let embedded = pythons::embedded()?;
    let mut all = pythons::others(&embedded);
    all.push(embedded);
    all.sort_by_key(|python| python.version);
    Ok(all)
}

fn prefix(python: &Python) -> PathBuf {
    python.exe.parent().and_then(Path::parent).unwrap_or(Path::new("/usr")).to_owned()
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    command::output(Command::new("cp").args(["-r", "--no-preserve=mode"]).arg(from.join(".")).arg(to)).map(drop)
}
