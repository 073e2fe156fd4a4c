//! `cargo dev generate [--check]`: writes the documents that are made from code, or says which are out of date.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

/// A generated file, by its path below the root of the project, and what makes its content.
pub(crate) type Document = (&'static str, fn() -> Result<String>);

const DOCUMENTS: &[Document] = &[
    ("docs/options.md", || Ok(rsgi_config::reference())),
    ("docs/generated/rsgi.1", || Ok(rsgi_config::manual())),
    ("docs/generated/rsgi.bash", || Ok(rsgi_config::bash())),
    ("docs/generated/_rsgi", || Ok(rsgi_config::zsh())),
    ("docs/generated/rsgi.fish", || Ok(rsgi_config::fish())),
    ("docs/generated/behaviours.md", || Ok(crate::behaviours::table())),
    ("nixos-module/options.json", || Ok(rsgi_config::option_list())),
];

/// Reads the words behind `cargo dev generate`.
///
/// # Errors
/// Unknown words, and those of [`generate`].
pub(crate) fn run(words: &[String]) -> Result<()> {
    match words {
        [] => generate(false),
        [word] if word == "--check" => generate(true),
        _ => bail!("usage: cargo dev generate [--check]"),
    }
}

/// Writes every generated document; with `check` only compares.
///
/// # Errors
/// A file that cannot be written, or, with `check`, one that is out of date.
pub(crate) fn generate(check: bool) -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut stale = Vec::new();
    for (name, make) in DOCUMENTS.iter().chain(crate::lab::load::DOCUMENTS) {
        let (path, content) = (root.join(name), make()?);
        if fs::read_to_string(&path).is_ok_and(|old| old == content) {
            continue;
        }
        if check {
            stale.push(*name);
            continue;
        }
        path.parent().map_or(Ok(()), fs::create_dir_all)?;
        fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))?;
        eprintln!("wrote {name}");
    }
    match stale.as_slice() {
        [] => Ok(()),
        stale => bail!("out of date: {}; run cargo dev generate", stale.join(", ")),
    }
}
