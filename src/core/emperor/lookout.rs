//! Looking at the vassals' files again and again, and what is remembered from one look to the next.
//!
//! What could not be looked at stays as it was: a file system that does not answer, a folder that is away while another takes its
//! place, a process without descriptors are no reason to end anybody. A vassal's file is gone when the system says that there is
//! no such file in a folder that is there.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use rsgi_config::Emperor;
use tracing::{info, warn};

use super::court::Stamp;
use super::files::{identity, list, place, stamp};
use super::owners::{self, Refusal};

type Stamps = BTreeMap<PathBuf, Stamp>;

/// What a look found.
#[derive(Debug, Default)]
pub struct Found {
    /// Every vassal's file.
    pub files: Stamps,
    /// Those among them that could not be looked at: they are told as they were.
    pub remembered: BTreeSet<PathBuf>,
}

/// Whoever looks.
#[derive(Debug, Default)]
pub struct Lookout {
    sources: BTreeMap<String, Source>,
    /// Outcome of the look before.
    last: Found,
    /// Files that a tyrant cannot make vassals of.
    refused: BTreeSet<PathBuf>,
}

/// One of those that the option names.
#[derive(Debug, Default)]
struct Source {
    files: Stamps,
    /// It was there once, as a folder if so.
    was_folder: bool,
    was_there: bool,
    is_hidden: bool,
}

impl Lookout {
    /// Looks at all sources.
    pub fn look(&mut self, emperor: &Emperor, base: &Path) -> &Found {
        let mut found = Found::default();
        for name in &emperor.sources {
            self.sources.entry(name.clone()).or_default().look(&place(name, base), emperor, &mut found, &self.last);
        }
        if emperor.tyrant {
            self.refuse(&mut found, emperor.tyrant_nofollow);
        }
        self.last = found;
        &self.last
    }

    /// Takes out what no vassal may be made of, and says so once.
    fn refuse(&mut self, found: &mut Found, nofollow: bool) {
        let mut refused = BTreeSet::new();
        for (path, stamp) in std::mem::take(&mut found.files) {
            match (owners::check(&path, stamp.uid, stamp.gid, nofollow), self.last.files.get(&path)) {
                (Ok(()), _) => drop(found.files.insert(path, stamp)),
                (Err(Refusal::Unseen(_)), Some(before)) => {
                    found.files.insert(path.clone(), *before);
                    found.remembered.insert(path);
                }
                (Err(why), _) => {
                    if !self.refused.contains(&path) {
                        warn!("[emperor] {} is no vassal: {why}", path.display());
                    }
                    refused.insert(path);
                }
            }
        }
        self.refused = refused;
    }
}

impl Source {
    /// Looks at this one, and adds what is there to `found`.
    fn look(&mut self, path: &Path, emperor: &Emperor, found: &mut Found, last: &Found) {
        match self.stamps(path, emperor) {
            Ok((files, unseen)) => {
                if std::mem::take(&mut self.is_hidden) {
                    info!("[emperor] {} can be looked at again", path.display());
                }
                for (path, error) in unseen {
                    if !last.remembered.contains(&path) {
                        warn!("[emperor] {}: {error}: its vassal goes on as it is", path.display());
                    }
                    found.remembered.insert(path);
                }
                self.files = files;
            }
            Err(error) => {
                if self.was_there && !std::mem::replace(&mut self.is_hidden, true) {
                    warn!("[emperor] {}: {error}: its vassals go on as they are", path.display());
                }
                found.remembered.extend(self.files.keys().cloned());
            }
        }
        found.files.extend(self.files.iter().map(|(path, stamp)| (path.clone(), *stamp)));
    }

