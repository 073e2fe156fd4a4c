//! Who the server is: from a certificate and its key to what a handshake needs.

use std::path::Path;
use std::sync::Arc;

use rsgi_config::{Tls, TlsProfile};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{NoServerSessionStorage, ProducesTickets, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::TlsError;
use super::material::Material;

/// Makes the configuration of handshakes with this certificate; `protocols` are offered by ALPN, the best first.
///
/// # Errors
/// When the files do not hold what they should.
pub(super) fn configure(
    tls: &Tls,
    material: &Material,
    profile: TlsProfile,
    tickets: Arc<dyn ProducesTickets>,
    protocols: &[&[u8]],
) -> Result<Arc<ServerConfig>, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions: &[_] = match profile {
        TlsProfile::Modern => &[&TLS13],
        TlsProfile::Intermediate => &[&TLS13, &TLS12],
    };
    let key = certified_key(tls, material, &provider)?;
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_protocol_versions(versions);
    let builder = builder.map_err(TlsError::Library)?;
    let builder = match &tls.client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let verifier = WebPkiClientVerifier::builder_with_provider(authorities(path, material)?, provider);
            let verifier = if tls.client_required { verifier } else { verifier.allow_unauthenticated() };
            builder.with_client_cert_verifier(verifier.build().map_err(|error| refused(path, &error))?)
        }
    };
    let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(key)));
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    config.ticketer = tickets;
    // Tickets carry the sessions: nothing of them is kept here.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(Arc::new(config))
}

fn certified_key(tls: &Tls, material: &Material, provider: &CryptoProvider) -> Result<CertifiedKey, TlsError> {
    let chain = certificates(&tls.certificate, material)?;
    let text = material.text(&tls.key);
    if text.contains("ENCRYPTED") {
        return Err(TlsError::Passphrase(tls.key.clone()));
    }
    let key = PrivateKeyDer::from_pem_slice(text.as_bytes())
        .map_err(|_| TlsError::NotPem { path: tls.key.clone(), what: "a private key" })?;
    let key = provider.key_provider.load_private_key(key);
    let key = key.map_err(|error| TlsError::Key { path: tls.key.clone(), reason: error.to_string() })?;
    // Compared here and not by the library, which knows no certificates of version 1; `openssl x509 -req` may make such.
    let first = chain.first().map(|first| X509Certificate::from_der(first));
    let Some(Ok((_, first))) = first else { return Err(TlsError::Certificate(tls.certificate.clone())) };
    if key.public_key().is_some_and(|public| public.as_ref() != first.public_key().raw) {
        return Err(TlsError::Mismatch { key: tls.key.clone(), certificate: tls.certificate.clone() });
    }
    Ok(CertifiedKey::new(chain, key))
}

/// Until when the first certificate of a chain in PEM lasts, seconds since the epoch; 0 when it cannot be read.
pub(super) fn expiry(chain: &str) -> u64 {
    let first = CertificateDer::pem_slice_iter(chain.as_bytes()).next().and_then(Result::ok);
    let until = first.as_ref().and_then(|first| {
        let (_, parsed) = X509Certificate::from_der(first).ok()?;
        Some(parsed.validity().not_after.timestamp())
    });
    until.and_then(|until| u64::try_from(until).ok()).unwrap_or(0)
}

fn certificates(path: &Path, material: &Material) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found = CertificateDer::pem_slice_iter(material.text(path).as_bytes()).collect::<Result<Vec<_>, _>>();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(TlsError::NotPem { path: path.to_owned(), what: "a certificate" }),
    }
}

fn authorities(path: &Path, material: &Material) -> Result<Arc<RootCertStore>, TlsError> {
    let mut store = RootCertStore::empty();
    for certificate in certificates(path, material)? {
        store.add(certificate).map_err(|error| refused(path, &error))?;
    }
    Ok(Arc::new(store))
}

fn refused(path: &Path, error: &dyn std::error::Error) -> TlsError {
    TlsError::Authorities { path: path.to_owned(), reason: error.to_string() }
}
