//! The container image: built from the `Containerfile` with a program that cargo made outside, on base images made from Debian's archive,
//! since a machine without a registry has no others. What is checked of it is in [`checks`].

mod base;
mod checks;
mod dist;
mod page;

use std::sync::{Mutex, PoisonError};

use anyhow::{Result, bail};

use super::docker::{self, build};
use super::{Outcome, Rung};
use crate::{setup, system};

/// The rungs of this file.
pub(super) const RUNGS: &[Rung] = &[
    Rung {
        name: "image",
        proves: "the Containerfile builds; the image serves read-only, without rights or shell, reaps, stops",
        run: || rung(&BOOKWORM, checks::everything),
    },
    Rung {
        name: "image-3.12",
        proves: "the same from a base image that brings its Python",
        run: || rung(&BROUGHT, checks::serves),
    },
    Rung { name: "image-3.13", proves: "the same from Debian trixie", run: || rung(&TRIXIE, checks::serves) },
    Rung {
        name: "docker-page",
        proves: "what docs/deploy/docker.md says, typed as it stands there",
        run: || rung(&BOOKWORM, page::holds),
    },
];

/// One way to an image.
pub(crate) struct Recipe {
    /// Release line of Python, which is the image's tag too.
    pub(crate) python: &'static str,
    /// The release of Debian below it.
    pub(super) suite: &'static str,
    /// Whether Python comes with the base image, below /usr/local.
    pub(super) is_brought: bool,
    /// What a machine with a registry types.
    pub(super) command: &'static str,
}

/// Debian bookworm with its own Python.
pub(crate) const BOOKWORM: Recipe = Recipe {
    python: "3.11",
    suite: "bookworm",
    is_brought: false,
    command: "docker build -f Containerfile -t rsgi:3.11 .",
};

const BROUGHT: Recipe = Recipe {
    python: "3.12",
    suite: "bookworm",
    is_brought: true,
    command: "docker build -f Containerfile -t rsgi:3.12 --build-arg PYTHON=3.12 --build-arg BASE=python:3.12-slim-bookworm .",
};

/// Debian trixie with its own Python.
pub(crate) const TRIXIE: Recipe = Recipe {
    python: "3.13",
    suite: "trixie",
    is_brought: false,
    command: "docker build -f Containerfile -t rsgi:3.13 --build-arg PYTHON=3.13 --build-arg BASE=debian:trixie-slim --build-arg BUILDER=rust:1-slim-trixie .",
};

impl Recipe {
    /// `rsgi:3.11`.
    pub(crate) fn tag(&self) -> String {
        format!("rsgi:{}", self.python)
    }

    /// `rsgi:3.11-debug`.
    pub(super) fn form(&self, form: &str) -> String {
        format!("rsgi:{}-{form}", self.python)
    }
}

fn rung(recipe: &Recipe, check: fn(&Recipe) -> Result<String>) -> Result<Outcome> {
    match make(recipe)? {
        Some(not_run) => Ok(not_run),
        None => Ok(Outcome::Ran(check(recipe)?)),
    }
}

/// The image that other rungs start, or why it cannot be made.
pub(super) fn plain() -> Result<Result<String, Outcome>> {
    Ok(make(&BOOKWORM)?.map_or_else(|| Ok(BOOKWORM.tag()), Err))
}

/// The form with a shell and apt, for images that stand on it.
///
/// # Errors
/// When it cannot be made; the text says why.
pub(crate) fn slim(recipe: &Recipe) -> Result<String> {
    match make(recipe)? {
        Some(Outcome::NotRun { why, command }) => bail!("{why}; elsewhere: {command}"),
        Some(Outcome::Ran(_)) | None => Ok(recipe.form("slim")),
    }
}

/// The Debian below it.
///
/// # Errors
/// When it cannot be made.
pub(crate) fn debian() -> Result<String> {
    system::ensure(system::IMAGE)?;
    base::debian(BOOKWORM.suite)
}

/// Tags that this run has made.
static MADE: Mutex<Vec<&str>> = Mutex::new(Vec::new());

/// Builds all forms of the image, once, or says why that cannot be done here.
fn make(recipe: &Recipe) -> Result<Option<Outcome>> {
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    if made.contains(&recipe.python) {
        return Ok(None);
    }
    let not_run = |why| Ok(Some(Outcome::NotRun { why, command: recipe.command.to_owned() }));
    if let Some(why) = docker::missing() {
        return not_run(why);
    }
    system::ensure(system::IMAGE)?;
    let (_, pythons) = setup::interpreters()?;
    let Some(python) = pythons.iter().find(|python| python.release() == recipe.python) else {
        return not_run(format!("no python{} with a shared library, for which to build the plugin", recipe.python));
    };
    dist::make(&pythons, python)?;
    let base = if recipe.is_brought { base::with_python(recipe.suite, python)? } else { base::debian(recipe.suite)? };
    let arguments = [format!("BASE={base}"), format!("BUILDER={base}"), format!("PYTHON={}", recipe.python)];
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).chain(["DIST=prebuilt"]).collect();
    let arguments: Vec<&str> = arguments.iter().flat_map(|argument| ["--build-arg", argument]).collect();
    let file = setup::root().join("Containerfile");
    for form in ["", "debug", "slim"] {
        let (tag, target) = match form {
            "" => (recipe.tag(), vec![]),
            form => (recipe.form(form), vec!["--target", form]),
        };
        build(setup::root(), &file, &tag, &[&arguments[..], &target].concat())?;
    }
    made.push(recipe.python);
    Ok(None)
}
