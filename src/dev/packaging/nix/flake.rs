//! The flake's outputs, evaluated with a stand-in for nixpkgs: each is there, has its shape, and the lock stays as it is.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value as Json;

use super::stand_in::{Flakes, lay_out};
use super::{library, nix, without_library};
use crate::command;
use crate::packaging::Outcome;

/// What has to be there, for each system. Plugins and images depend on the machine's Pythons.
const OUTPUTS: [&str; 31] = [
    "apps default",
    "checks clippy",
    "checks default",
    "checks deny",
    "checks doc",
    "checks docs",
    "checks fmt",
    "checks module-evaluation",
    "checks nextest",
    "checks nix-format",
    "checks oci",
    "checks rsgi",
    "checks rsgi-full",
    "checks unit-verification",
    "checks vm-basic",
    "checks vm-credentials",
    "checks vm-emperor",
    "checks vm-hardening",
    "checks vm-harakiri",
    "checks vm-plugins",
    "checks vm-quickstart",
    "checks vm-reload-under-load",
    "checks vm-socket-activation",
    "checks vm-upgrade",
    "checks vm-watchdog",
    "devShells default",
    "packages default",
    "packages docs",
    "packages oci",
    "packages rsgi",
    "packages rsgi-full",
];

pub(super) fn check() -> Result<Outcome> {
    let Some(library) = library()? else { return Ok(without_library("nix-flake")) };
    let flakes = lay_out(&library)?;
    let lock = flakes.project.join("flake.lock");
    let before = fs::read(&lock)?;
    command::output(nix()?.args(["flake", "metadata"]).arg(flakes.output("")))?;
    if fs::read(&lock)? != before {
        bail!("flake.lock is not as Nix would write it");
    }
    command::output(with_stand_in(nix()?.args(["flake", "check", "--no-build"]).arg(flakes.output("")), &flakes))?;
    let shown =
        command::output(with_stand_in(nix()?.args(["flake", "show", "--json"]).arg(flakes.output("")), &flakes))?;
    let found = compare(&serde_json::from_str(&shown)?, &flakes)?;
    let tests = machine_tests(&flakes)?;
    Ok(Outcome::Ran(format!("{found} outputs, {tests} machine tests evaluated")))
}

/// Gives the stand-in for nixpkgs, and leaves the lock alone.
pub(super) fn with_stand_in<'a>(nix: &'a mut Command, flakes: &Flakes) -> &'a mut Command {
    let stand_in = format!("path:{}", flakes.nixpkgs.display());
    nix.args(["--override-input", "nixpkgs", &stand_in, "--no-write-lock-file"])
}

/// Compares the tree that `nix flake show` prints; returns how many outputs there are.
pub(super) fn compare(shown: &Json, flakes: &Flakes) -> Result<usize> {
    let mut count = 0;
    for system in ["x86_64-linux", "aarch64-linux"] {
        let mut found = BTreeSet::new();
        for kind in ["apps", "checks", "devShells", "packages"] {
            let outputs = shown.pointer(&format!("/{kind}/{system}")).and_then(Json::as_object);
            let outputs = outputs.with_context(|| format!("there are no {kind} for {system}"))?;
            found.extend(outputs.keys().map(|name| format!("{kind} {name}")));
        }
        // The package set knows no Python before 3.10.
        let pythons = flakes.pythons.iter().filter(|python| python.version >= (3, 11));
        let plugins = pythons.map(|python| format!("packages plugin-{}", python.plugin()));
        let wanted: BTreeSet<String> = OUTPUTS.iter().map(|&output| output.to_owned()).chain(plugins).collect();
        if let Some(missing) = wanted.difference(&found).next() {
            bail!("the flake has no {missing} for {system}");
        }
        count += found.len();
    }
    for output in ["/nixosModules/default", "/overlays/default", "/formatter/x86_64-linux"] {
        shown.pointer(output).with_context(|| format!("the flake has no {output}"))?;
        count += 1;
    }
    Ok(count)
}

/// Evaluates each test in virtual machines, and has Python read its script; returns how many there are.
fn machine_tests(flakes: &Flakes) -> Result<usize> {
    let names: Vec<_> = OUTPUTS.iter().filter_map(|output| output.strip_prefix("checks vm-")).collect();
    let mut build = nix()?;
    build.args(["build", "--no-link"]);
    for name in &names {
        build.arg(flakes.output(&format!("checks.x86_64-linux.vm-{name}")));
    }
    command::output(with_stand_in(&mut build, flakes))?;
    Ok(names.len())
}
