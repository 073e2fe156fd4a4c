//! `cargo dev render-units`: writes the units and files of each configuration in `tests/nixos-module`, and the page of the module's
//! options. The first line of each holds the digest of what it was rendered from.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::{evaluated, page, sources};
use crate::packaging::Outcome;
use crate::setup;

/// Where the units lie, below the top of the repository: `CONFIGURATION/units/NAME` and `CONFIGURATION/etc/PATH`.
pub(super) const SNAPSHOTS: &str = "tests/nixos-module/snapshots";

/// What a configuration becomes.
#[derive(Deserialize)]
struct Rendered {
    units: BTreeMap<String, String>,
    etc: BTreeMap<String, String>,
}

/// Writes all of it anew.
///
/// # Errors
/// Without nixpkgs' `lib`, and when the module does not evaluate.
pub(crate) fn render_units() -> Result<()> {
    let Some(files) = rendered()? else {
        bail!("rendering takes a copy of nixpkgs' lib/: NIXPKGS_LIB=DIR cargo dev render-units");
    };
    let root = setup::root();
    let snapshots = root.join(SNAPSHOTS);
    if snapshots.is_dir() {
        fs::remove_dir_all(&snapshots)?;
    }
    for (name, text) in &files {
        let path = root.join(name);
        path.parent().map_or(Ok(()), fs::create_dir_all)?;
        fs::write(&path, text).with_context(|| path.display().to_string())?;
    }
    eprintln!("wrote {} files below {SNAPSHOTS}, and {}", files.len() - 1, page::PLACE);
    Ok(())
}

/// Every rendered file with its text; `None` without nixpkgs' `lib`.
pub(super) fn rendered() -> Result<Option<BTreeMap<PathBuf, String>>> {
    let whole = "builtins.mapAttrs (_: one: { inherit (one) units etc; }) tests.configurations";
    let Some(found) = evaluated(whole)? else { return Ok(None) };
    let found: BTreeMap<String, Rendered> = serde_json::from_value(found)?;
    let digest = sources::digest()?;
    let mut files = BTreeMap::new();
    for (configuration, Rendered { units, etc }) in found {
        let folder = Path::new(SNAPSHOTS).join(configuration);
        let units = units.into_iter().map(|(name, text)| (folder.join("units").join(name), text));
        let etc = etc.into_iter().map(|(name, text)| (folder.join("etc").join(name), text));
        files.extend(units.chain(etc).map(|(path, text)| (path, format!("{}\n{text}", heading(&digest)))));
    }
    let page = page::make(&digest)?.context("there is a lib, as there was just now")?;
    files.insert(page::PLACE.into(), page);
    Ok(Some(files))
}

/// Every snapshot that is kept, as a path below the top of the repository.
pub(super) fn kept() -> Result<Vec<PathBuf>> {
    let pattern = setup::root().join(SNAPSHOTS).join("*/*/**/*");
    let found = glob::glob(&pattern.to_string_lossy())?.collect::<Result<Vec<_>, _>>()?;
    Ok(found.into_iter().filter(|path| path.is_file()).collect())
}

/// Whether what is kept is of the sources as they are.
pub(super) fn check() -> Result<Outcome> {
    let digest = sources::digest()?;
    let snapshots = kept()?;
    if snapshots.is_empty() {
        bail!("there is nothing in {SNAPSHOTS}");
    }
    let page = setup::root().join(page::PLACE);
    let stale = |path: &&PathBuf| {
        let text = fs::read_to_string(path).unwrap_or_default();
        text.lines().next().is_none_or(|line| !line.contains(&digest))
    };
    let stale: Vec<_> = snapshots.iter().chain([&page]).filter(stale).collect();
    if let Some(first) = stale.first() {
        bail!(
            "{} files, {} among them, are of other sources of the module: run NIXPKGS_LIB=DIR cargo dev render-units",
            stale.len(),
            first.display()
        );
    }
    Ok(Outcome::Ran(format!("{} files", snapshots.len() + 1)))
}

fn heading(digest: &str) -> String {
    format!("# Made by `cargo dev render-units` from {digest}.")
}
