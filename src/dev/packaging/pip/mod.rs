//! What is shipped for pip: `pip install .`, and wheels that fit one release line of CPython each.

mod serve;
mod wheel;

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::{Outcome, Rung, pages};
use crate::pythons::Python;
use crate::{command, setup, system};

pub(crate) use wheel::make;

/// The rungs of this file.
pub(super) const RUNGS: &[Rung] = &[Rung {
    name: "pip",
    proves: "pip install and a wheel for each Python: installed, served from, refused with reasons",
    run: rung,
}];

/// Where the page says how.
const PAGE: &str = "docs/install.md";

fn rung() -> Result<Outcome> {
    system::ensure(system::WHEEL)?;
    let wheels = make()?;
    let (embedded, _) = setup::interpreters()?;
    for (python, wheel) in &wheels {
        installed(python, wheel).with_context(|| format!("the wheel for Python {}", python.release()))?;
    }
    as_the_page_says(&embedded)?;
    without_library(&embedded)?;
    let releases: Vec<_> = wheels.iter().map(|(python, _)| python.release()).collect();
    let size = wheels.iter().filter_map(|(_, wheel)| Some(fs::metadata(wheel).ok()?.len())).max().unwrap_or(0);
    Ok(Outcome::Ran(format!("{}, {:.1} MB at most", releases.join(" "), size as f64 / 1e6)))
}

/// A wheel in a new environment serves as `rsgi` and as `python -m rsgi`; without a libpython it says so.
fn installed(python: &Python, wheel: &Path) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let venv = folder.path().join("venv");
    command::output(Command::new(&python.exe).args(["-m", "venv"]).arg(&venv))?;
    let pip = ["-m", "pip", "install", "--quiet", "--no-index", "--no-deps"];
    command::output(Command::new(venv.join("bin/python")).args(pip).arg(wheel))?;
    let words = pages::blocks(PAGE, "pip")?.pop().context("the block that serves")?.text;
    for line in words.lines() {
        let log = serve::served(line, &venv)?;
        let version = format!("Python version: {}.", python.release());
        if !log.contains(&version) {
            bail!("`{line}` does not say {version}\n{log}");
        }
    }
    // What the loader finds without help is there for everybody.
    let library = format!("libpython{}.so.1.0", python.release());
    if !command::output(Command::new("/sbin/ldconfig").arg("-p"))?.contains(&library) {
        fs::create_dir(folder.path().join("bin"))?;
        let elsewhere = format!("home = {}\nversion = {}.0\n", folder.path().join("bin").display(), python.release());
        fs::write(venv.join("pyvenv.cfg"), elsewhere)?;
        refused(
            Command::new(venv.join("bin/rsgi")).args(["--http-socket", "127.0.0.1:0", "--need-app", "--module", "x"]),
            &library,
        )?;
    }
    Ok(())
}

/// The lines of the page, in an environment elsewhere.
fn as_the_page_says(python: &Python) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let venv = folder.path().join("venv");
    let first = pages::blocks(PAGE, "pip")?.into_iter().next().context("the block that installs")?.text;
    let mut shell = Command::new("sh");
    shell.args(["-euc", &first.replace(serve::VENV, &venv.display().to_string())]).current_dir(setup::root());
    let bin = python.exe.parent().context("an interpreter in a folder")?;
    let path = std::env::var("PATH").unwrap_or_default();
    shell.env("PATH", format!("{}:{path}", bin.display())).env("CARGO_TARGET_DIR", setup::place().join("target/core"));
    command::run(&mut shell)?;
    command::output(Command::new(venv.join("bin/python")).args(["-m", "rsgi", "--version"])).map(drop)
}

/// An interpreter that has no shared library is refused before anything is built.
fn without_library(python: &Python) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let data = "import importlib, sysconfig\n\
                build_time_vars = dict(importlib.import_module('@').build_time_vars, Py_ENABLE_SHARED=0)\n";
    let real = command::output(
        Command::new(&python.exe).args(["-c", "import sysconfig; print(sysconfig._get_sysconfigdata_name())"]),
    )?;
    fs::write(folder.path().join("static_build.py"), data.replace('@', real.trim()))?;
    let mut pip = Command::new(wheel::tools(python)?.join("bin/python"));
    pip.args(["-m", "pip", "wheel", "--no-build-isolation", "--no-deps", "--wheel-dir"])
        .arg(folder.path())
        .arg(setup::root());
    pip.env("PYTHONPATH", folder.path()).env("_PYTHON_SYSCONFIGDATA_NAME", "static_build");
    refused(&mut pip, "has no shared library")
}

/// `command` fails, and says why.
fn refused(command: &mut Command, reason: &str) -> Result<()> {
    let output = command.output()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    if output.status.success() || !said.contains(reason) {
        bail!("{} should say {reason:?}:\n{said}", command.get_program().display());
    }
    Ok(())
}
