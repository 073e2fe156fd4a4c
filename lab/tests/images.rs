//! What `cargo dev lab build` has made, read from `.rsgi-dev/containers.json`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Deserialize;

/// Names of images, and the certificate of the doors with TLS.
#[derive(Debug, Deserialize)]
pub(crate) struct Images {
    pub(crate) nginx: String,
    pub(crate) postgres: String,
    pub(crate) browser: String,
    pub(crate) trouble: String,
    /// The version of web2py's upstream tree, where that fixture has one.
    pub(crate) web2py: Option<String>,
    fixtures: BTreeMap<String, BTreeMap<String, String>>,
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

impl Images {
    pub(crate) fn read() -> Result<Self> {
        let file = place().join("containers.json");
        let text = std::fs::read_to_string(&file)
            .with_context(|| format!("{}: run `cargo dev lab test`, or `cargo dev lab build` once", file.display()))?;
        Ok(serde_json::from_str(&text)?)
    }

    /// Releases of Python there are images for.
    pub(crate) fn releases(&self) -> Vec<String> {
        self.fixtures.keys().cloned().collect()
    }

    /// The image of a fixture.
    pub(crate) fn fixture(&self, name: &str, release: &str) -> Result<&str> {
        let image = self.fixtures.get(release).and_then(|images| images.get(name));
        image.map(String::as_str).with_context(|| format!("no image of {name} on Python {release}"))
    }
}

/// Where `cargo dev` keeps what it makes.
pub(crate) fn place() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../.rsgi-dev")
}
