//! `cargo dev deb`: the Debian packages, by debhelper as `debian/rules` tells it.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};

use crate::{command, plugins, setup, system};

/// What a package is made from.
const SOURCES: [&str; 10] = [
    "Cargo.lock",
    "Cargo.toml",
    "debian",
    "docs/generated",
    "src/abi",
    "src/config",
    "src/core",
    "src/proto",
    "src/python",
    "src/sys",
];

/// Builds them unless they are there, and returns the folder that holds them and nothing else.
///
/// # Errors
/// When debhelper or cargo fails, or the package would have another version than the program.
pub(crate) fn make() -> Result<PathBuf> {
    system::ensure(system::DEB)?;
    let folder = setup::place().join("packaging/deb");
    let stamp = folder.with_extension("stamp");
    let wanted = format!("{:016x}", plugins::digest(&SOURCES)?);
    if fs::read_to_string(&stamp).is_ok_and(|made| made == wanted) {
        return Ok(folder);
    }
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder)?;
    let version = command::output(rules("dpkg-parsechangelog").args(["--show-field", "Version"]))?;
    if version.trim() != env!("CARGO_PKG_VERSION") {
        bail!("debian/changelog is of {}, the program of {}", version.trim(), env!("CARGO_PKG_VERSION"));
    }
    // The recipe would build it with flags of its own, and so not for others too.
    let core = plugins::core()?;
    let mut make = rules("debian/rules");
    make.args(["debian/control", "binary"]).env("RSGI", core).env("DESTINATION", &folder);
    let made = command::run(&mut make);
    let cleaned = command::run(rules("debian/rules").arg("clean"));
    made?;
    cleaned?;
    fs::write(&stamp, wanted)?;
    Ok(folder)
}

/// A program that works on the top of the source.
fn rules(program: &str) -> Command {
    let mut command = Command::new(program);
    command.current_dir(setup::root());
    command.env("CARGO", env!("CARGO")).env("CARGO_TARGET_DIR", setup::place().join("target/core"));
    command.env("DEB_BUILD_OPTIONS", "noautodbgsym");
    command
}