    /// The files, and those that could not be looked at, for which the stamps of the look before stand.
    fn stamps(&mut self, path: &Path, emperor: &Emperor) -> io::Result<(Stamps, Vec<(PathBuf, io::Error)>)> {
        let listing = list(path, self.was_folder, &emperor.extra_extensions)?;
        let (mut files, mut unseen) = (BTreeMap::new(), Vec::new());
        // A file that was there and is not listed may only not have been seen.
        for path in listing.paths.iter().chain(self.files.keys().filter(|path| !listing.paths.contains(*path))) {
            match (stamp(path, emperor), self.files.get(path)) {
                (Ok(Some(stamp)), _) => drop(files.insert(path.clone(), stamp)),
                (Err(error), Some(before)) => {
                    files.insert(path.clone(), *before);
                    unseen.push((path.clone(), error));
                }
                (Ok(None) | Err(_), _) => {}
            }
        }
        // Was one folder moved away and another put there between the calls, its files are neither's.
        if identity(&listing.anchor)? != listing.identity {
            return Err(io::Error::other("it was replaced while it was looked at"));
        }
        (self.was_folder, self.was_there) = (listing.is_folder, true);
        Ok((files, unseen))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder `vassals` with two files, and an emperor of it.
    fn court(source: &str) -> (tempfile::TempDir, Emperor) {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("vassals")).unwrap();
        for name in ["a.ini", "b.ini"] {
            std::fs::write(dir.path().join("vassals").join(name), "").unwrap();
        }
        (dir, Emperor { sources: vec![source.into()], ..Emperor::default() })
    }

    #[test]
    fn a_folder_that_is_away_takes_nobody_along() {
        for source in ["vassals", "vassals/*.ini", "vassals/a.ini"] {
            let (dir, emperor) = court(source);
            let (vassals, away) = (dir.path().join("vassals"), dir.path().join("away"));
            let mut lookout = Lookout::default();
            let before = lookout.look(&emperor, dir.path()).files.clone();
            assert!(!before.is_empty() && lookout.last.remembered.is_empty());
            std::fs::rename(&vassals, &away).unwrap();
            for _ in 0..2 {
                let found = lookout.look(&emperor, dir.path());
                assert_eq!((&found.files, found.remembered.len()), (&before, before.len()), "{source}");
            }
            std::fs::rename(&away, &vassals).unwrap();
            let found = lookout.look(&emperor, dir.path());
            assert_eq!((&found.files, found.remembered.len()), (&before, 0), "{source}");
            std::fs::remove_file(vassals.join("a.ini")).unwrap();
            assert_eq!(lookout.look(&emperor, dir.path()).files.len(), before.len() - 1, "a file that is gone is gone");
        }
    }

    #[test]
    fn a_file_that_cannot_be_looked_at_stays_as_it_was() {
        let (dir, emperor) = court("vassals");
        let mut lookout = Lookout::default();
        let before = lookout.look(&emperor, dir.path()).files.clone();
        let file = dir.path().join("vassals/a.ini");
        std::fs::remove_file(&file).unwrap();
        std::os::unix::fs::symlink("a.ini", &file).unwrap();
        let found = lookout.look(&emperor, dir.path());
        assert_eq!((&found.files, &found.remembered), (&before, &BTreeSet::from([file.clone()])));
        std::fs::remove_file(&file).unwrap();
        assert_eq!(lookout.look(&emperor, dir.path()).files.len(), 1);
    }

    #[test]
    fn what_was_never_there_is_nothing() {
        let (dir, mut emperor) = court("nowhere");
        emperor.sources.extend(["no/where/*.ini".into(), "vassals/c.ini".into()]);
        let mut lookout = Lookout::default();
        assert!(lookout.look(&emperor, dir.path()).files.is_empty());
        std::fs::rename(dir.path().join("vassals"), dir.path().join("nowhere")).unwrap();
        assert_eq!(lookout.look(&emperor, dir.path()).files.len(), 2);
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
        assert_eq!(lookout.look(&emperor, Path::new("/")).files.len(), 1);
        emperor.tyrant = true;
        assert_eq!(lookout.look(&emperor, Path::new("/")).files.len(), 0);
        assert!(lookout.refused.contains(&file), "it is said once");
        std::os::unix::fs::chown(&file, Some(54321), Some(54321)).unwrap();
        assert_eq!(lookout.look(&emperor, Path::new("/")).files.len(), 1);
        assert!(lookout.refused.is_empty());
    }
}
