//! The module, evaluated by Nix: each configuration becomes its snapshots, and what is wrong is refused in the words that its case says.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use super::{evaluated, render, without_library};
use crate::packaging::Outcome;
use crate::setup;

/// The guide, whose configurations have to be right.
const GUIDE: &str = "docs/deploy/nixos.md";

pub(super) fn check() -> Result<Outcome> {
    let Some(files) = render::rendered()? else { return Ok(without_library("nix-module")) };
    let stale: Vec<_> = files
        .iter()
        .filter(|(name, text)| fs::read_to_string(setup::root().join(name)).ok().as_ref() != Some(text))
        .map(|(name, _)| name.display().to_string())
        .collect();
    if !stale.is_empty() {
        bail!("not as the module renders them: {}; run cargo dev render-units", stale.join(", "));
    }
    let gone: Vec<PathBuf> = render::kept()?
        .into_iter()
        .filter(|path| path.strip_prefix(setup::root()).is_ok_and(|path| !files.contains_key(path)))
        .collect();
    if let Some(path) = gone.first() {
        bail!("{} is of no configuration any more; run cargo dev render-units", path.display());
    }
    let (refused, shown) = (refusals()?, examples()?);
    Ok(Outcome::Ran(format!("{} files, {refused} refusals, {shown} examples of {GUIDE}", files.len())))
}

/// Evaluates each configuration that the guide shows; returns how many there are.
fn examples() -> Result<usize> {
    let guide = fs::read_to_string(setup::root().join(GUIDE))?;
    let blocks = guide.split("\n```nix\n").skip(1).filter_map(|rest| rest.split("\n```").next());
    // A flake is no configuration.
    let configurations: Vec<_> = blocks.filter(|block| block.contains("services.rsgi")).collect();
    for configuration in &configurations {
        let whole = format!("builtins.attrNames (tests.result ({configuration})).units");
        evaluated(&whole).with_context(|| format!("{GUIDE} shows what does not evaluate:\n{configuration}"))?;
    }
    if configurations.is_empty() {
        bail!("{GUIDE} shows no configuration");
    }
    Ok(configurations.len())
}

/// Evaluates each case that has to be refused; returns how many there are.
fn refusals() -> Result<usize> {
    let says = evaluated("builtins.mapAttrs (_: case: case.says) tests.rejected")?;
    let cases: std::collections::BTreeMap<String, String> = serde_json::from_value(says.unwrap_or_default())?;
    for (name, says) in &cases {
        let Err(error) = evaluated(&format!("tests.rejected.\"{name}\".outcome")) else {
            bail!("tests/nixos-module/rejected/{name}.nix was accepted");
        };
        let told = error.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
        if !told.contains(says.as_str()) {
            bail!("tests/nixos-module/rejected/{name}.nix: refused, but not with {says:?}:\n{error:#}");
        }
    }
    Ok(cases.len())
}
