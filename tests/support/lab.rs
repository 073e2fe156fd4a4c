//! What `cargo dev setup` has built: read from `.rsgi-dev/lab.json`.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use serde::Deserialize;

/// Mirror of the type `Lab` in `src/dev/lab.rs`.
#[derive(Debug, Deserialize)]
pub(crate) struct Lab {
    pub core: PathBuf,
    pub plugins_dir: PathBuf,
    pub plugins: Vec<String>,
    pub embedded: String,
    pub venv: PathBuf,
    pub current: Current,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Current {
    pub venv: PathBuf,
    pub plugin: String,
}

/// The lab. A missing one fails the test with the command that makes it.
pub(crate) static LAB: LazyLock<Lab> = LazyLock::new(|| {
    let file = root().join(".rsgi-dev/lab.json");
    let text = std::fs::read_to_string(&file)
        .unwrap_or_else(|error| panic!("{}: {error}; the tests need their lab: run `cargo dev setup`", file.display()));
    serde_json::from_str(&text)
        .unwrap_or_else(|error| panic!("{}: {error}; made by another version: run `cargo dev setup`", file.display()))
});

/// Top of the repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
