//! Builds the language-free server and one Python plugin for each interpreter, in release form.
//!
//! Each has a target folder of its own: cargo would otherwise build the shared crates anew whenever the interpreter
//! changes. What cargo finds fresh costs under a second.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::pythons::Python;
use crate::{command, lab};

/// Builds the server without a language and returns its path.
///
/// # Errors
/// When cargo fails.
pub(crate) fn core() -> Result<PathBuf> {
    let target = lab::place().join("target/core");
    let mut cargo = cargo(&target);
    command::run(cargo.args(["--package", "rsgi", "--no-default-features"]))?;
    Ok(target.join("release/rsgi"))
}

/// Builds `rsgi_pythonXY.so` for each interpreter and returns the folder that holds them.
///
/// # Errors
/// When cargo fails.
pub(crate) fn build(pythons: &[Python]) -> Result<PathBuf> {
    let folder = lab::place().join("plugins");
    std::fs::create_dir_all(&folder)?;
    for python in pythons {
        let target = lab::place().join("target").join(python.plugin());
        let mut cargo = cargo(&target);
        command::run(cargo.args(["--package", "rsgi-python"]).env("PYO3_PYTHON", &python.exe))?;
        let built = target.join("release/librsgi_python.so");
        let plugin = folder.join(format!("rsgi_{}.so", python.plugin()));
        std::fs::copy(&built, &plugin).with_context(|| format!("cannot copy {}", built.display()))?;
    }
    Ok(folder)
}

fn cargo(target: &std::path::Path) -> Command {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--release", "--quiet", "--target-dir"]).arg(target).current_dir(lab::root());
    cargo
}
