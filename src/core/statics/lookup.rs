//! Which file a path names: the directories of `static-map`, `static-map2` and `check-static`, in uWSGI's order.

use std::ffi::OsStr;
use std::fs::{File, Metadata};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use rsgi_config::Statics;

use super::beneath::{self, Links, Thing, Tree};
use super::is_plain;

/// All places where files may be.
#[derive(Debug)]
pub(super) struct Places {
    places: Vec<Place>,
    index: Vec<String>,
    skipped: Vec<String>,
    safe: Vec<PathBuf>,
}

/// A directory (or one file), and the paths that lead to it.
#[derive(Debug)]
pub(super) struct Place {
    prefix: Vec<u8>,
    /// The prefix is no part of the path below the directory.
    cut: bool,
    root: PathBuf,
    /// No link leads to the directory, as far as was seen at the start.
    straight: bool,
}

/// A file that answers.
#[derive(Debug)]
pub(super) struct Found<'a> {
    pub(super) file: File,
    pub(super) facts: Metadata,
    /// Its name, root included.
    pub(super) name: PathBuf,
    /// For its neighbours: where it was found, and below what.
    place: Option<(&'a Places, &'a Path, Vec<u8>)>,
}

impl Places {
    pub(super) fn new(statics: &Statics, base: &Path) -> Self {
        let place = |prefix: &str, cut, root: &Path| {
            let root = base.join(root);
            let straight = root.canonicalize().is_ok_and(|real| real == root);
            Place { prefix: prefix.into(), cut, root, straight }
        };
        let check = statics.check.iter().map(|root| place("", false, root));
        let map = statics.map.iter().map(|(prefix, root)| place(prefix, true, root));
        let map2 = statics.map2.iter().map(|(prefix, root)| place(prefix, false, root));
        Self {
            places: check.chain(map).chain(map2).collect(),
            index: statics.index.clone(),
            skipped: statics.skip_ext.clone(),
            safe: statics.safe.iter().map(|safe| base.join(safe)).collect(),
        }
    }

