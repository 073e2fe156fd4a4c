//! What the binary is made of: `cargo dev sbom` writes it down, a test compares it with `deny.toml`, and `cargo dev deny` asks
//! cargo-deny, which knows of vulnerabilities too.

mod bill;
mod packages;
#[cfg(test)]
mod tests;

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::{command, setup};

/// Workspaces of the project: what is shipped, the lab, what is fuzzed.
const MANIFESTS: [&str; 3] = ["Cargo.toml", "lab/Cargo.toml", "tests/fuzz/driver/Cargo.toml"];

/// `cargo dev sbom`: writes the bill of materials of the binary as CycloneDX 1.5.
///
/// # Errors
/// When cargo cannot tell what the binary is made of.
pub(crate) fn sbom() -> Result<()> {
    let path = setup::place().join("rsgi.cdx.json");
    let packages = packages::shipped()?;
    fs::write(&path, bill::of(&packages)?).with_context(|| format!("cannot write {}", path.display()))?;
    eprintln!("{} packages, in {}", packages.len(), path.display());
    Ok(())
}

/// `cargo dev deny [CHECK…]`: asks cargo-deny about licences, sources and known vulnerabilities of every workspace; the last of these,
/// `advisories`, are fetched from RustSec's repository.
///
/// # Errors
/// When something is found, or there is no cargo-deny.
pub(crate) fn deny(checks: &[String]) -> Result<()> {
    if Command::new(env!("CARGO")).args(["deny", "--version"]).output().is_ok_and(|output| !output.status.success()) {
        bail!("cargo-deny is missing: cargo install --locked cargo-deny");
    }
    for manifest in MANIFESTS {
        let mut deny = Command::new(env!("CARGO"));
        deny.current_dir(setup::root()).args(["deny", "--manifest-path", manifest, "--workspace"]);
        deny.args(["--config", "deny.toml", "check"]).args(checks);
        command::run(&mut deny)?;
    }
    Ok(())
}
