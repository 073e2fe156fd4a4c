//! What one side serves with after a look at its files: what has changed and does, and the rest as it was. One certificate in a folder
//! of many that is half written, or wrong, is no reason for the others to run out.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use rsgi_config::{Config, Tls};

use super::TlsError;
use super::material::{Material, place};

/// The outcome.
#[derive(Debug)]
pub(super) struct Renewal {
    pub(super) material: Material,
    /// Files that may not be read any more, which stay as they were.
    pub(super) kept: Vec<PathBuf>,
    /// Why others stay as they were, or are not taken up.
    pub(super) failures: Vec<TlsError>,
}

impl Material {
    /// Reads everything again; `check` says whether a certificate does.
    ///
    /// # Errors
    /// When it cannot be told what there is.
    pub(super) fn renew(
        &self,
        config: &Config,
        check: impl Fn(&Self, &Tls) -> Result<(), TlsError>,
    ) -> Result<Renewal, TlsError> {
        let mut failures = Vec::new();
        let gathered = Self::gather(self.side, config, Some(self), &mut |error| {
            failures.push(error);
            Ok(())
        });
        let (mut next, kept) = gathered?;
        let own = self.side.doors(config).into_iter().flatten();
        let own: Vec<_> = own.map(|tls| place(tls, &config.start_dir)).collect();
        // Once more for those that share a file with one that stays as it was.
        for _ in 0..2 {
            next.settle(self, &own, &check, &mut failures);
        }
        let used = own.iter().chain(next.named.iter().map(|(_, tls)| tls)).flat_map(paths);
        let used: BTreeSet<_> = used.map(Path::to_owned).collect();
        next.files.retain(|path, _| used.contains(path));
        if !failures.is_empty() {
            // So that the next look finds something to do, whatever is mended by then.
            next.folder = self.folder;
        }
        Ok(Renewal { material: next, kept, failures })
    }

    /// Goes back to what was `before` where what is new does not do.
    fn settle(
        &mut self,
        before: &Self,
        own: &[Tls],
        check: &impl Fn(&Self, &Tls) -> Result<(), TlsError>,
        failures: &mut Vec<TlsError>,
    ) {
        for tls in own {
            if self.is_new(before, tls)
                && let Err(error) = check(self, tls)
            {
                failures.push(error);
                self.take_back(before, tls);
            }
        }
        for (name, tls) in std::mem::take(&mut self.named) {
            let outcome = if self.is_new(before, &tls) { check(self, &tls) } else { Ok(()) };
            let Err(error) = outcome else {
                self.named.push((name, tls));
                continue;
            };
            failures.push(error);
            // One that there was not has no state to stay in.
            if let Some((name, tls)) = before.named.iter().find(|(known, _)| *known == name) {
                self.take_back(before, tls);
                self.named.push((name.clone(), tls.clone()));
            }
        }
    }

    /// Whether a certificate is another one than `before`.
    fn is_new(&self, before: &Self, tls: &Tls) -> bool {
        paths(tls).any(|path| !before.files.contains_key(path) || self.text(path) != before.text(path))
    }

    /// The files of a certificate are as they were in `before`.
    fn take_back(&mut self, before: &Self, tls: &Tls) {
        for path in paths(tls) {
            if let Some(known) = before.files.get(path) {
                self.files.insert(path.to_owned(), known.clone());
            }
        }
    }
}

/// The files of a certificate.
pub(super) fn paths(tls: &Tls) -> impl Iterator<Item = &Path> {
    [Some(&tls.certificate), Some(&tls.key), tls.client_ca.as_ref()].into_iter().flatten().map(PathBuf::as_path)
}
