//! `cargo dev setup`: makes what tests and benchmarks start, and the file that tells them where it is.
//!
//! Everything lies in `.rsgi-dev/` at the top of the repository (removing that folder is always safe). The tests read
//! `.rsgi-dev/lab.json`; its shape is [`Made`].

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::Serialize;

use crate::pythons::Python;
use crate::{plugins, pythons, system, venvs};

/// First Python that the current Django release runs on.
const DJANGO_CURRENT_NEEDS: (u32, u32) = (3, 12);

/// What the tests find ready.
#[derive(Debug, Serialize)]
pub(crate) struct Made {
    /// Language-free server (`--no-default-features`, release profile).
    pub core: PathBuf,
    /// Holds `pythonXY_plugin.so` for each of `plugins`.
    pub plugins_dir: PathBuf,
    /// Names of the plugins built, oldest Python first.
    pub plugins: Vec<String>,
    /// Plugin name of the interpreter that the default build embeds.
    pub embedded: String,
    /// Django LTS, Flask, web2py and uWSGI on the embedded interpreter.
    pub venv: PathBuf,
    /// Django's current release and uWSGI, on an interpreter that supports it.
    pub current: Current,
}

/// An environment on another interpreter than the embedded one.
#[derive(Debug, Serialize)]
pub(crate) struct Current {
    /// The virtual environment.
    pub venv: PathBuf,
    /// The plugin that can serve from it.
    pub plugin: String,
}

/// Top of the repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap_or(Path::new("."))
}

/// Folder of everything made by this tool.
pub(crate) fn place() -> PathBuf {
    root().join(".rsgi-dev")
}

/// Makes all of it, or finds it made, and writes `lab.json`.
///
/// # Errors
/// When something is missing that cannot be installed from here; the text says what to do.
pub(crate) fn ensure() -> Result<Made> {
    system::ensure(system::TEST)?;
    let (embedded, chosen) = interpreters()?;
    let newest = chosen.last().context("no interpreter")?.clone();

    let requirements = root().join("lab");
    let venv = venvs::ensure(place().join("venv"), &embedded, &requirements.join("requirements.txt"))?;
    let current = Current {
        venv: venvs::ensure(
            place().join("venv-django-current"),
            &newest,
            &requirements.join("requirements-django-current.txt"),
        )?,
        plugin: newest.plugin(),
    };
    let core = plugins::core()?;
    let made = Made {
        plugins_dir: plugins::build(&core, &chosen)?,
        core,
        plugins: chosen.iter().map(Python::plugin).collect(),
        embedded: embedded.plugin(),
        venv,
        current,
    };
    let file = place().join("lab.json");
    std::fs::write(&file, serde_json::to_string_pretty(&made)?).with_context(|| file.display().to_string())?;
    Ok(made)
}

/// The interpreter that a plain build embeds, and all that get a plugin, oldest first.
///
/// # Errors
/// When there are too few for the tests.
pub(crate) fn interpreters() -> Result<(Python, Vec<Python>)> {
    let embedded = pythons::embedded()?;
    let mut chosen = others(&embedded)?;
    chosen.push(embedded.clone());
    chosen.sort_by_key(|python| python.version);
    Ok((embedded, chosen))
}

/// The other interpreters of this machine, for the plugin tests.
fn others(embedded: &Python) -> Result<Vec<Python>> {
    let others = pythons::others(embedded);
    let newest = others.iter().map(|python| python.version).max().unwrap_or((0, 0)).max(embedded.version);
    if others.is_empty() || newest < DJANGO_CURRENT_NEEDS {
        bail!(
            "the tests serve from at least two CPython releases, one of them {}.{} or later, each with a shared library; \
             found {} and {:?}. Install one with: PYTHON_CONFIGURE_OPTS=--enable-shared pyenv install 3.13",
            DJANGO_CURRENT_NEEDS.0,
            DJANGO_CURRENT_NEEDS.1,
            embedded.release(),
            others.iter().map(Python::release).collect::<Vec<_>>()
        );
    }
    Ok(others)
}
