//! The client at the far end of an encrypted connection, as its certificate names it.

use rsgi_proto::vars::Vars;
use rustls::pki_types::CertificateDer;
use x509_parser::objects::{oid_registry, oid2abbrev};
use x509_parser::prelude::{FromDer, X509Certificate};

/// What a client has shown of itself.
#[derive(Debug, Default)]
pub(crate) struct Peer {
    /// HTTPS_DN: the subject of its certificate.
    name: Option<String>,
    /// HTTPS_CC: the certificate, in PEM.
    certificate: Option<String>,
}

impl Peer {
    /// Adds what is known to the variables of a request; the certificate itself when `export_cert` says so.
    pub(crate) fn tell(&self, vars: &mut Vars, export_cert: bool) {
        if let Some(text) = self.certificate.as_ref().filter(|_| export_cert) {
            vars.push_key(b"HTTPS_CC", text.as_bytes());
        }
        if let Some(name) = &self.name {
            vars.push_key(b"HTTPS_DN", name.as_bytes());
        }
    }

    pub(crate) fn of(chain: Option<&[CertificateDer<'_>]>) -> Self {
        let Some(first) = chain.and_then(<[_]>::first) else { return Self::default() };
        let parsed = X509Certificate::from_der(first).ok();
        Self { name: parsed.map(|(_, parsed)| name(&parsed)), certificate: Some(pem(first)) }
    }
}

/// The subject as OpenSSL writes it on one line: `/C=IT/O=Example/CN=client`.
fn name(certificate: &X509Certificate<'_>) -> String {
    let mut text = String::new();
    for attribute in certificate.subject().iter_attributes() {
        let kind = attribute.attr_type();
        let kind = oid2abbrev(kind, oid_registry()).map_or_else(|_| kind.to_id_string(), str::to_owned);
        // Whoever reads this must not be led to a line or a field that is not there.
        let value = attribute.as_str().unwrap_or_default();
        let value: String = value.chars().map(|c| if c.is_control() || c == '/' { '?' } else { c }).collect();
        text.push('/');
        text.push_str(&kind);
        text.push('=');
        text.push_str(&value);
    }
    text
}

fn pem(der: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::from("-----BEGIN CERTIFICATE-----\n");
    for line in der.chunks(48) {
        for group in line.chunks(3) {
            let byte = |index: usize| group.get(index).map_or(0, |&byte| u32::from(byte));
            let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
            for place in 0..4 {
                let sextet = (bits >> (18 - 6 * place)) as usize & 63;
                let letter = ALPHABET.get(sextet).copied().unwrap_or_default();
                text.push(if place <= group.len() { char::from(letter) } else { '=' });
            }
        }
        text.push('\n');
    }
    text + "-----END CERTIFICATE-----\n"
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair};

    use super::*;

    #[test]
    fn a_client_is_named_by_its_certificate() {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, "A/B\nC");
        params.distinguished_name.push(DnType::CommonName, "client");
        let made = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        let peer = Peer::of(Some(std::slice::from_ref(made.der())));
        assert_eq!(peer.name.as_deref(), Some("/O=A?B?C/CN=client"));
        assert_eq!(peer.certificate.unwrap(), made.pem().replace("\r\n", "\n"));
        assert!(Peer::of(None).name.is_none());
    }
}
