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
    ///
    /// # Errors
    /// When there may be one, and it cannot be opened for now ([`beneath::refusal`]).
    pub(super) fn find(&self, path: &[u8]) -> nix::Result<Option<Found<'_>>> {
        for (place, below) in self.of(path) {
            if let Some(found) = self.look(place, below)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    fn look<'a>(&'a self, place: &'a Place, below: &[u8]) -> nix::Result<Option<Found<'a>>> {
        let root = place.root.as_path();
        if place.straight && !below.is_empty() && !self.is_skipped(below) {
            let name = root.join(OsStr::from_bytes(below));
            match beneath::straight(&name) {
                Ok(Thing::File(file, facts)) => {
                    return Ok(Some(Found { file, facts, name, place: Some((self, root, below.to_vec())) }));
                }
                Err(Errno::ENOENT | Errno::ENOTDIR) => return Ok(None),
                // A directory, a link, or something to be complained of.
                Ok(_) | Err(_) => {}
            }
        }
        if below.is_empty() {
            match there(beneath::named(root), root, below)? {
                Some(Thing::File(file, facts)) => {
                    let is_served = !self.is_skipped(root.as_os_str().as_bytes());
                    return Ok(is_served.then(|| Found { file, facts, name: root.to_owned(), place: None }));
                }
                Some(_) => {}
                None => return Ok(None),
            }
        }
        let Some(tree) = there(Tree::open(root), root, below)? else { return Ok(None) };
        let mut found = match below {
            [] => Some((Vec::new(), Thing::Directory)),
            _ => self.open(&tree, root, below)?.map(|thing| (below.to_vec(), thing)),
        };
        if let Some((_, Thing::Directory)) = found {
            found = self.open_index(&tree, root, below)?;
        }
        let Some((name, Thing::File(file, facts))) = found else { return Ok(None) };
        let whole = root.join(OsStr::from_bytes(&name));
        Ok(Some(Found { file, facts, name: whole, place: Some((self, root, name)) }))
    }

    /// The file that stands for a directory.
    fn open_index(&self, tree: &Tree, root: &Path, below: &[u8]) -> nix::Result<Option<(Vec<u8>, Thing)>> {
        for index in &self.index {
            let name = join(below, index.as_bytes());
            if let Some(thing @ Thing::File(..)) = self.open(tree, root, &name)? {
                return Ok(Some((name, thing)));
            }
        }
        Ok(None)
    }

    fn open(&self, tree: &Tree, root: &Path, name: &[u8]) -> nix::Result<Option<Thing>> {
        if self.is_skipped(name) || self.leads_to_skipped(tree, root, name) {
            return Ok(None);
        }
        match tree.get(name, Links::Beneath) {
            Err(Errno::EXDEV) => Ok(self.follow(root, name)),
            opened => there(opened, root, name),
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
                places.open(&Tree::open(root).ok()?, root, &name).ok()??
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

/// `None` for what is not there, or not for us; an error for what may be there.
fn there<T>(opened: nix::Result<T>, root: &Path, name: &[u8]) -> nix::Result<Option<T>> {
    match opened {
        Ok(thing) => Ok(Some(thing)),
        Err(Errno::ENOENT | Errno::ENOTDIR | Errno::EACCES | Errno::ELOOP | Errno::ENAMETOOLONG) => Ok(None),
        Err(error) => {
            tracing::warn!("{}: the file cannot be opened: {error}", shown(root, name));
            if beneath::refusal(error).is_some() { Err(error) } else { Ok(None) }
        }
    }
}

/// A file's name for a log line: strangers have a say in it.
fn shown(root: &Path, name: &[u8]) -> String {
    format!("{:?}", root.join(OsStr::from_bytes(name)))
}
