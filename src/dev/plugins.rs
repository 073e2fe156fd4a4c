//! Builds the language-free server, and with its `--build-plugin` one Python plugin for each interpreter, in release form.
//!
//! All plugins share one target folder, so that only what depends on the interpreter is compiled again for each. Cargo would
//! do that at every change of interpreter; a stamp beside each plugin tells what it was made from and spares it.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::pythons::Python;
use crate::{command, setup};

/// What a plugin is made from, as seen from the top of the repository.
const SOURCES: [&str; 4] = ["Cargo.lock", "Cargo.toml", "src/abi", "src/python"];

/// Builds the server without a language and returns its path.
///
/// # Errors
/// When cargo fails.
pub(crate) fn core() -> Result<PathBuf> {
    let target = setup::place().join("target/core");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--release", "--quiet", "--package", "rsgi", "--no-default-features", "--target-dir"]);
    command::run(cargo.arg(&target).current_dir(setup::root()))?;
    Ok(target.join("release/rsgi"))
}

/// Builds `pythonXY_plugin.so` for each interpreter with `core` and returns the folder that holds them.
///
/// # Errors
/// When a build fails.
pub(crate) fn build(core: &Path, pythons: &[Python]) -> Result<PathBuf> {
    let folder = setup::place().join("plugins");
    std::fs::create_dir_all(&folder)?;
    let sources = digest(&SOURCES)?;
    // What an older release has left behind would be found first.
    let names: Vec<_> = pythons.iter().map(|python| format!("{}_plugin.so", python.plugin())).collect();
    for entry in std::fs::read_dir(&folder)?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.ends_with(".so") && !names.contains(&name) {
            std::fs::remove_file(entry.path())?;
        }
    }
    for python in pythons {
        let stamp = folder.join(format!("{}.stamp", python.plugin()));
        let wanted = format!("{sources:016x} {}\n", python.exe.display());
        let plugin = folder.join(format!("{}_plugin.so", python.plugin()));
        if plugin.is_file() && std::fs::read_to_string(&stamp).is_ok_and(|made| made == wanted) {
            continue;
        }
        let mut build = Command::new(core);
        build.arg("--build-plugin").arg(format!("python {}", python.plugin())).current_dir(&folder);
        build
            .env("RSGI_SOURCE", setup::root())
            .env("PYTHON", &python.exe)
            .env("CARGO_TARGET_DIR", setup::place().join("target/plugins"));
        command::run(&mut build)?;
        std::fs::write(&stamp, wanted)?;
    }
    Ok(folder)
}

/// A digest of sources, as seen from the top of the repository, and of the compiler.
///
/// # Errors
/// When one cannot be read, or there is no compiler.
pub(crate) fn digest(sources: &[&str]) -> Result<u64> {
    let mut digest = DefaultHasher::new();
    command::output(Command::new("rustc").arg("--version"))?.hash(&mut digest);
    for source in sources {
        take_in(&setup::root().join(source), &mut digest)?;
    }
    Ok(digest.finish())
}

/// Takes a file, or all files below a folder, into a digest: names and contents, wherever they lie.
pub(crate) fn take_in(path: &Path, digest: &mut DefaultHasher) -> Result<()> {
    (path.file_name(), path.is_dir()).hash(digest);
    if !path.is_dir() {
        std::fs::read(path).with_context(|| path.display().to_string())?.hash(digest);
        return Ok(());
    }
    let mut entries: Vec<PathBuf> = std::fs::read_dir(path)?.flatten().map(|entry| entry.path()).collect();
    entries.sort();
    entries.iter().try_for_each(|entry| take_in(entry, digest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_of_what_lies_there_not_of_where() -> Result<()> {
        let place = std::env::temp_dir().join(format!("rsgi-digest-{}", std::process::id()));
        let digest = |top: &str, name: &str, text: &str| -> Result<u64> {
            let folder = place.join(top).join("folder");
            let _ = std::fs::remove_dir_all(&folder);
            std::fs::create_dir_all(&folder)?;
            std::fs::write(folder.join(name), text)?;
            let mut digest = DefaultHasher::new();
            take_in(&folder, &mut digest)?;
            Ok(digest.finish())
        };
        let one = digest("one", "name", "text")?;
        let others =
            [digest("two", "name", "text")?, digest("one", "name", "changed")?, digest("one", "other", "text")?];
        std::fs::remove_dir_all(&place)?;
        assert_eq!(one, others[0]);
        assert!(one != others[1] && one != others[2]);
        Ok(())
    }
}
