//! The packages that a build of the binary takes in, as cargo tells them.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::setup;

/// The platform that is asked about; the packages of the other one, aarch64, are the same but for those of the processor.
const PLATFORM: &str = "x86_64-unknown-linux-gnu";

/// A package.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Package {
    id: String,
    pub(super) name: String,
    pub(super) version: String,
    /// An SPDX expression.
    pub(super) license: Option<String>,
    /// `None` for our own.
    pub(super) source: Option<String>,
    /// Names and versions of the packages that it needs at run time.
    #[serde(skip)]
    pub(super) needs: BTreeSet<(String, String)>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Need>,
}

#[derive(Deserialize)]
struct Need {
    pkg: String,
    dep_kinds: Vec<Kind>,
}

#[derive(Deserialize)]
struct Kind {
    /// `dev`, `build`, or nothing for what is linked.
    kind: Option<String>,
}

/// Packages that are linked into the binary with the embedded plugin, by name.
///
/// # Errors
/// When cargo does not tell.
pub(super) fn shipped() -> Result<Vec<Package>> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(setup::root()).args([
        "metadata",
        "--locked",
        "--format-version=1",
        "--filter-platform",
        PLATFORM,
    ]);
    let output = cargo.output().context("cargo metadata")?;
    ensure!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: Metadata = serde_json::from_slice(&output.stdout)?;
    let packages: BTreeMap<&str, &Package> =
        metadata.packages.iter().map(|package| (package.id.as_str(), package)).collect();
    let linked = |node: &Node| -> Vec<String> {
        let is_linked = |need: &&Need| need.dep_kinds.iter().any(|kind| kind.kind.is_none());
        node.deps.iter().filter(is_linked).map(|need| need.pkg.clone()).collect()
    };
    let needs: BTreeMap<&str, Vec<String>> =
        metadata.resolve.nodes.iter().map(|node| (node.id.as_str(), linked(node))).collect();
    let root = metadata.packages.iter().find(|package| package.name == "rsgi").context("no package rsgi")?;
    let (mut found, mut left) = (BTreeMap::new(), vec![root.id.clone()]);
    while let Some(id) = left.pop() {
        let Some(package) = packages.get(id.as_str()) else { continue };
        let key = (package.name.clone(), package.version.clone());
        if found.contains_key(&key) {
            continue;
        }
        let below = needs.get(id.as_str()).map_or(&[][..], Vec::as_slice);
        let named = below.iter().filter_map(|id| packages.get(id.as_str()));
        let needs = named.map(|package| (package.name.clone(), package.version.clone())).collect();
        found.insert(key, Package { needs, ..(*package).clone() });
        left.extend(below.iter().cloned());
    }
    Ok(found.into_values().collect())
}
