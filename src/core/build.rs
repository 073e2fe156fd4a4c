//! The fingerprint of what processes of an instance tell each other; and with the feature `python` a run path to the libpython
//! that the embedded plugin is linked to.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};

/// Where such things are defined. What is only read or written inside one process may change without harm, but whoever wants
/// to leave it out has to be sure.
const ROOTS: [&str; 5] = ["src/core", "src/config", "src/proto", "src/sys", "src/abi"];

/// Sources that matter as a whole: bytes on streams, frames, memory layouts, exit codes, signals, what a zygote is asked for.
const WHOLE: [&str; 13] = [
    "src/core/control.rs",
    "src/core/exit.rs",
    "src/core/memory",
    "src/core/process.rs",
    "src/core/role.rs",
    "src/core/router",
    "src/core/worker",
    "src/core/zygote",
    "src/core/tls/handover.rs",
    "src/core/tls/tickets.rs",
    "src/core/logging/memo.rs",
    "src/proto/link",
    "src/sys/signal.rs",
];

fn main() {
    fingerprint().expect("the sources can be read");
    // Told by src/python/build.rs; absent without the feature.
    println!("cargo:rerun-if-env-changed=DEP_RSGI_PYTHON_LIBDIR");
    if let Ok(directory) = std::env::var("DEP_RSGI_PYTHON_LIBDIR") {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{directory}");
    }
}

/// Hashes those sources, and all others with types that are written out and read in again.
fn fingerprint() -> io::Result<()> {
    let mut files = Vec::new();
    for root in ROOTS {
        println!("cargo:rerun-if-changed={root}");
        list(Path::new(root), &mut files)?;
    }
    files.sort();
    let mut hasher = DefaultHasher::new();
    for file in files {
        let text = fs::read_to_string(&file)?;
        if WHOLE.iter().any(|whole| file.starts_with(whole)) || text.contains("Deserialize") {
            (&file, text).hash(&mut hasher);
        }
    }
    println!("cargo:rustc-env=RSGI_FINGERPRINT={:016x}", hasher.finish());
    Ok(())
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            list(&path, files)?;
        } else if path.extension().is_some_and(|ending| ending == "rs") && !path.ends_with("tests.rs") {
            files.push(path);
        }
    }
    Ok(())
}
