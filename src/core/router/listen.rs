//! Accepts clients.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::rc::Rc;
use std::time::Duration;

use nix::libc;
use rsgi_proto::http1::response::canned;
use tokio::net::{TcpListener, UnixListener};
use tokio::time::timeout;

use super::client::Client;
use super::connection;
use super::crowd::Crowd;
use super::handshake::{self, LINGER, say};
use super::proxy::{self, Socket};
use super::shop::Shop;
use crate::logging::episode::Summary;
use crate::memory::meters::Count;
use crate::tls::Certificates;

/// Pause after the system could not give us another connection, so that waiting for it is no busy loop.
const PAUSE: Duration = Duration::from_millis(100);

/// What becomes of the clients of an address.
#[derive(Clone)]
pub(super) struct Place {
    /// Number of the address among `config.router.binds`.
    pub(super) bind: usize,
    /// Every request is sent on to https, at this port (see [`Client::to_https`]).
    pub(super) to_https: Option<Rc<str>>,
    pub(super) certificates: Rc<Certificates>,
}

/// Failures in a row that are clients' doing. More of them have another cause, and no end that is told.
const IN_A_ROW: u32 = 64;

/// A listening socket.
pub(super) enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Listener {
    /// Takes over a listening socket.
    ///
    /// # Errors
    /// When it is not one.
    pub(super) fn new(socket: OwnedFd) -> io::Result<Self> {
        let view = socket2::SockRef::from(&socket);
        view.set_nonblocking(true)?;
        if view.local_addr()?.as_socket().is_some() {
            Ok(Self::Tcp(TcpListener::from_std(socket.into())?))
        } else {
            Ok(Self::Unix(UnixListener::from_std(socket.into())?))
        }
    }

    /// The port that it has; `None` for a unix socket.
    pub(super) fn port(&self) -> Option<u16> {
        match self {
            Self::Tcp(listener) => listener.local_addr().ok().map(|address| address.port()),
            Self::Unix(_) => None,
        }
    }

    /// Accepts for ever.
    pub(super) async fn accept(self, shop: Rc<Shop>, place: Place) {
        let port: Rc<str> = self.port().unwrap_or_default().to_string().into();
        let mut failures = 0;
        match self {
            Self::Tcp(listener) => {
                loop {
                    match listener.accept().await {
                        Ok((socket, peer)) => {
                            failures = 0;
                            if shop.settings.nodelay {
                                // Only speed is lost when this fails.
                                let _ = socket.set_nodelay(true);
                            }
                            let (address, remote) = names(peer);
                            let client = Client::new(Rc::clone(&shop), address, Some(remote), Rc::clone(&port));
                            let number = socket.as_raw_fd();
                            open(socket, Some(peer.ip()), client, &place);
                            shop.none_waits().await;
                            keep_reserve(&shop, number, listener.as_fd()).await;
                        }
                        Err(error) => complain(&shop, &error, &mut failures).await,
                    }
                }
            }
            Self::Unix(listener) => loop {
                match listener.accept().await {
                    Ok((socket, _)) => {
                        failures = 0;
                        let client = Client::new(Rc::clone(&shop), String::new(), None, "80".into());
                        let number = socket.as_raw_fd();
                        open(socket, None, client, &place);
                        shop.none_waits().await;
                        keep_reserve(&shop, number, listener.as_fd()).await;
                    }
                    Err(error) => complain(&shop, &error, &mut failures).await,
                }
            },
        }
    }
}

/// REMOTE_ADDR and REMOTE_PORT. An IPv4 client of an IPv6 socket is shown as what it is.
pub(super) fn names(peer: SocketAddr) -> (String, String) {
    (peer.ip().to_canonical().to_string(), peer.port().to_string())
}

