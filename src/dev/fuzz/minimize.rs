//! Takes over what a working corpus has found: the smallest inputs that reach what the committed ones do not, a few dozen at most.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::target::Target;

/// Inputs of one target, at most.
const MOST: usize = 40;
/// Longest of those that are taken over.
const LONGEST: &str = "-max_len=512";

/// Chooses for one target.
pub(super) fn run(driver: &Path, target: &Target) -> Result<()> {
    let (chosen, scratch) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let log = target.found("logs")?.join("minimize");
    let mut command = target.command(driver, &log, scratch.path())?;
    command.args(["-set_cover_merge=1", LONGEST]).arg(chosen.path()).arg(target.found("corpus")?);
    if !command.status().context("nice")?.success() {
        bail!("{}: see {}", target.name, log.display());
    }
    let committed = target.committed("corpus");
    let room = MOST.saturating_sub(files(&committed)?.len());
    let mut found = files(chosen.path())?;
    found.sort();
    for (_, path) in found.iter().take(room) {
        let name = path.file_name().context("a file has a name")?.to_string_lossy();
        fs::copy(path, committed.join(name.get(..12).unwrap_or(&name)))?;
    }
    eprintln!("{}: {} inputs", target.name, files(&committed)?.len());
    Ok(())
}

/// Files of a folder with their sizes.
fn files(folder: &Path) -> Result<Vec<(u64, PathBuf)>> {
    let entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    entries
        .map(|entry| entry.and_then(|entry| Ok((entry.metadata()?.len(), entry.path()))).map_err(Into::into))
        .collect()
}
