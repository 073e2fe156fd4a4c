//! Paths by a pattern, as glob(3) finds them.

use std::path::{Path, PathBuf};

/// The paths that match a pattern, sorted. Hidden ones only where the pattern has the dot too, so that a file that a tool is
/// about to rename is none of them. A pattern that is none matches nothing.
#[must_use]
pub fn paths_matching(pattern: &str) -> Vec<PathBuf> {
    // Two stars are any depth, and parts of the pattern are then not those of the path. For all else the option of the crate
    // goes too far: with it `.*` matches nothing either.
    let deep = pattern.contains("**");
    let options = glob::MatchOptions { require_literal_leading_dot: deep, ..glob::MatchOptions::new() };
    let found = glob::glob_with(pattern, options).into_iter().flatten().flatten();
    found.filter(|path| deep || names_dots(Path::new(pattern), path)).collect()
}

/// Whether every dot at the beginning of a part is written in the pattern.
fn names_dots(pattern: &Path, path: &Path) -> bool {
    let has_dot = |part: std::path::Component<'_>| part.as_os_str().as_encoded_bytes().starts_with(b".");
    pattern.components().zip(path.components()).all(|(wanted, part)| has_dot(wanted) || !has_dot(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_files_are_named_by_their_dot_only() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join(".d/e")).unwrap();
        for name in ["a.ini", ".b.ini", ".d/c.ini", ".d/e/f.ini"] {
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        for (pattern, names) in [
            ("*.ini", &["a.ini"][..]),
            (".*.ini", &[".b.ini"]),
            ("[.]b.ini", &[]),
            ("*/c.ini", &[]),
            (".d/*.ini", &[".d/c.ini"]),
            ("**/*.ini", &["a.ini"]),
            ("[", &[]),
        ] {
            let found = paths_matching(&format!("{}/{pattern}", dir.path().display()));
            let names: Vec<_> = names.iter().map(|name| dir.path().join(name)).collect();
            assert_eq!(found, names, "{pattern}");
        }
    }
}
