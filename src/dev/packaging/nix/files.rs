//! Every Nix file parses, for Nix itself (which also finds names that are bound nowhere), and is as the formatter writes it.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, anyhow, bail};

use super::sources;
use crate::packaging::Outcome;
use crate::{command, setup, system};

pub(super) fn check() -> Result<Outcome> {
    system::ensure(system::NIX)?;
    let files = sources::nix_files()?;
    command::output(Command::new("nix-instantiate").arg("--parse").args(&files).current_dir(setup::root()))?;
    let mut other = Vec::new();
    for path in &files {
        if !is_formatted(path)? {
            other.push(path.display().to_string());
        }
    }
    if !other.is_empty() {
        bail!("not formatted: {}; run cargo dev format-nix", other.join(", "));
    }
    Ok(Outcome::Ran(format!("{} files", files.len())))
}

/// Writes every Nix file as the formatter has it.
pub(crate) fn format() -> Result<()> {
    for path in sources::nix_files()? {
        if !is_formatted(&path)? {
            let file = setup::root().join(&path);
            fs::write(&file, formatted(&path, &fs::read_to_string(&file)?)?)?;
            eprintln!("wrote {}", path.display());
        }
    }
    Ok(())
}

fn is_formatted(path: &std::path::Path) -> Result<bool> {
    let text = fs::read_to_string(setup::root().join(path)).with_context(|| path.display().to_string())?;
    Ok(formatted(path, &text)? == text)
}

fn formatted(path: &std::path::Path, text: &str) -> Result<String> {
    let name = path.display().to_string();
    nixfmt_rs::format(text).map_err(|error| anyhow!("{}", nixfmt_rs::format_error(text, Some(&name), &error)))
}
