//! Licences and sources, without cargo-deny: what `deny.toml` allows, for what is shipped.

use std::collections::BTreeSet;

use spdx::Expression;

use super::*;

const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// The licences of `deny.toml`.
fn allowed() -> BTreeSet<String> {
    let text = fs::read_to_string(setup::root().join("deny.toml")).unwrap();
    let rules: toml::Table = text.parse().unwrap();
    let list = rules["licenses"]["allow"].as_array().unwrap();
    list.iter().map(|name| name.as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_licence_is_one_that_is_allowed() {
    let allowed = allowed();
    let packages = packages::shipped().unwrap();
    assert!(packages.len() > 50, "{packages:?}");
    for package in packages {
        let license = package.license.as_deref().unwrap_or_else(|| panic!("{}: no licence", package.name));
        let expression = Expression::parse_mode(license, spdx::ParseMode::LAX).unwrap();
        let may = expression.evaluate(|requirement| allowed.contains(&requirement.to_string()));
        assert!(may, "{} {}: {license} is not in deny.toml", package.name, package.version);
        assert!(package.source.is_none_or(|source| source == REGISTRY), "{}", package.name);
    }
}

#[test]
fn every_package_of_every_workspace_is_from_the_registry() {
    for manifest in MANIFESTS {
        let lock = setup::root().join(manifest).with_file_name("Cargo.lock");
        let text = fs::read_to_string(&lock).unwrap();
        let sources: BTreeSet<_> = text.lines().filter_map(|line| line.strip_prefix("source = ")).collect();
        assert_eq!(sources, BTreeSet::from([format!("{REGISTRY:?}").as_str()]), "{}", lock.display());
    }
}

#[test]
fn the_bill_names_each_package_with_its_digest() {
    let packages = packages::shipped().unwrap();
    let bill: serde_json::Value = serde_json::from_str(&bill::of(&packages).unwrap()).unwrap();
    assert_eq!(bill["metadata"]["component"]["name"], "rsgi");
    let components = bill["components"].as_array().unwrap();
    assert_eq!(components.len(), packages.len() - 1);
    let rustls = components.iter().find(|component| component["name"] == "rustls").unwrap();
    assert_eq!(rustls["hashes"][0]["content"].as_str().unwrap().len(), 64);
    assert!(!components.iter().any(|component| component["name"] == "insta"), "tests are not shipped");
    let named: BTreeSet<_> =
        bill["dependencies"].as_array().unwrap().iter().map(|node| node["ref"].as_str().unwrap()).collect();
    let needed = bill["dependencies"].as_array().unwrap().iter().flat_map(|node| node["dependsOn"].as_array().unwrap());
    assert!(needed.into_iter().all(|need| named.contains(need.as_str().unwrap())));
}
