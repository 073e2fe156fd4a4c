//! The Nix files of the project, and the digest that ties what was rendered to what it was rendered from.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use data_encoding::HEXLOWER;
use ring::digest::{Context as Digest, SHA256};

use crate::setup;

/// What units and the page of options are rendered from. The list of rsgi's own options is left out: it changes with every option,
/// and decides only what is refused.
const RENDERED_FROM: [&str; 2] = ["nixos-module", "tests/nixos-module"];

/// Every Nix file, sorted, as seen from the top of the repository.
pub(super) fn nix_files() -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    list(Path::new("."), &mut files)?;
    files.retain(|path| path.extension().is_some_and(|ending| ending == "nix"));
    Ok(files)
}

/// The digest of the module and of what is configured with it, as hexadecimal digits.
pub(super) fn digest() -> Result<String> {
    let mut files = Vec::new();
    for folder in RENDERED_FROM {
        list(Path::new(folder), &mut files)?;
    }
    files.retain(|path| path.extension().is_some_and(|ending| ending == "nix"));
    let mut digest = Digest::new(&SHA256);
    for path in &files {
        let text = fs::read(setup::root().join(path)).with_context(|| path.display().to_string())?;
        digest.update(format!("{}\0{}\0", path.display(), text.len()).as_bytes());
        digest.update(&text);
    }
    Ok(HEXLOWER.encode(digest.finish().as_ref()))
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let there = setup::root().join(folder);
    let entries = fs::read_dir(&there).with_context(|| there.display().to_string())?;
    let mut names: Vec<_> = entries.flatten().map(|entry| entry.file_name()).collect();
    names.sort();
    for name in names {
        let hidden = name.to_string_lossy().starts_with('.');
        let path = folder.strip_prefix(".").unwrap_or(folder).join(&name);
        if there.join(&name).is_dir() {
            if !hidden && name != "target" {
                list(&path, files)?;
            }
        } else {
            files.push(path);
        }
    }
    Ok(())
}
