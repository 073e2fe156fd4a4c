//! The vassals' files: what `emperor = …` names, as it is at a moment.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use rsgi_config::Emperor;

use super::court::Stamp;

/// Endings of files that are vassals.
const ENDINGS: [&str; 7] = ["ini", "xml", "yaml", "yml", "json", "js", "toml"];

/// Says at the start which sources are not there: a directory may still come, and a wrong name shall not go unnoticed.
pub fn complain(emperor: &Emperor, base: &Path) {
    for source in &emperor.sources {
        let path = place(source, base);
        let is_pattern = is_pattern(path.as_os_str());
        let looked =
            std::fs::metadata(&path).and_then(|found| if found.is_dir() { entries(&path).map(drop) } else { Ok(()) });
        if !is_pattern && let Err(error) = looked {
            tracing::warn!("[emperor] {}: {error}: no vassal is there yet", path.display());
        }
    }
}

/// The path of a source, without the word that says what it is.
pub(super) fn place(source: &str, base: &Path) -> PathBuf {
    base.join(source.strip_prefix("dir://").or_else(|| source.strip_prefix("glob://")).unwrap_or(source))
}

/// Device and inode of a folder.
pub(super) type Identity = (u64, u64);

/// What one look at a source found.
#[derive(Debug)]
pub(super) struct Listing {
    /// The files, as far as they could be seen.
    pub paths: BTreeSet<PathBuf>,
    /// The source is a folder.
    pub is_folder: bool,
    /// The folder that all of it is in.
    pub anchor: PathBuf,
    /// Which folder that was when it was looked at.
    pub identity: Identity,
}

/// Looks at a source: a directory stands for the configuration files in it, anything else is a pattern.
///
/// # Errors
/// When nothing can be said of it: its folder is not there, or cannot be read.
pub(super) fn list(path: &Path, was_folder: bool, more: &[String]) -> io::Result<Listing> {
    let is_folder = match std::fs::metadata(path) {
        Ok(found) => found.is_dir(),
        // Away, and nobody knows for how long.
        Err(error) if was_folder => return Err(error),
        Err(_) => false,
    };
    let anchor = if is_folder { path } else { fixed(path) };
    let identity = identity(anchor)?;
    let paths =
        if is_folder { entries(path)?.filter(|path| is_vassal(path, more)).collect() } else { of_pattern(path) };
    Ok(Listing { paths, is_folder, anchor: anchor.to_owned(), identity })
}

pub(super) fn identity(folder: &Path) -> io::Result<Identity> {
    std::fs::metadata(folder).map(|found| (found.dev(), found.ino()))
}

fn entries(directory: &Path) -> io::Result<impl Iterator<Item = PathBuf>> {
    Ok(std::fs::read_dir(directory)?.filter_map(|entry| Some(entry.ok()?.path())))
}

fn of_pattern(pattern: &Path) -> BTreeSet<PathBuf> {
    let Some(pattern) = pattern.to_str() else { return BTreeSet::new() };
    rsgi_config::paths_matching(pattern).into_iter().collect()
}

/// The folder that all files of a pattern are in.
fn fixed(pattern: &Path) -> &Path {
    let mut folders = pattern.ancestors().skip(1);
    folders.find(|folder| !is_pattern(folder.as_os_str())).unwrap_or(Path::new("/"))
}

fn is_pattern(path: &OsStr) -> bool {
    path.as_encoded_bytes().iter().any(|byte| b"*?[".contains(byte))
}

fn is_vassal(path: &Path, more: &[String]) -> bool {
    let hidden = path.file_name().is_none_or(|name| name.as_encoded_bytes().starts_with(b"."));
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    let is_more = |other: &String| other.strip_prefix('.').unwrap_or(other) == ending;
    !hidden && !ending.is_empty() && (ENDINGS.contains(&ending) || more.iter().any(is_more))
}

/// Looks at a vassal's file; `None`: there is none.
///
/// # Errors
/// When that cannot be told.
pub(super) fn stamp(path: &Path, emperor: &Emperor) -> io::Result<Option<Stamp>> {
    let looked = std::fs::metadata(path).and_then(|target| Ok((target, std::fs::symlink_metadata(path)?)));
    let (target, link) = match looked {
        Ok((target, _)) if !target.is_file() => return Ok(None),
        Ok(found) => found,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let timed = if emperor.nofollow { &link } else { &target };
    let owned = if emperor.tyrant_nofollow { &link } else { &target };
    let seconds = Duration::from_secs(u64::try_from(timed.mtime()).unwrap_or(0));
    let nanos = Duration::from_nanos(u64::try_from(timed.mtime_nsec()).unwrap_or(0));
    Ok(Some(Stamp {
        changed: UNIX_EPOCH + seconds + nanos,
        inode: timed.ino(),
        uid: owned.uid(),
        gid: owned.gid(),
        on_demand: false,
    }))
}

#[cfg(test)]
mod tests {
    use super::super::lookout::Lookout;
    use super::*;

    fn names(sources: &[&str], base: &Path) -> Vec<String> {
        let sources: Vec<String> = sources.iter().map(|source| (*source).to_owned()).collect();
        let emperor = Emperor { sources, extra_extensions: vec![".vassal".into()], ..Emperor::default() };
        let name = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
        Lookout::default().look(&emperor, base).files.keys().map(name).collect()
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
        std::fs::write(dir.path().join("y/.ansible_tmp.ini"), "").unwrap();
        assert_eq!(names(&["*/app.ini"], dir.path()).len(), 2);
        assert_eq!(names(&["y/*.ini"], dir.path()), ["app.ini", "other.ini"]);
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
        assert_eq!(stamp(&link, &emperor).unwrap().unwrap().changed, old);
        let before = stamp(&link, &emperor).unwrap().unwrap();
        std::fs::write(dir.path().join("other.ini"), "").unwrap();
        std::fs::File::options().write(true).open(dir.path().join("other.ini")).unwrap().set_modified(old).unwrap();
        std::fs::remove_file(&link).unwrap();
        std::os::unix::fs::symlink(dir.path().join("other.ini"), &link).unwrap();
        assert_ne!(stamp(&link, &emperor).unwrap().unwrap(), before, "the link has another file behind it");
        emperor.nofollow = true;
        assert!(stamp(&link, &emperor).unwrap().unwrap().changed > old);
    }
}
