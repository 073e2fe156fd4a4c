//! Virtual environments of the lab, each filled from one requirements file with pinned versions.
//!
//! A stamp inside the environment holds a digest of what it was made from, so a second run costs nothing and a changed
//! requirements file makes it anew.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::command;
use crate::pythons::Python;

/// Makes the environment at `place` unless it is there already, and returns `place`.
///
/// # Errors
/// When `venv` or `pip` fails.
pub(crate) fn ensure(place: PathBuf, python: &Python, requirements: &Path) -> Result<PathBuf> {
    let wanted =
        std::fs::read_to_string(requirements).with_context(|| format!("cannot read {}", requirements.display()))?;
    let mut digest = DefaultHasher::new();
    (&wanted, &python.exe, env!("CARGO_PKG_VERSION")).hash(&mut digest);
    let digest = format!("{:016x}", digest.finish());
    let stamp = place.join("stamp");
    if std::fs::read_to_string(&stamp).is_ok_and(|old| old == digest) {
        return Ok(place);
    }
    if place.exists() {
        std::fs::remove_dir_all(&place).with_context(|| format!("cannot remove {}", place.display()))?;
    }
    command::run(Command::new(&python.exe).args(["-m", "venv"]).arg(&place))?;
    let mut pip = Command::new(place.join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"]).arg(requirements);
    command::run(&mut pip)?;
    std::fs::write(&stamp, digest)?;
    Ok(place)
}
