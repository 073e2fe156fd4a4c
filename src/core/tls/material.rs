//! Certificates and keys as files: read by the master while it may, handed to those who serve, read again when they change.
//!
//! A key is often readable by root only, and who serves has no such rights. So the master reads the files before rights are
//! dropped, and what it read travels in documents that are sealed and never on disk: to routers with the handover, to
//! workers ahead of their birth. Each side gets what its own addresses need.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rsgi_config::{Config, Tls};
use serde::{Deserialize, Serialize};

use super::renewal::paths;
use super::tickets::{self, Seed};
use super::{Side, TlsError};

/// Every file that the TLS of one side needs, with its content. Nothing, when nothing there is encrypted.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Material {
    pub(super) side: Side,
    pub(super) files: BTreeMap<PathBuf, Content>,
    /// Certificates by server name: those of `sni` first, then what `sni-dir` holds.
    pub(super) named: Vec<(String, Tls)>,
    /// `sni-dir` when it was read.
    pub(super) folder: Option<Stamp>,
    /// What keys of session tickets come from. `None` where [`super::Certificates`] has taken it over.
    #[serde(serialize_with = "tickets::serialize")]
    pub(super) seed: Option<Seed>,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Content {
    text: String,
    stamp: Stamp,
}

/// What tells one state of a file from the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stamp {
    modified: (i64, i64),
    size: u64,
    inode: u64,
}

impl Material {
    /// Reads everything that `config` names for `side`. A file that may not be read any more stays as it is in `before`, and its path
    /// is among those returned.
    ///
    /// # Errors
    /// When a file cannot be read, or holds something else.
    pub(super) fn read(side: Side, config: &Config, before: Option<&Self>) -> Result<(Self, Vec<PathBuf>), TlsError> {
        Self::gather(side, config, before, &mut Err)
    }

    /// The same. `fault` is told of each file that cannot be read, and says whether to go on: with what was there before, or without
    /// the certificate by name that it belongs to.
    pub(super) fn gather(
        side: Side,
        config: &Config,
        before: Option<&Self>,
        fault: &mut dyn FnMut(TlsError) -> Result<(), TlsError>,
    ) -> Result<(Self, Vec<PathBuf>), TlsError> {
        let router = &config.router;
        // Sessions outlive a reload.
        let seed = before.map_or_else(Seed::new, |before| before.seed.clone());
        let mut material = Self { side, seed, ..Self::default() };
        let mut kept = Vec::new();
        if !side.is_encrypted(config) {
            return Ok((material, kept));
        }
        for (name, tls) in &router.sni {
            material.named.push((name.clone(), place(tls, &config.start_dir)));
        }
        if let Some(folder) = &router.sni_dir {
            let folder = config.start_dir.join(folder);
            material.folder = Some(stamp(&folder).map_err(|source| TlsError::Read(folder.clone(), source))?);
            match search(&folder) {
                Ok(found) => material.named.extend(found),
                Err(error) => match before {
                    Some(before) if error.kind() == io::ErrorKind::PermissionDenied => {
                        material.named.clone_from(&before.named);
                        kept.push(folder);
                    }
                    _ => return Err(TlsError::Read(folder, error)),
                },
            }
        }
        let doors = side.doors(config).into_iter().flatten();
        let doors = doors.map(|tls| place(tls, &config.start_dir)).collect::<Vec<_>>();
        for tls in doors.iter().chain(material.named.iter().map(|(_, tls)| tls)) {
            for path in paths(tls) {
                if material.files.contains_key(path) {
                    continue;
                }
                let known = before.and_then(|before| before.files.get(path));
                let content = match Content::read(path) {
                    Ok(content) => Some(content),
                    Err(error) if error.kind() == io::ErrorKind::PermissionDenied && known.is_some() => {
                        kept.push(path.to_owned());
                        known.cloned()
                    }
                    Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                        fault(TlsError::NotPem { path: path.to_owned(), what: "anything" })?;
                        known.cloned()
                    }
                    Err(error) => {
                        fault(TlsError::Read(path.to_owned(), error))?;
                        known.cloned()
                    }
                };
                material.files.extend(content.map(|content| (path.to_owned(), content)));
            }
        }
        let files = &material.files;
        material.named.retain(|(_, tls)| paths(tls).all(|path| files.contains_key(path)));
        Ok((material, kept))
    }

    /// Whether a file is another one than it was. One that is gone is as good as it was: it may be about to be replaced.
    pub(super) fn is_stale(&self, config: &Config) -> bool {
        let folder = config.router.sni_dir.as_ref().map(|folder| config.start_dir.join(folder));
        let folder = folder.and_then(|folder| stamp(&folder).ok()).zip(self.folder);
        let mut files = self.files.iter();
        folder.is_some_and(|(now, then)| now != then)
            || files.any(|(path, content)| stamp(path).is_ok_and(|stamp| stamp != content.stamp))
    }

    /// The folders that are looked at when a file may be another one: its own, and those that links on the way to it lead to.
    pub(crate) fn folders(&self) -> impl Iterator<Item = PathBuf> {
        let real = self.files.keys().filter_map(|path| path.canonicalize().ok());
        let parents = self.files.keys().cloned().chain(real).filter_map(|path| path.parent().map(Path::to_owned));
        let named = self.named.iter().filter_map(|(_, tls)| tls.certificate.parent().map(Path::to_owned));
        parents.chain(named)
    }

    /// The text of a file.
    pub(super) fn text(&self, path: &Path) -> &str {
        self.files.get(path).map_or("", |content| &content.text)
    }
}

/// Keys are nobody's to see, not even by accident.
impl fmt::Debug for Material {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.files.keys()).finish()
    }
}

impl Content {
    fn read(path: &Path) -> io::Result<Self> {
        // The stamp comes first: what is written in between is then seen as a change.
        let stamp = stamp(path)?;
        Ok(Self { text: fs::read_to_string(path)?, stamp })
    }
}

fn stamp(path: &Path) -> io::Result<Stamp> {
    let facts: Metadata = fs::metadata(path)?;
    Ok(Stamp { modified: (facts.mtime(), facts.mtime_nsec()), size: facts.size(), inode: facts.ino() })
}

/// The files of `tls` as they lie, seen from `start`.
pub(super) fn place(tls: &Tls, start: &Path) -> Tls {
    Tls {
        certificate: start.join(&tls.certificate),
        key: start.join(&tls.key),
        client_ca: tls.client_ca.as_ref().map(|path| start.join(path)),
        ..tls.clone()
    }
}

/// `NAME.crt` with `NAME.key`, and perhaps `NAME.ca`.
fn search(folder: &Path) -> io::Result<Vec<(String, Tls)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let certificate = entry?.path();
        let Some(name) = certificate.file_name().and_then(|name| name.to_str()?.strip_suffix(".crt")) else { continue };
        if name.starts_with('~') {
            // A pattern by `sni-regexp` looks like this; as the name of a file it is an editor's.
            continue;
        }
        let beside = |ending: &str| Some(folder.join(format!("{name}.{ending}"))).filter(|path| path.exists());
        let Some(key) = beside("key") else { continue };
        let client_ca = beside("ca");
        let tls = Tls { key, client_required: client_ca.is_some(), client_ca, ..Tls::default() };
        found.push((name.to_ascii_lowercase(), Tls { certificate, ..tls }));
    }
    found.sort_by(|one, other| one.0.cmp(&other.0));
    Ok(found)
}
