//! The vassals' files: what `emperor = …` names, looked at again and again.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use rsgi_config::Emperor;

use super::court::Stamp;
use super::owners;

/// Endings of files that are vassals.
const ENDINGS: [&str; 7] = ["ini", "xml", "yaml", "yml", "json", "js", "toml"];

/// Whoever looks, and remembers what has been said already.
#[derive(Debug, Default)]
pub struct Lookout {
    /// Files that a tyrant cannot make vassals of.
    refused: BTreeSet<PathBuf>,
}

impl Lookout {
    /// Looks at all sources: a directory stands for the configuration files in it, anything else is a pattern.
    pub fn look(&mut self, emperor: &Emperor, base: &Path) -> BTreeMap<PathBuf, Stamp> {
        let found = emperor.sources.iter().flat_map(|source| {
            let path = base.join(name(source));
            if path.is_dir() { of_directory(&path, &emperor.extra_extensions) } else { of_pattern(&path) }
        });
        let mut files: BTreeMap<_, _> =
            found.filter_map(|path| stamp(&path, emperor).map(|stamp| (path, stamp))).collect();
        if emperor.tyrant {
            self.refuse(&mut files, emperor.tyrant_nofollow);
        }
        files
    }

    /// Takes out what no vassal may be made of, and says so once.
    fn refuse(&mut self, files: &mut BTreeMap<PathBuf, Stamp>, nofollow: bool) {
        let mut refused = BTreeSet::new();
        files.retain(|path, stamp| {
            let Err(why) = owners::check(path, stamp.uid, stamp.gid, nofollow) else { return true };
            if !self.refused.contains(path) {
                tracing::warn!("[emperor] {} is no vassal: {why}", path.display());
            }
            refused.insert(path.clone());
            false
        });
        self.refused = refused;
    }
}

/// Says at the start which sources are not there: a directory may still come, and a wrong name shall not go unnoticed.
pub fn complain(emperor: &Emperor, base: &Path) {
    for source in &emperor.sources {
        let path = base.join(name(source));
        let is_pattern = path.to_str().is_some_and(|path| path.contains(['*', '?', '[']));
        if !is_pattern && let Err(error) = std::fs::metadata(&path) {
            tracing::warn!("[emperor] {}: {error}: no vassal is there yet", path.display());
        }
    }
}

/// A source without the word that says what it is.
fn name(source: &str) -> &str {
    source.strip_prefix("dir://").or_else(|| source.strip_prefix("glob://")).unwrap_or(source)
}

fn of_directory(directory: &Path, more: &[String]) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(directory) else { return Vec::new() };
    entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| is_vassal(path, more)).collect()
}

fn of_pattern(pattern: &Path) -> Vec<PathBuf> {
    let Some(pattern) = pattern.to_str() else { return Vec::new() };
    glob::glob(pattern).map(|paths| paths.filter_map(Result::ok).collect()).unwrap_or_default()
}

fn is_vassal(path: &Path, more: &[String]) -> bool {
    let hidden = path.file_name().is_none_or(|name| name.as_encoded_bytes().starts_with(b"."));
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    let is_more = |other: &String| other.strip_prefix('.').unwrap_or(other) == ending;
    !hidden && !ending.is_empty() && (ENDINGS.contains(&ending) || more.iter().any(is_more))
}

fn stamp(path: &Path, emperor: &Emperor) -> Option<Stamp> {
    let target = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file)?;
    let link = std::fs::symlink_metadata(path).ok()?;
    let timed = if emperor.nofollow { &link } else { &target };
    let owned = if emperor.tyrant_nofollow { &link } else { &target };
    let seconds = Duration::from_secs(u64::try_from(timed.mtime()).unwrap_or(0));
    let nanos = Duration::from_nanos(u64::try_from(timed.mtime_nsec()).unwrap_or(0));
    Some(Stamp {
        changed: UNIX_EPOCH + seconds + nanos,
        inode: timed.ino(),
        uid: owned.uid(),
        gid: owned.gid(),
        on_demand: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(sources: &[&str], base: &Path) -> Vec<String> {
        let sources: Vec<String> = sources.iter().map(|source| (*source).to_owned()).collect();
        let emperor = Emperor { sources, extra_extensions: vec![".vassal".into()], ..Emperor::default() };
        let name = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
        Lookout::default().look(&emperor, base).keys().map(name).collect()
    }

    #[test]
    fn a_directory_stands_for_its_configuration_files() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["b.ini", "a.yaml", "c.txt", ".hidden.ini", "d", "z.vassal"] {
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        std::fs::create_dir(dir.path().join("e.ini")).unwrap();
        let path = dir.path().to_str().unwrap();
        assert_eq!(names(&[path], Path::new("/")), ["a.yaml", "b.ini", "z.vassal"]);
        assert_eq!(names(&["."], dir.path()), ["a.yaml", "b.ini", "z.vassal"]);
        assert_eq!(names(&["dir://."], dir.path()), ["a.yaml", "b.ini", "z.vassal"]);
    }

    #[test]
    fn a_pattern_stands_for_what_it_matches() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["x/app.ini", "y/app.ini", "y/other.ini"] {
            std::fs::create_dir_all(dir.path().join(name).parent().unwrap()).unwrap();
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        assert_eq!(names(&["*/app.ini"], dir.path()).len(), 2);
        assert_eq!(names(&["nowhere"], dir.path()).len(), 0);
    }

    #[test]
    fn a_link_is_dated_as_wished() {
        let dir = tempfile::tempdir().unwrap();
        let (file, link) = (dir.path().join("file.ini"), dir.path().join("link.ini"));
        std::fs::write(&file, "").unwrap();
        let old = UNIX_EPOCH + Duration::from_secs(5);
        std::fs::File::options().write(true).open(&file).unwrap().set_modified(old).unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        let mut emperor = Emperor::default();
        assert_eq!(stamp(&link, &emperor).unwrap().changed, old);
        let before = stamp(&link, &emperor).unwrap();
        std::fs::write(dir.path().join("other.ini"), "").unwrap();
        std::fs::File::options().write(true).open(dir.path().join("other.ini")).unwrap().set_modified(old).unwrap();
        std::fs::remove_file(&link).unwrap();
        std::os::unix::fs::symlink(dir.path().join("other.ini"), &link).unwrap();
        assert_ne!(stamp(&link, &emperor).unwrap(), before, "the link has another file behind it");
        emperor.nofollow = true;
        assert!(stamp(&link, &emperor).unwrap().changed > old);
    }

    #[test]
    fn a_tyrant_makes_nobody_root() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.ini");
        std::fs::write(&file, "").unwrap();
        if std::os::unix::fs::chown(&file, Some(0), Some(0)).is_err() {
            return;
        }
        let mut emperor = Emperor { sources: vec![dir.path().display().to_string()], ..Emperor::default() };
        let mut lookout = Lookout::default();
        assert_eq!(lookout.look(&emperor, Path::new("/")).len(), 1);
        emperor.tyrant = true;
        assert_eq!(lookout.look(&emperor, Path::new("/")).len(), 0);
        assert!(lookout.refused.contains(&file), "it is said once");
        std::os::unix::fs::chown(&file, Some(54321), Some(54321)).unwrap();
        assert_eq!(lookout.look(&emperor, Path::new("/")).len(), 1);
        assert!(lookout.refused.is_empty());
    }
}