    /// The places that a path leads to, each with the path below it.
    pub(super) fn of<'p>(&self, path: &'p [u8]) -> impl Iterator<Item = (&Place, &'p [u8])> {
        let places = if is_plain(path) { self.places.as_slice() } else { &[] };
        places.iter().filter_map(move |place| Some((place, place.below(path)?)))
    }

    /// Opens the file that a path names, if one does.
    pub(super) fn find(&self, path: &[u8]) -> Option<Found<'_>> {
        self.of(path).find_map(|(place, below)| self.look(place, below))
    }

    fn look<'a>(&'a self, place: &'a Place, below: &[u8]) -> Option<Found<'a>> {
        let root = place.root.as_path();
        if place.straight && !below.is_empty() && !self.is_skipped(below) {
            let name = root.join(OsStr::from_bytes(below));
            match beneath::straight(&name) {
                Ok(Thing::File(file, facts)) => {
                    return Some(Found { file, facts, name, place: Some((self, root, below.to_vec())) });
                }
                Err(Errno::ENOENT | Errno::ENOTDIR) => return None,
                // A directory, a link, or something to be complained of.
                Ok(_) | Err(_) => {}
            }
        }
        if below.is_empty()
            && let Thing::File(file, facts) = beneath::named(root).ok()?
        {
            return (!self.is_skipped(root.as_os_str().as_bytes())).then(|| Found {
                file,
                facts,
                name: root.to_owned(),
                place: None,
            });
        }
        let tree = Tree::open(root).ok()?;
        let mut name = below.to_vec();
        let mut thing = if below.is_empty() { Thing::Directory } else { self.open(&tree, root, &name)? };
        if let Thing::Directory = thing {
            (name, thing) = self.index.iter().find_map(|index| {
                let name = join(below, index.as_bytes());
                let thing = self.open(&tree, root, &name)?;
                matches!(thing, Thing::File(..)).then_some((name, thing))
            })?;
        }
        let Thing::File(file, facts) = thing else { return None };
        let whole = root.join(OsStr::from_bytes(&name));
        Some(Found { file, facts, name: whole, place: Some((self, root, name)) })
    }

    fn open(&self, tree: &Tree, root: &Path, name: &[u8]) -> Option<Thing> {
        if self.is_skipped(name) || self.leads_to_skipped(tree, root, name) {
            return None;
        }
        match tree.get(name, Links::Beneath) {
            Ok(thing) => Some(thing),
            Err(Errno::EXDEV) => self.follow(root, name),
            // Not there, or not for us.
            Err(Errno::ENOENT | Errno::ENOTDIR | Errno::EACCES | Errno::ELOOP | Errno::ENAMETOOLONG) => None,
            Err(error) => {
                tracing::warn!("{}: the file cannot be opened: {error}", shown(root, name));
                None
            }
        }
    }

    /// Follows a link that is absolute or leads out: to where it is allowed, and there without any further link.
    fn follow(&self, root: &Path, name: &[u8]) -> Option<Thing> {
        if beneath::must_not_wait() {
            return None;
        }
        let real = root.join(OsStr::from_bytes(name)).canonicalize().ok()?;
        for allowed in std::iter::once(root).chain(self.safe.iter().map(PathBuf::as_path)) {
            let Ok(allowed) = allowed.canonicalize() else { continue };
            let Ok(below) = real.strip_prefix(&allowed) else { continue };
            let below = below.as_os_str().as_bytes();
            if below.is_empty() || self.is_skipped(below) {
                continue;
            }
            return Tree::open(&allowed).ok()?.get(below, Links::None).ok();
        }
        let place = shown(root, name);
        tracing::warn!("security: {place} leads out of its directory; static-safe allows further directories");
        None
    }

    /// Whether a link gives another name to a file that is never served.
    fn leads_to_skipped(&self, tree: &Tree, root: &Path, name: &[u8]) -> bool {
        if self.skipped.is_empty() || !matches!(tree.get(name, Links::None), Err(Errno::ELOOP)) {
            return false;
        }
        let real = |path: PathBuf| path.canonicalize().is_ok_and(|real| self.is_skipped(real.as_os_str().as_bytes()));
        beneath::must_not_wait() || real(root.join(OsStr::from_bytes(name)))
    }

    fn is_skipped(&self, name: &[u8]) -> bool {
        self.skipped.iter().any(|ending| name.ends_with(ending.as_bytes()))
    }
}

impl Place {
    fn below<'p>(&self, path: &'p [u8]) -> Option<&'p [u8]> {
        let rest = path.strip_prefix(self.prefix.as_slice())?;
        let whole = self.prefix.is_empty() || self.prefix.ends_with(b"/");
        if !whole && !rest.is_empty() && !rest.starts_with(b"/") {
            return None;
        }
        let below = if self.cut { rest } else { path };
        let start = below.iter().position(|&byte| byte != b'/').unwrap_or(below.len());
        below.get(start..)
    }
}

impl Found<'_> {
    /// The file beside it whose name has `ending` too.
    pub(super) fn neighbour(&self, ending: &str) -> Option<(File, Metadata)> {
        let thing = match &self.place {
            Some((places, root, name)) => {
                let name = [name.as_slice(), ending.as_bytes()].concat();
                places.open(&Tree::open(root).ok()?, root, &name)?
            }
            None => {
                let mut name = self.name.clone().into_os_string();
                name.push(ending);
                beneath::named(Path::new(&name)).ok()?
            }
        };
        match thing {
            Thing::File(file, facts) => Some((file, facts)),
            _ => None,
        }
    }
}

fn join(directory: &[u8], name: &[u8]) -> Vec<u8> {
    match directory {
        [] => name.to_vec(),
        [.., b'/'] => [directory, name].concat(),
        _ => [directory, b"/", name].concat(),
    }
}

/// A file's name for a log line: strangers have a say in it.
fn shown(root: &Path, name: &[u8]) -> String {
    format!("{:?}", root.join(OsStr::from_bytes(name)))
}
