//! The client at the far end of an encrypted connection, as its certificate names it.

use rsgi_proto::vars::Vars;
use rustls::pki_types::CertificateDer;
use x509_parser::asn1_rs::Tag;
use x509_parser::objects::{oid_registry, oid2abbrev};
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::x509::AttributeTypeAndValue;

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
        let value: String =
            text_of(attribute).chars().map(|c| if c.is_control() || c == '/' { '?' } else { c }).collect();
        text.push('/');
        text.push_str(&kind);
        text.push('=');
        text.push_str(&value);
    }
    text
}

/// A value's text, whichever kind of string it is. Where it is none, its bytes as OpenSSL writes them: an empty value, or one that only
/// looks like another's, would be a wrong name.
fn text_of(attribute: &AttributeTypeAndValue<'_>) -> String {
    let bytes = attribute.as_slice();
    let text = match attribute.attr_value().tag() {
        // What calls itself T.61 is Latin-1 everywhere.
        Tag::T61String => Some(bytes.iter().copied().map(char::from).collect()),
        Tag::BmpString => {
            let (units, rest) = bytes.as_chunks();
            let text = char::decode_utf16(units.iter().copied().map(u16::from_be_bytes)).collect::<Result<_, _>>();
            text.ok().filter(|_| rest.is_empty())
        }
        Tag::UniversalString => {
            let (units, rest) = bytes.as_chunks();
            let text: Option<String> = units.iter().copied().map(u32::from_be_bytes).map(char::from_u32).collect();
            text.filter(|_| rest.is_empty())
        }
        _ => attribute.as_str().or_else(|_| std::str::from_utf8(bytes)).map(str::to_owned).ok(),
    };
    text.unwrap_or_else(|| escaped(bytes))
}

fn escaped(bytes: &[u8]) -> String {
    let escape = |&byte: &u8| match byte {
        b' '..=b'~' => char::from(byte).to_string(),
        _ => format!("\\x{byte:02X}"),
    };
    bytes.iter().map(escape).collect()
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
    use rcgen::string::{BmpString, PrintableString, TeletexString, UniversalString};
    use rcgen::{CertificateParams, DnType, DnValue, KeyPair};

    use super::*;

    #[test]
    fn a_name_is_told_in_whichever_string_it_is_written() {
        let bmp = |text: &str| DnValue::BmpString(BmpString::try_from(text).unwrap());
        for (value, told) in [
            (bmp("Jörg Ω"), "Jörg Ω"),
            (bmp("a/CN=b\n"), "a?CN=b?"),
            (DnValue::TeletexString(TeletexString::try_from("client").unwrap()), "client"),
            (DnValue::UniversalString(UniversalString::try_from("Jörg 𝄞").unwrap()), "Jörg 𝄞"),
            (DnValue::PrintableString(PrintableString::try_from("client").unwrap()), "client"),
        ] {
            let mut params = CertificateParams::new(Vec::new()).unwrap();
            params.distinguished_name = rcgen::DistinguishedName::new();
            params.distinguished_name.push(DnType::CommonName, value);
            let made = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
            let peer = Peer::of(Some(std::slice::from_ref(made.der())));
            assert_eq!(peer.name, Some(format!("/CN={told}")));
        }
        assert_eq!(escaped(b"a\xFF\0b"), r"a\xFF\x00b");
    }

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
