//! The PROXY header before a connection's first byte: who the client of the proxy is.
//!
//! It is looked at where it lies in the socket and taken out when it is complete, so that nothing behind it is touched.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd};

use nix::sys::socket::{MsgFlags, recv};
use rsgi_config::Network;
use rsgi_proto::http1::response::canned;
use rsgi_proto::proxy::{self, LONGEST};
use tokio::io::Interest;
use tokio::net::{TcpStream, UnixStream};
use tokio::time::{sleep, timeout};

use super::client::Client;
use super::gate::Wire;
use super::handshake::{LAST_CALL, LINGER, say};
use super::listen::names;

/// A client's socket as it was accepted.
pub(super) trait Socket: Wire + AsFd {
    /// Waits until something has come; `true`: nothing more will.
    async fn readable(&self) -> io::Result<bool>;

    /// Tries `act`; `WouldBlock` makes [`Self::readable`] wait for more.
    fn attempt<T>(&self, act: impl FnOnce() -> io::Result<T>) -> io::Result<T>;
}

impl Socket for TcpStream {
    async fn readable(&self) -> io::Result<bool> {
        Ok(self.ready(Interest::READABLE).await?.is_read_closed())
    }

    fn attempt<T>(&self, act: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        self.try_io(Interest::READABLE, act)
    }
}

impl Socket for UnixStream {
    async fn readable(&self) -> io::Result<bool> {
        Ok(self.ready(Interest::READABLE).await?.is_read_closed())
    }

    fn attempt<T>(&self, act: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        self.try_io(Interest::READABLE, act)
    }
}

/// Why there is no header.
enum Failure {
    /// The client has sent something else.
    Malformed(proxy::Malformed),
    /// It has sent nothing, or not enough.
    Gone(&'static str),
}

/// Reads the header that `peer` has to send, if it has to, and gives the client its name. `None`: it was turned away.
pub(super) async fn hear<S: Socket>(
    mut socket: S,
    peer: Option<IpAddr>,
    client: &mut Client,
    is_encrypted: bool,
) -> Option<S> {
    let shop = std::rc::Rc::clone(&client.shop);
    let is_listed = |list: &Vec<Network>| Network::is_listed(list, peer);
    if !shop.settings.proxies.as_ref().is_some_and(is_listed) {
        return Some(socket);
    }
    let limit = shop.settings.headers_timeout;
    let last_call = async {
        if !shop.draining.get() {
            shop.drain.notified().await;
        }
        sleep(LAST_CALL.min(limit)).await;
    };
    let heard = tokio::select! {
        heard = timeout(limit, read(&socket)) => heard,
        () = last_call => return None,
    };
    let (reason, status) = match heard {
        Ok(Ok(source)) => {
            if let Some((address, port)) = source.map(names) {
                (client.address, client.port) = (address, Some(port));
            }
            return Some(socket);
        }
        Ok(Err(Failure::Malformed(malformed))) => (malformed.to_string(), 400),
        Ok(Err(Failure::Gone(reason))) => {
            tracing::debug!(client = client.name(), reason, "no PROXY header");
            return None;
        }
        Err(_) => ("the PROXY header did not arrive in time".to_owned(), 408),
    };
    // Whoever expects TLS could not read an answer.
    let status = (!is_encrypted).then_some(status);
    if !shop.settings.quiet {
        tracing::warn!(client = client.name(), status, "{reason}");
    }
    if let Some(status) = status {
        // It does not matter whether such a client stays to the end.
        let _ = timeout(LINGER, say(&mut socket, canned(status))).await;
    }
    None
}

async fn read<S: Socket>(socket: &S) -> Result<Option<SocketAddr>, Failure> {
    let mut header = vec![0; LONGEST];
    loop {
        let is_over = socket.readable().await.map_err(|_| Failure::Gone("the connection is broken"))?;
        let look = socket.attempt(|| {
            let count = recv(socket.as_fd().as_raw_fd(), &mut header, MsgFlags::MSG_PEEK | MsgFlags::MSG_DONTWAIT)?;
            let seen = header.get(..count).unwrap_or_default();
            match proxy::decode(seen) {
                Ok(None) if !is_over => Err(io::ErrorKind::WouldBlock.into()),
                decoded => Ok(decoded),
            }
        });
        match look {
            Ok(Ok(Some(found))) => {
                let room = header.get_mut(..found.consumed).unwrap_or_default();
                return match recv(socket.as_fd().as_raw_fd(), room, MsgFlags::MSG_DONTWAIT) {
                    Ok(count) if count == found.consumed => Ok(found.source),
                    _ => Err(Failure::Gone("the connection is broken")),
                };
            }
            Ok(Ok(None)) => return Err(Failure::Gone("the client left before it was complete")),
            Ok(Err(malformed)) => return Err(Failure::Malformed(malformed)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => return Err(Failure::Gone("the connection is broken")),
        }
    }
}
