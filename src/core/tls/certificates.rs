//! The certificates that one side serves now, by address and server name, and their renewal while it serves.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use rsgi_config::{Config, Tls};
use rustls::ServerConfig;
use serde::{Deserialize, Serialize};

use super::identity::{self, configure};
use super::material::{Material, place};
use super::name::Name;
use super::renewal::Renewal;
use super::site::{self, Site};
use super::tickets::{Keyring, Seed, Ticketer};
use super::{Side, TlsError, ciphers};

/// Time between two looks at the files.
pub(crate) const LOOK: Duration = Duration::from_secs(2);

/// What the master has read for either side.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Materials {
    /// For routers.
    pub router: Material,
    /// For workers.
    pub workers: Material,
}

impl Materials {
    /// What certificates are known by: server names, and addresses for their own.
    #[must_use]
    pub fn names(&self, config: &Config) -> Vec<String> {
        let mut names = Vec::new();
        for material in [&self.router, &self.workers] {
            let doors = material.side.doors(config).into_iter().enumerate().filter(|(_, tls)| tls.is_some());
            names.extend(doors.filter_map(|(index, _)| Some(material.side.address(config, index)?.to_string())));
            names.extend(material.named.iter().map(|(name, _)| name.clone()));
        }
        names
    }
}

/// What an encrypted address shows: a certificate by name, or its own.
#[derive(Debug)]
struct Door {
    own: Shown,
    named: Vec<(Name, Shown)>,
}

/// A certificate, and what clients have to prove who are shown it.
#[derive(Debug)]
struct Shown {
    /// The server name that it is for, or the address.
    label: String,
    config: Arc<ServerConfig>,
    site: Arc<Site>,
    /// Until when the certificate lasts, seconds since the epoch.
    expiry: u64,
}

/// All certificates of a side. Several threads may choose among them while one looks after the files.
#[derive(Debug)]
pub(crate) struct Certificates {
    /// In the order of the configuration; `None` is not encrypted.
    doors: RwLock<Vec<Option<Door>>>,
    state: Mutex<State>,
}

/// What the next look goes by.
#[derive(Debug)]
struct State {
    material: Material,
    keyring: Arc<Keyring>,
    looked: Instant,
    /// The last look failed.
    failed: bool,
    complaint: String,
}

/// Reads and checks what TLS needs. To be called by the master while it may read keys; `before` is what a generation
/// before has read, for files that cannot be read any more.
///
/// # Errors
/// The first file that does not do, named.
pub fn read(config: &Config, before: Option<&Materials>) -> Result<Materials, TlsError> {
    let side = |side: Side, before: Option<&Material>| {
        let (material, kept) = Material::read(side, config, before)?;
        for path in kept {
            tracing::warn!("{} cannot be read any more: it stays as it was; restart rsgi to renew it", path.display());
        }
        doors(config, &material, &keyring(material.seed.clone())?)?;
        Ok(material)
    };
    let router = side(Side::Router, before.map(|before| &before.router))?;
    let workers = side(Side::Workers, before.map(|before| &before.workers))?;
    if before.is_none() {
        ciphers::remark(config);
    }
    Ok(Materials { router, workers })
}

/// The keys of session tickets, from a secret that other processes have too.
fn keyring(seed: Option<Seed>) -> Result<Arc<Keyring>, TlsError> {
    seed.or_else(Seed::new).map(Keyring::new).ok_or(TlsError::Library(rustls::Error::FailedToGetRandomBytes))
}

fn doors(config: &Config, material: &Material, keyring: &Arc<Keyring>) -> Result<Vec<Option<Door>>, TlsError> {
    let profile = config.router.tls_profile;
    let make = |index: usize, name: Option<&str>, tls: &Tls| {
        let authorities = tls.client_ca.as_deref().map_or("", |path: &Path| material.text(path));
        // What a session was allowed with: a ticket must not open another door.
        let scope = format!("{:?}", (material.side, material.side.address(config, index), tls, authorities));
        let ticketer = Arc::new(Ticketer::new(Arc::clone(keyring), &scope));
        let server = configure(tls, material, profile, ticketer, material.side.protocols(config, index))?;
        let expiry = identity::expiry(material.text(&tls.certificate));
        let address = || material.side.address(config, index).map(ToString::to_string).unwrap_or_default();
        let label = name.map_or_else(address, str::to_owned);
        Ok(Shown { label, config: server, site: Arc::new(Site::new(name, tls, material)), expiry })
    };
    let doors = material.side.doors(config).into_iter().enumerate();
    doors
        .map(|(index, tls)| {
            let Some(tls) = tls else { return Ok(None) };
            let own = make(index, None, &place(tls, &config.start_dir))?;
            let named = material.named.iter().filter_map(|(text, tls)| {
                let name = Name::of(text)?;
                Some(make(index, Some(text), tls).map(|shown| (name, shown)))
            });
            Ok(Some(Door { own, named: named.collect::<Result<_, TlsError>>()? }))
        })
        .collect()
}

impl Certificates {
    /// Takes over what the master has read.
    ///
    /// # Errors
    /// When it does not do, which the master has checked.
    pub(crate) fn new(config: &Config, mut material: Material) -> Result<Self, TlsError> {
        let keyring = keyring(material.seed.take())?;
        let doors = RwLock::new(doors(config, &material, &keyring)?);
        let state = State { material, keyring, looked: Instant::now(), failed: false, complaint: String::new() };
        Ok(Self { doors, state: Mutex::new(state) })
    }

