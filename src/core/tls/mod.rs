//! TLS: certificates and keys, who may serve with which, and who is at the far end.
//!
//! The master [`read`]s the files and hands them over as [`Material`], to routers and to workers what is theirs; they make
//! [`Certificates`] of it and keep looking whether the files change. Handshakes are driven by those who own the sockets.

mod certificates;
mod ciphers;
pub mod handover;
mod identity;
mod material;
mod name;
mod peer;
mod renewal;
mod side;
mod site;
#[cfg(test)]
pub(crate) mod testing;
mod tickets;

use std::path::PathBuf;

pub use certificates::{Materials, read};
pub use material::Material;
pub use side::Side;

pub(crate) use certificates::{Certificates, LOOK};
pub(crate) use peer::Peer;
pub(crate) use site::Site;

/// HTTP/2 by its name in ALPN.
pub(crate) const HTTP2: &[u8] = b"h2";
/// HTTP/1.1 by its name in ALPN.
pub(crate) const HTTP1: &[u8] = b"http/1.1";
/// HTTP/1.0 by its name in ALPN: who asks for nothing else (`curl --http1.0`) would have no handshake without.
pub(crate) const HTTP1_0: &[u8] = b"http/1.0";

/// The answer to a client that speaks plain HTTP to an encrypted address.
pub(crate) const PLAIN: &[u8] =
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 65\r\n\
    Connection: close\r\n\r\n400 Bad Request: this port speaks HTTPS, use https:// in the URL\n";

/// Why an address cannot be encrypted.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file that is missing, or that we may not read.
    #[error("{} cannot be read", .0.display())]
    Read(PathBuf, #[source] std::io::Error),
    /// A file that holds something else.
    #[error("{} does not hold {what} in PEM form (-----BEGIN …-----)", path.display())]
    NotPem {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        what: &'static str,
    },
    /// A key that only a person could open.
    #[error("the key {} is protected by a passphrase: store it without (openssl pkey -in … -out …)", .0.display())]
    Passphrase(PathBuf),
    /// A kind of key that is not served.
    #[error("the key {} cannot be used: {reason}", path.display())]
    Key {
        /// The key's file.
        path: PathBuf,
        /// What the library said.
        reason: String,
    },
    /// PEM, but no certificate.
    #[error("{} does not begin with a certificate that can be understood", .0.display())]
    Certificate(PathBuf),
    /// Two files that do not belong together.
    #[error("the key {} does not belong to the certificate {}", key.display(), certificate.display())]
    Mismatch {
        /// The key's file.
        key: PathBuf,
        /// The certificate's file.
        certificate: PathBuf,
    },
    /// Authorities that cannot be used for checking.
    #[error("client certificates cannot be checked against {}: {reason}", path.display())]
    Authorities {
        /// The file of authorities.
        path: PathBuf,
        /// What the library said.
        reason: String,
    },
    /// The library refuses, which no file is to blame for.
    #[error("TLS cannot be set up: {0}")]
    Library(rustls::Error),
}
