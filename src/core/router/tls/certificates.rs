//! The certificates that a router serves now, by address and server name, and their renewal while it serves.

use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rsgi_config::{Config, Tls};
use rustls::ServerConfig;
use rustls::server::ProducesTickets;

use super::identity::configure;
use super::material::{Material, place};
use super::{TlsError, ciphers};

/// Time between two looks at the files.
const LOOK: Duration = Duration::from_secs(2);

/// What an encrypted address shows: a certificate by name, or its own.
#[derive(Debug)]
struct Door {
    own: Arc<ServerConfig>,
    named: Vec<(String, Arc<ServerConfig>)>,
}

/// Keys for session tickets, by what a session was allowed with: a ticket must not open another door.
type Tickets = Vec<((usize, Tls, String), Arc<dyn ProducesTickets>)>;

/// All certificates of a router.
#[derive(Debug)]
pub(in super::super) struct Certificates {
    material: RefCell<Material>,
    /// In the order of `config.router.binds`; `None` is not encrypted.
    doors: RefCell<Vec<Option<Door>>>,
    tickets: RefCell<Tickets>,
    /// The last look failed.
    failed: Cell<bool>,
    complaint: RefCell<String>,
}

/// Reads and checks what TLS needs. To be called by the master while it may read keys; `before` is what a generation
/// before has read, for files that cannot be read any more.
///
/// # Errors
/// The first file that does not do, named.
pub fn read(config: &Config, before: Option<&Material>) -> Result<Material, TlsError> {
    let (material, kept) = Material::read(config, before)?;
    for path in kept {
        tracing::warn!("{} cannot be read any more: it stays as it was; restart rsgi to renew it", path.display());
    }
    doors(config, &material, &mut Vec::new())?;
    if before.is_none() {
        ciphers::remark(config);
    }
    Ok(material)
}

fn doors(config: &Config, material: &Material, tickets: &mut Tickets) -> Result<Vec<Option<Door>>, TlsError> {
    let profile = config.router.tls_profile;
    let mut make = |index: usize, tls: &Tls| {
        let authorities = tls.client_ca.as_deref().map_or("", |path: &Path| material.text(path));
        let scope = (index, tls.clone(), authorities.to_owned());
        let known = tickets.iter().find(|(known, _)| *known == scope);
        let ticketer = match known {
            Some((_, known)) => Arc::clone(known),
            None => {
                let fresh = rustls::crypto::ring::Ticketer::new().map_err(TlsError::Library)?;
                tickets.push((scope, Arc::clone(&fresh)));
                fresh
            }
        };
        configure(tls, material, profile, ticketer)
    };
    let binds = config.router.binds.iter().enumerate();
    binds
        .map(|(index, bind)| {
            let Some(tls) = &bind.tls else { return Ok(None) };
            let own = make(index, &place(tls, &config.start_dir))?;
            let named = material.named.iter().map(|(name, tls)| Ok((name.clone(), make(index, tls)?)));
            Ok(Some(Door { own, named: named.collect::<Result<_, TlsError>>()? }))
        })
        .collect()
}

impl Certificates {
    /// Takes over what the master has read.
    ///
    /// # Errors
    /// When it does not do, which the master has checked.
    pub(in super::super) fn new(config: &Config, material: Material) -> Result<Self, TlsError> {
        let mut tickets = Vec::new();
        let doors = RefCell::new(doors(config, &material, &mut tickets)?);
        let (material, tickets) = (RefCell::new(material), RefCell::new(tickets));
        Ok(Self { material, doors, tickets, failed: Cell::new(false), complaint: RefCell::default() })
    }

    pub(in super::super) fn is_encrypted(&self, bind: usize) -> bool {
        matches!(self.doors.borrow().get(bind), Some(Some(_)))
    }

    /// How to shake hands with a client of an address that asks for `name`.
    pub(super) fn choose(&self, bind: usize, name: Option<&str>) -> Option<Arc<ServerConfig>> {
        let doors = self.doors.borrow();
        let door = doors.get(bind)?.as_ref()?;
        let named = name.map(str::to_ascii_lowercase).and_then(|name| {
            let fits = |pattern: &str| pattern == name || covers(pattern, &name);
            door.named.iter().find(|(pattern, _)| fits(pattern))
        });
        Some(Arc::clone(named.map_or(&door.own, |(_, config)| config)))
    }

    /// Looks after the files for ever.
    pub(in super::super) async fn watch(self: Rc<Self>, config: Config) {
        if !config.router.binds.iter().any(|bind| bind.tls.is_some()) {
            return;
        }
        loop {
            tokio::time::sleep(LOOK).await;
            self.look(&config);
        }
    }

    /// Takes changed files over. Connections go on as they are; only handshakes to come show the new certificate.
    pub(super) fn look(&self, config: &Config) {
        if !self.material.borrow().is_stale(config) {
            return;
        }
        match self.renew(config) {
            Ok((renewed, kept)) => {
                self.failed.set(false);
                if renewed {
                    tracing::info!("certificates have changed and are in use");
                }
                if let Some(path) = kept.first() {
                    self.complain(format!(
                        "{} has changed, but this process may not read it: restart rsgi, or let its user read the file",
                        path.display()
                    ));
                }
            }
            // A certificate and its key are rarely replaced in the same moment: only what lasts is told.
            Err(error) if self.failed.replace(true) => {
                self.complain(format!("certificates stay as they were: {}", crate::logging::chain(&error)));
            }
            Err(_) => {}
        }
    }

    fn renew(&self, config: &Config) -> Result<(bool, Vec<PathBuf>), TlsError> {
        let (material, kept) = Material::read(config, Some(&self.material.borrow()))?;
        if *self.material.borrow() == material {
            return Ok((false, kept));
        }
        *self.doors.borrow_mut() = doors(config, &material, &mut self.tickets.borrow_mut())?;
        *self.material.borrow_mut() = material;
        Ok((true, kept))
    }

    /// Says it once.
    fn complain(&self, complaint: String) {
        if *self.complaint.borrow() != complaint {
            tracing::warn!("{complaint}");
            *self.complaint.borrow_mut() = complaint;
        }
    }
}

/// `*.example.org` stands for one more label.
fn covers(pattern: &str, name: &str) -> bool {
    let Some(parent) = pattern.strip_prefix("*.") else { return false };
    name.split_once('.').is_some_and(|(label, rest)| !label.is_empty() && rest == parent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_one_label() {
        assert!(covers("*.example.org", "a.example.org"));
        assert!(!covers("*.example.org", "example.org"));
        assert!(!covers("*.example.org", "a.b.example.org"));
        assert!(!covers("*.example.org", ".example.org"));
        assert!(!covers("example.org", "a.example.org"));
    }
}
