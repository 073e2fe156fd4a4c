//! What a client had to prove for a name, and whether it may ask for another over the same connection.

use std::path::Path;

use rsgi_config::Tls;

use super::material::Material;

/// One of the names of an encrypted address, or all that have none of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Site {
    /// As configured; `None`: the address itself.
    pub(super) name: Option<String>,
    /// Who vouches for clients (PEM), and whether there must be a certificate. `None`: clients are not asked.
    guard: Option<(String, bool)>,
}

impl Site {
    pub(super) fn new(name: Option<&str>, tls: &Tls, material: &Material) -> Self {
        let guard = tls.client_ca.as_deref().map(|path: &Path| (material.text(path).to_owned(), tls.client_required));
        Self { name: name.map(str::to_owned), guard }
    }

    /// Whether who was let in here may ask for `other`: the rules are the same (RFC 9110, section 15.5.20).
    pub(super) fn answers_for(&self, other: &Self) -> bool {
        self.name == other.name || self.has_rules_of(other)
    }

    pub(super) fn has_rules_of(&self, other: &Self) -> bool {
        self.guard == other.guard
    }
}

/// The name in a Host: without port, and without the dot that ends a full name.
pub(super) fn name(host: &str) -> &str {
    let name = match host.rfind(':') {
        Some(at) if !host.ends_with(']') => host.get(..at).unwrap_or(host),
        _ => host,
    };
    name.strip_suffix('.').unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name_and_perhaps_a_port() {
        for host in ["example.org", "example.org:9443", "example.org.", "example.org.:443"] {
            assert_eq!(name(host), "example.org");
        }
        assert_eq!((name("[::1]"), name("[::1]:443"), name("")), ("[::1]", "[::1]", ""));
    }
}
