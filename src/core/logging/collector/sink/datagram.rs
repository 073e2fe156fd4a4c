//! Records as datagrams: to a UDP address or a unix socket, which may come and go.

use std::io;
use std::net::{ToSocketAddrs, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

/// Longest text in a UDP datagram over IPv4 (RFC 768, RFC 791).
const LONGEST: usize = 65_507;

/// Sends without ever waiting: a log server that is slow or gone costs records, not requests.
#[derive(Debug)]
pub(in super::super) enum Datagrams {
    /// To an address.
    Udp(UdpSocket),
    /// To a socket file, found anew when its server was started again.
    Unix { path: PathBuf, socket: Option<UnixDatagram> },
}

impl Datagrams {
    /// `host:port`, or the path of a unix socket.
    pub(super) fn to(address: &str) -> io::Result<Self> {
        if address.starts_with(['/', '.']) {
            return Ok(Self::local(Path::new(address)));
        }
        // As uWSGI: a missing host is this machine.
        let address = if address.starts_with(':') { format!("127.0.0.1{address}") } else { address.to_owned() };
        let target = address.to_socket_addrs()?.next().ok_or_else(|| io::Error::other("the name has no address"))?;
        let socket = UdpSocket::bind(if target.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" })?;
        socket.connect(target)?;
        socket.set_nonblocking(true)?;
        Ok(Self::Udp(socket))
    }

    /// A unix socket, which need not be there yet.
    pub(super) fn local(path: &Path) -> Self {
        Self::Unix { path: path.into(), socket: None }
    }

    /// Sends one datagram; what does not fit is cut.
    pub(super) fn send(&mut self, text: &[u8]) -> io::Result<()> {
        let text = text.get(..text.len().min(LONGEST)).unwrap_or_default();
        match self {
            // The answer to an earlier datagram ("refused") says nothing of this one.
            Self::Udp(socket) => socket.send(text).or_else(|_| socket.send(text)).map(drop),
            Self::Unix { path, socket } => {
                if let Some(known) = socket
                    && known.send(text).is_ok()
                {
                    return Ok(());
                }
                let fresh = UnixDatagram::unbound()?;
                fresh.set_nonblocking(true)?;
                fresh.connect(path)?;
                fresh.send(text)?;
                *socket = Some(fresh);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_was_started_again_is_found() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let mut to = Datagrams::to(path.to_str().unwrap()).unwrap();
        assert!(to.send(b"nobody is there").is_err());
        for text in ["one", "two"] {
            let _ = std::fs::remove_file(&path);
            let server = UnixDatagram::bind(&path).unwrap();
            to.send(text.as_bytes()).unwrap();
            let mut buffer = [0; 16];
            assert_eq!(server.recv(&mut buffer).unwrap(), 3);
            assert_eq!(&buffer[..3], text.as_bytes());
        }
    }

    #[test]
    fn udp() {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut to = Datagrams::to(&format!(":{}", server.local_addr().unwrap().port())).unwrap();
        to.send(&vec![b'x'; 100_000]).unwrap();
        assert_eq!(server.recv(&mut vec![0; 100_000]).unwrap(), LONGEST);
    }
}
