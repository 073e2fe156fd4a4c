//! What is shipped for Nix: the flake and the NixOS module, as far as they can be proved without nixpkgs.
//!
//! Evaluating takes nixpkgs' own `lib`, which no package registry carries: `NIXPKGS_LIB=DIR` names a copy of that folder. Without it
//! the rendered units that are kept in `tests/nixos-module/snapshots` stand for the module, as long as they are of its sources.

mod build;
mod evaluate;
mod files;
mod flake;
mod newer;
mod page;
mod render;
mod sources;
mod stand_in;
mod units;

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};

use super::{Outcome, Rung};
use crate::{command, setup, system};

pub(crate) use files::format;
pub(crate) use render::render_units;

/// From the cheapest to the dearest.
pub(crate) const RUNGS: &[Rung] = &[
    Rung { name: "nix-files", proves: "every Nix file parses and is formatted", run: files::check },
    Rung {
        name: "nix-snapshots",
        proves: "the rendered units and the options' page are of the module's sources",
        run: render::check,
    },
    Rung {
        name: "nix-units",
        proves: "rendered units are valid, hardened to 1.5, and their configurations accepted",
        run: units::check,
    },
    Rung {
        name: "nix-module",
        proves: "the module evaluates to the snapshots and refuses what is wrong",
        run: evaluate::check,
    },
    Rung { name: "nix-flake", proves: "every output of the flake has its shape, on Debian's Nix", run: flake::check },
    Rung { name: "nix-flake-new", proves: "the same on Debian forky's Nix", run: newer::check },
    Rung {
        name: "nix-build",
        proves: "core and a plugin build offline, bit for bit the same again",
        run: build::check,
    },
];

/// A copy of nixpkgs' `lib`, when there is one.
///
/// # Errors
/// When `NIXPKGS_LIB` names something else.
fn library() -> Result<Option<PathBuf>> {
    let Some(folder) = std::env::var_os("NIXPKGS_LIB").filter(|folder| !folder.is_empty()).map(PathBuf::from) else {
        return Ok(None);
    };
    if !folder.join("modules.nix").is_file() {
        bail!("NIXPKGS_LIB: {} is not nixpkgs' lib/: it has no modules.nix", folder.display());
    }
    Ok(Some(folder.canonicalize()?))
}

/// What is said where `lib` is needed and not there.
fn without_library(rung: &str) -> Outcome {
    Outcome::NotRun {
        why: "NIXPKGS_LIB names no copy of nixpkgs' lib/".into(),
        command: format!("NIXPKGS_LIB=DIR cargo dev check-packaging {rung}"),
    }
}

/// `nix` with flakes, without networks, and without the users that builders would run as: those could not read this toolchain.
fn nix() -> Result<Command> {
    system::ensure(system::NIX)?;
    let mut nix = Command::new("nix");
    nix.args(["--extra-experimental-features", "nix-command flakes"])
        .args(["--option", "substituters", "", "--option", "build-users-group", "", "--option", "sandbox", "false"])
        .current_dir(setup::root());
    Ok(nix)
}

/// Evaluates an expression to JSON. In it `lib` is nixpkgs' and `tests` is `tests/nixos-module`.
fn evaluated(expression: &str) -> Result<Option<serde_json::Value>> {
    let Some(library) = library()? else { return Ok(None) };
    let root = setup::root();
    let expression = format!(
        "let lib = import {}; tests = import {}/tests/nixos-module {{ inherit lib; }}; in {expression}",
        library.display(),
        root.display()
    );
    let text = command::output(nix()?.args(["eval", "--impure", "--json", "--expr", &expression]))?;
    Ok(Some(serde_json::from_str(&text)?))
}
