//! Certificates made for a test, and clients that speak TLS.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rsgi_config::{Bind, Config, Tls};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

/// An authority and a folder for the files of those it vouches for.
pub(crate) struct Authority {
    pub(crate) folder: tempfile::TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A client's end of an encrypted connection.
pub(crate) type Encrypted = StreamOwned<ClientConnection, TcpStream>;

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let authority = Self { folder: tempfile::tempdir().unwrap(), issuer };
        authority.write("ca.crt", &authority.issuer.pem());
        authority
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Puts a file in place as careful programs do: at once.
    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path("new"), text).unwrap();
        std::fs::rename(self.path("new"), self.path(name)).unwrap();
    }

    /// Makes `NAME.crt` and `NAME.key` for a server, or a client, of that name.
    pub(crate) fn vouch(&self, name: &str) -> Tls {
        self.vouch_as(name, name)
    }

    pub(crate) fn vouch_as(&self, file: &str, name: &str) -> Tls {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        self.write(&format!("{file}.crt"), &certificate.pem());
        self.write(&format!("{file}.key"), &key.serialize_pem());
        Tls { certificate: format!("{file}.crt").into(), key: format!("{file}.key").into(), ..Tls::default() }
    }

    /// A configuration with one encrypted address.
    pub(crate) fn config(&self, tls: Tls) -> Config {
        let mut config = Config { start_dir: self.folder.path().to_owned(), ..Config::default() };
        let address = "127.0.0.1:0".parse().unwrap();
        config.router.binds.push(Bind { address, tls: Some(tls), to_https: false, text: String::new() });
        config
    }

    /// How a client that trusts the authority shakes hands; `file`: its own certificate.
    pub(crate) fn client(&self, alpn: &[&[u8]], file: Option<&str>) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let builder = builder.with_root_certificates(roots);
        let mut config = match file {
            None => builder.with_no_client_auth(),
            Some(file) => {
                let own = CertificateDer::from_pem_file(self.path(&format!("{file}.crt"))).unwrap();
                let key = PrivateKeyDer::from_pem_file(self.path(&format!("{file}.key"))).unwrap();
                builder.with_client_auth_cert(vec![own], key).unwrap()
            }
        };
        config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
        Arc::new(config)
    }
}

/// Opens a connection and asks for the server `name`.
pub(crate) fn open(address: SocketAddr, config: Arc<ClientConfig>, name: &str) -> Encrypted {
    let socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    StreamOwned::new(ClientConnection::new(config, name.to_owned().try_into().unwrap()).unwrap(), socket)
}

/// Sends one request that ends the connection.
pub(crate) fn ask(stream: &mut Encrypted, path: &str) -> std::io::Result<()> {
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").as_bytes())?;
    stream.flush()
}

/// Reads to the end.
pub(crate) fn rest(stream: &mut Encrypted) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}
