//! Finds the CPython interpreters of this machine that rsgi can embed: 3.9 or later, built with a shared library.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::command;

/// First release line that the plugin can be built for.
const OLDEST: (u32, u32) = (3, 9);

/// One interpreter.
#[derive(Clone, Debug)]
pub(crate) struct Python {
    /// The real executable, not a shim.
    pub exe: PathBuf,
    /// Release line, as `(3, 12)`.
    pub version: (u32, u32),
    /// Whether libpython exists as a shared library.
    pub shared: bool,
}

impl Python {
    /// `3.12`.
    pub(crate) fn release(&self) -> String {
        format!("{}.{}", self.version.0, self.version.1)
    }

    /// Name of the plugin for this interpreter, as in `plugin = python312`.
    pub(crate) fn plugin(&self) -> String {
        format!("python{}{}", self.version.0, self.version.1)
    }

    fn probe(exe: &Path) -> Result<Self> {
        let script = "import sys, sysconfig; print(sys.implementation.name, *sys.version_info[:2], \
                      int(bool(sysconfig.get_config_var('Py_ENABLE_SHARED'))), sys.executable)";
        let text = command::output(Command::new(exe).args(["-c", script]))?;
        let mut words = text.trim().splitn(5, ' ');
        let mut word = || words.next().with_context(|| format!("unexpected answer of {}: {text}", exe.display()));
        if word()? != "cpython" {
            bail!("{} is not CPython", exe.display());
        }
        let version = (word()?.parse()?, word()?.parse()?);
        Ok(Self { version, shared: word()? == "1", exe: word()?.into() })
    }
}

/// The interpreter that a plain `cargo build` embeds: `PYO3_PYTHON`, else `python3`.
///
/// # Errors
/// When there is none, or it cannot be embedded; the text says what to install.
pub(crate) fn embedded() -> Result<Python> {
    let name = std::env::var_os("PYO3_PYTHON").unwrap_or_else(|| "python3".into());
    let python =
        Python::probe(Path::new(&name)).context("no usable python3: apt-get install python3-dev python3-venv")?;
    if python.version < OLDEST {
        bail!("{} is Python {}, rsgi needs {}.{} or later", python.exe.display(), python.release(), OLDEST.0, OLDEST.1);
    }
    if !python.shared {
        bail!(
            "{} has no shared library: apt-get install python3-dev, or PYTHON_CONFIGURE_OPTS=--enable-shared pyenv install {}",
            python.exe.display(),
            python.release()
        );
    }
    Ok(python)
}

/// Every other interpreter that can be embedded, one a release line, oldest first: those on PATH and those of pyenv.
pub(crate) fn others(embedded: &Python) -> Vec<Python> {
    let mut found: Vec<Python> = Vec::new();
    for exe in candidates() {
        let Ok(python) = Python::probe(&exe) else { continue };
        let new = python.version != embedded.version && found.iter().all(|other| other.version != python.version);
        if new && python.shared && python.version >= OLDEST {
            found.push(python);
        }
    }
    found.sort_by_key(|python| python.version);
    found
}

fn candidates() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path =
        std::env::split_paths(&path).flat_map(|folder| (9..20).map(move |n| folder.join(format!("python3.{n}"))));
    let pyenv =
        std::env::var_os("PYENV_ROOT").map(PathBuf::from).or_else(|| Some(std::env::home_dir()?.join(".pyenv")));
    let versions = pyenv.and_then(|root| std::fs::read_dir(root.join("versions")).ok());
    let mut of_pyenv: Vec<PathBuf> =
        versions.into_iter().flatten().flatten().map(|entry| entry.path().join("bin/python3")).collect();
    of_pyenv.sort();
    of_pyenv.into_iter().rev().chain(on_path).filter(|exe| exe.is_file()).collect()
}