    /// Until when the certificates last (seconds since the epoch), by server name; an address's own, which is shown to
    /// clients that ask for no name or for another, by that address.
    pub(crate) fn expiries(&self) -> Vec<(String, u64)> {
        let doors = self.doors.read().unwrap_or_else(PoisonError::into_inner);
        let of = |door: &Door| {
            let shown = std::iter::once(&door.own).chain(door.named.iter().map(|(_, shown)| shown));
            shown.map(|shown| (shown.label.clone(), shown.expiry)).collect::<Vec<_>>()
        };
        doors.iter().flatten().flat_map(of).collect()
    }

    pub(crate) fn is_encrypted(&self, door: usize) -> bool {
        matches!(self.doors.read().unwrap_or_else(PoisonError::into_inner).get(door), Some(Some(_)))
    }

    /// How to shake hands with a client of an address that asks for `name`.
    pub(crate) fn choose(&self, door: usize, name: Option<&str>) -> Option<Arc<ServerConfig>> {
        self.with(door, |door| Arc::clone(&door.shown(name).config))
    }

    /// What clients have to prove who ask for `name`.
    pub(crate) fn site(&self, door: usize, name: Option<&str>) -> Option<Arc<Site>> {
        self.with(door, |door| Arc::clone(&door.shown(name).site))
    }

    /// Whether a client that was let in at `site` may ask for `host`.
    pub(crate) fn may_ask(&self, door: usize, site: &Site, host: &str) -> bool {
        let may = |door: &Door| {
            let is_open = door.named.iter().all(|(_, shown)| shown.site.has_rules_of(site));
            is_open && door.own.site.has_rules_of(site) || site.answers_for(&door.shown(Some(site::name(host))).site)
        };
        self.with(door, may).unwrap_or(false)
    }

    fn with<T>(&self, door: usize, act: impl FnOnce(&Door) -> T) -> Option<T> {
        let doors = self.doors.read().unwrap_or_else(PoisonError::into_inner);
        doors.get(door)?.as_ref().map(act)
    }

    /// Takes changed files over when the last look is a while ago and nobody else is at it. Connections go on as they are;
    /// only handshakes to come show the new certificate. `true`: that is so now.
    pub(crate) fn look(&self, config: &Config) -> bool {
        // The files are outside; the master reads them at a reload.
        if config.process.chroot.is_some() {
            return false;
        }
        let Ok(mut state) = self.state.try_lock() else { return false };
        if state.looked.elapsed() < LOOK {
            return false;
        }
        state.looked = Instant::now();
        if !state.material.is_stale(config) {
            return false;
        }
        let outcome = self.renew(config, &mut state);
        let (renewed, kept, failures) = outcome.unwrap_or_else(|error| (false, Vec::new(), vec![error]));
        if renewed {
            tracing::info!("certificates have changed and are in use");
        }
        let mut complaints = Vec::new();
        if let Some(path) = kept.first() {
            complaints.push(format!(
                "{} has changed, but this process may not read it: restart rsgi, or let its user read the file",
                path.display()
            ));
        }
        // A certificate and its key are rarely replaced in the same moment: only what lasts is told.
        if std::mem::replace(&mut state.failed, !failures.is_empty()) && state.failed {
            let reasons: Vec<_> = failures.iter().map(|error| crate::logging::chain(error)).collect();
            complaints.push(format!("certificates stay as they were: {}", reasons.join("; ")));
        }
        state.complain(complaints.join("; "));
        renewed
    }

    /// Whether something is renewed, what may not be read, and why something else stays as it was.
    fn renew(
        &self,
        config: &Config,
        state: &mut MutexGuard<'_, State>,
    ) -> Result<(bool, Vec<PathBuf>, Vec<TlsError>), TlsError> {
        let check = |material: &Material, tls: &Tls| {
            let tickets = Arc::new(Ticketer::new(Arc::clone(&state.keyring), ""));
            configure(tls, material, config.router.tls_profile, tickets, &[]).map(drop)
        };
        let Renewal { material, kept, failures } = state.material.renew(config, check)?;
        if state.material == material {
            return Ok((false, kept, failures));
        }
        let doors = doors(config, &material, &state.keyring)?;
        *self.doors.write().unwrap_or_else(PoisonError::into_inner) = doors;
        state.material = material;
        Ok((true, kept, failures))
    }
}

impl Door {
    fn shown(&self, name: Option<&str>) -> &Shown {
        let named = name.map(str::to_ascii_lowercase).and_then(|name| {
            // The closest, and of those the first.
            let fitting = self.named.iter().filter_map(|(known, shown)| Some((known.fits(&name)?, shown)));
            fitting.min_by_key(|(distance, _)| *distance)
        });
        named.map_or(&self.own, |(_, shown)| shown)
    }
}

impl State {
    /// Says it once, until there is nothing to complain of (an empty text).
    fn complain(&mut self, complaint: String) {
        if self.complaint != complaint {
            if !complaint.is_empty() {
                tracing::warn!("{complaint}");
            }
            self.complaint = complaint;
        }
    }
}
