//! The certificate of the lab: for 127.0.0.1, signed by itself, so that a client trusts just this one.

use std::fs;
use std::path::PathBuf;

use anyhow::Result;
use rcgen::{CertificateParams, KeyPair};

use crate::setup;

/// Certificate and key, made once.
pub(super) fn pair() -> Result<(PathBuf, PathBuf)> {
    let place = setup::place().join("containers");
    let (certificate, key) = (place.join("lab.crt"), place.join("lab.key"));
    if !certificate.is_file() || !key.is_file() {
        let pair = KeyPair::generate()?;
        let signed = CertificateParams::new(["127.0.0.1", "localhost"].map(str::to_owned))?.self_signed(&pair)?;
        fs::write(&key, pair.serialize_pem())?;
        fs::write(&certificate, signed.pem())?;
    }
    Ok((certificate, key))
}
