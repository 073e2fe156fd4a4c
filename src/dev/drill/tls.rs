//! The certificates of a drill over HTTPS: an authority that the clients trust, and server certificates that it signs.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use rcgen::{BasicConstraints, Certificate, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{ClientConfig, RootCertStore};

/// The name in every certificate.
pub(super) const NAME: &str = "drill.test";

/// Signs certificates.
#[derive(Debug)]
pub(super) struct Authority {
    certificate: Certificate,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// Makes one.
    pub(super) fn new() -> Result<Self> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate()?;
        Ok(Self { certificate: params.self_signed(&key)?, issuer: Issuer::new(params, key) })
    }

    /// Puts a new certificate with its key in place of those in the folder, each at one stroke: first the key is another one,
    /// then the certificate fits it.
    pub(super) fn renew(&self, dir: &Path) -> Result<()> {
        let key = KeyPair::generate()?;
        let certificate = CertificateParams::new(vec![NAME.to_owned()])?.signed_by(&key, &self.issuer)?;
        for (name, text) in [("drill.key", key.serialize_pem()), ("drill.crt", certificate.pem())] {
            let new = dir.join("new");
            fs::write(&new, text)?;
            fs::rename(new, dir.join(name))?;
        }
        Ok(())
    }

    /// What a client needs that trusts it.
    pub(super) fn trust(&self) -> Result<Arc<ClientConfig>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.der().clone())?;
        Ok(Arc::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth()))
    }
}
