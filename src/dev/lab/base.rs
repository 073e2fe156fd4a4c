//! An image that another one is built on, under a name that nobody else moves to another image meanwhile: several checkouts give the same
//! names to their own images.

use anyhow::Result;

use crate::packaging::docker::{docker, told};

/// The image, as it was when it was looked at. The name goes with this.
pub(super) struct Base {
    id: String,
    name: String,
}

impl Base {
    /// Finds the image that has this name now.
    ///
    /// # Errors
    /// When there is none.
    pub(super) fn hold(image: &str) -> Result<Self> {
        let id = told(&["image", "inspect", "--format", "{{.Id}}", image])?;
        let short: String = id.trim_start_matches("sha256:").chars().take(16).collect();
        let name = format!("rsgi-lab/base:{short}-{}", std::process::id());
        told(&["tag", &id, &name])?;
        Ok(Self { id, name })
    }

    /// What it is made of, as a digest.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for Base {
    fn drop(&mut self) {
        let _ = docker(&["rmi", "--no-prune", &self.name]).output();
    }
}
