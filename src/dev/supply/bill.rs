//! A bill of materials.
//!
//! Source: CycloneDX 1.5, JSON; names of packages are package URLs (`pkg:cargo/NAME@VERSION`).

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::packages::Package;
use crate::setup;

/// The bill of `packages`. It names no time, so that two of the same packages are the same.
pub(super) fn of(packages: &[Package]) -> Result<String> {
    let sums = checksums()?;
    let component = |package: &Package| {
        let mut component = json!({
            "type": if package.name == "rsgi" { "application" } else { "library" },
            "bom-ref": url(&package.name, &package.version),
            "name": package.name,
            "version": package.version,
            "purl": url(&package.name, &package.version),
        });
        if let Some(license) = &package.license {
            component["licenses"] = json!([{ "expression": license.replace('/', " OR ") }]);
        }
        // Ours are in the source tree.
        if package.source.is_some() {
            let place = format!("https://crates.io/crates/{}/{}", package.name, package.version);
            component["externalReferences"] = json!([{ "type": "distribution", "url": place }]);
        }
        if let Some(sum) = sums.get(&(package.name.clone(), package.version.clone())) {
            component["hashes"] = json!([{ "alg": "SHA-256", "content": sum }]);
        }
        component
    };
    let (own, others): (Vec<_>, Vec<_>) = packages.iter().partition(|package| package.name == "rsgi");
    let dependencies: Vec<Value> = packages
        .iter()
        .map(|package| {
            let needs: Vec<_> = package.needs.iter().map(|(name, version)| url(name, version)).collect();
            json!({ "ref": url(&package.name, &package.version), "dependsOn": needs })
        })
        .collect();
    let bill = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": { "component": own.first().map(|package| component(package)) },
        "components": others.into_iter().map(component).collect::<Vec<_>>(),
        "dependencies": dependencies,
    });
    Ok(serde_json::to_string_pretty(&bill)? + "\n")
}

fn url(name: &str, version: &str) -> String {
    format!("pkg:cargo/{name}@{version}")
}

/// Digests of the packages' files, which Cargo.lock holds.
fn checksums() -> Result<BTreeMap<(String, String), String>> {
    let lock = std::fs::read_to_string(setup::root().join("Cargo.lock")).context("Cargo.lock")?;
    let lock: toml::Table = lock.parse().context("Cargo.lock")?;
    let packages = lock.get("package").and_then(toml::Value::as_array).context("Cargo.lock lists no packages")?;
    let text = |package: &toml::Value, key: &str| Some(package.get(key)?.as_str()?.to_owned());
    let entry = |package| Some(((text(package, "name")?, text(package, "version")?), text(package, "checksum")?));
    Ok(packages.iter().filter_map(entry).collect())
}
