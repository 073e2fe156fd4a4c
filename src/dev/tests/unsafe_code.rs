//! Where the project steps out of what the compiler checks. A place more is a decision, which this test makes visible.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Folders in which it may be.
const ALLOWED: [&str; 3] = ["src/abi/", "src/python/", "src/sys/"];

/// How it begins.
const WORDS: [&str; 5] = ["unsafe {", "unsafe fn ", "unsafe impl ", "unsafe extern ", "unsafe trait "];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder of ours") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

/// Blocks, functions and implementations by file, comments aside.
#[test]
fn unsafe_code_is_where_it_may_be() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut files = Vec::new();
    for folder in ["src", "tests"] {
        sources(&root.join(folder), &mut files);
    }
    let mut counts = BTreeMap::new();
    // This file only speaks of it.
    for file in files.into_iter().filter(|file| !file.ends_with(file!().rsplit('/').next().unwrap_or_default())) {
        let text = std::fs::read_to_string(&file).expect("a source");
        let code = text.lines().map(str::trim_start).filter(|line| !line.starts_with("//"));
        let count: usize = code.map(|line| WORDS.iter().map(|word| line.matches(word).count()).sum::<usize>()).sum();
        let name = file.strip_prefix(&root).expect("below it").to_string_lossy().into_owned();
        if count > 0 {
            counts.insert(name, count);
        }
    }
    let elsewhere: Vec<_> =
        counts.keys().filter(|name| !ALLOWED.iter().any(|folder| name.starts_with(folder))).collect();
    assert!(elsewhere.is_empty(), "{elsewhere:?}");
    let list = counts.iter().fold(String::new(), |mut list, (name, count)| {
        let _ = writeln!(list, "{count:3} {name}");
        list
    });
    insta::assert_snapshot!(list);
}