/// Begins a connection. What lies between a socket and its first request (a PROXY header, a TLS handshake) belongs here,
/// each boxed: what is not there any more needs no memory while the client is idle.
fn open<S: Socket + 'static>(socket: S, peer: Option<IpAddr>, mut client: Client, place: &Place) {
    client.to_https.clone_from(&place.to_https);
    client.shop.enter();
    let mut leave = Leave { shop: Rc::clone(&client.shop), has_place: client.shop.take_place() };
    let place = place.clone();
    tokio::task::spawn_local(async move {
        if !leave.has_place {
            Box::pin(leave.shop.await_place()).await;
            leave.has_place = true;
        }
        let shop = &leave.shop;
        let is_encrypted = place.certificates.is_encrypted(place.bind);
        let heard = Box::pin(proxy::hear(socket, peer, &mut client, is_encrypted)).await;
        let Some(mut socket) = heard else { return };
        let Some(admission) = Crowd::admit(shop, client.address.parse().ok()) else {
            return Box::pin(refuse(&mut socket, &client, is_encrypted)).await;
        };
        if is_encrypted {
            Box::pin(handshake::serve(socket, client, &place.certificates, place.bind)).await;
        } else {
            connection::serve(socket, Rc::new(client)).await;
        }
        drop(admission);
    });
}

/// Turns a client away that has enough connections.
async fn refuse<S: Socket>(socket: &mut S, client: &Client, is_encrypted: bool) {
    let shop = &client.shop;
    shop.settings.meter.count(Count::Refused);
    if shop.refused.count() {
        tracing::warn!(
            client = client.name(),
            "connections are refused: its network has max-connections-per-ip of them"
        );
        tokio::task::spawn_local(tell_of_refusals(Rc::clone(shop)));
    }
    if !is_encrypted {
        let tell = async { drop(timeout(LINGER, say(socket, canned(429))).await) };
        shop.crowd.turn_away(tell).await;
    }
}

/// Says how many were refused, once no more are.
async fn tell_of_refusals(shop: Rc<Shop>) {
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        if let Some(Summary { count, span }) = shop.refused.end() {
            let seconds = span.as_secs();
            return tracing::warn!("{count} connections were refused within {seconds} s");
        }
    }
}

/// Counts the connection down however it ends.
struct Leave {
    shop: Rc<Shop>,
    has_place: bool,
}

impl Drop for Leave {
    fn drop(&mut self) {
        if self.has_place {
            self.shop.crowd.left();
        }
        self.shop.leave();
    }
}

async fn complain(shop: &Rc<Shop>, error: &io::Error, failures: &mut u32) {
    *failures = failures.saturating_add(1);
    // A client that left before it was accepted is nobody's business.
    let starved = [libc::EMFILE, libc::ENFILE, libc::ENOBUFS, libc::ENOMEM];
    if *failures > IN_A_ROW || error.raw_os_error().is_some_and(|code| starved.contains(&code)) {
        starve(shop, error).await;
    }
}

/// Waits, once a client has got one of the descriptors that are kept, until nobody would.
async fn keep_reserve(shop: &Rc<Shop>, number: RawFd, listener: BorrowedFd<'_>) {
    let mut is_touched = shop.reserve.has(number);
    while is_touched {
        starve(shop, &io::Error::from_raw_os_error(libc::EMFILE)).await;
        is_touched = shop.reserve.is_touched(listener);
    }
}

/// Lets who is idle give way, and waits a moment for that.
async fn starve(shop: &Rc<Shop>, error: &io::Error) {
    shop.crowd.make_room();
    if shop.starved.count() {
        tracing::warn!(%error, "cannot accept connections for now: raise max-fd or lower the load");
        tokio::task::spawn_local(tell_the_end(Rc::clone(shop)));
    }
    tokio::time::sleep(PAUSE).await;
}

/// Says when connections are accepted again.
async fn tell_the_end(shop: Rc<Shop>) {
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        if let Some(Summary { count, span }) = shop.starved.end() {
            let seconds = span.as_secs();
            return tracing::warn!("connections are accepted again: {count} attempts have failed within {seconds} s");
        }
    }
}
