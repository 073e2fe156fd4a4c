//! Who gets the stats: every client of the listening socket, at once, without being asked what it wants.
//!
//! The document is made when a client comes; writing it to a slow one is a task of its own with an end. The client's side is
//! closed last: closing while its request lies unread would make the kernel throw the document away.

use std::cell::Cell;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use nix::sys::socket::{MsgFlags, Shutdown, recv, send, shutdown};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::task::spawn_local;
use tokio::time::{sleep, timeout};

use crate::master::sockets::Bound;

/// Clients that are being written to at a time; further ones are turned away.
const CLIENTS: usize = 32;

/// Time that a client has to take the document.
const PATIENCE: Duration = Duration::from_secs(10);

/// Time that a client has to close its side then.
const FAREWELL: Duration = Duration::from_secs(1);

/// The stats server.
#[derive(Debug)]
pub struct Server {
    socket: Arc<OwnedFd>,
    listener: AsyncFd<OwnedFd>,
    clients: Rc<Cell<usize>>,
}

/// A client that waits for the document.
#[derive(Debug)]
pub struct Client(OwnedFd);

impl Server {
    /// Serves on a bound socket, and says so.
    ///
    /// # Errors
    /// When the kernel has no descriptors left.
    pub fn new(bound: &Bound) -> io::Result<Self> {
        let listener = rsgi_sys::reactor::register(bound.fd.try_clone()?)?;
        tracing::info!("*** Stats server enabled on {bound} fd: {} ***", bound.fd.as_raw_fd());
        let address = socket2::SockRef::from(&*bound.fd).local_addr()?;
        if address.as_socket().is_some_and(|address| !address.ip().is_loopback()) {
            tracing::warn!(
                "{bound} is open to other machines: whoever reaches it sees the variables of running requests; \
                 bind stats to 127.0.0.1 or to a unix socket"
            );
        }
        Ok(Self { socket: Arc::clone(&bound.fd), listener, clients: Rc::default() })
    }

    /// Whether it serves on this very socket.
    #[must_use]
    pub fn serves(&self, bound: &Bound) -> bool {
        Arc::ptr_eq(&self.socket, &bound.fd)
    }

    /// The next client.
    pub async fn client(&self) -> Client {
        loop {
            let accepted = self.listener.async_io(Interest::READABLE, |listener| {
                rsgi_sys::net::accept(listener.as_fd())?.ok_or_else(|| io::ErrorKind::WouldBlock.into())
            });
            match accepted.await {
                Ok((socket, _)) if self.clients.get() < CLIENTS => return Client(socket),
                Ok(_) => {
                    tracing::warn!("stats: {CLIENTS} clients do not take what they asked for, another is turned away")
                }
                Err(error) => {
                    tracing::warn!("stats: no client can be accepted: {error}");
                    sleep(Duration::from_secs(1)).await;
                }
            }
        }
    }

    /// Sends `text` to a client, beside everything else.
    pub fn answer(&self, client: Client, text: Vec<u8>) {
        let clients = Rc::clone(&self.clients);
        clients.set(clients.get() + 1);
        spawn_local(async move {
            // What a client does not take is its own loss.
            let _ = timeout(PATIENCE, write(client, &text)).await;
            clients.set(clients.get().saturating_sub(1));
        });
    }
}

/// The next client of the stats; never, when there is no such server.
pub async fn next_client(server: Option<&Server>) -> Client {
    match server {
        Some(server) => server.client().await,
        None => std::future::pending().await,
    }
}

async fn write(client: Client, mut text: &[u8]) -> io::Result<()> {
    let socket = rsgi_sys::reactor::register(client.0)?;
    while !text.is_empty() {
        let some = |socket: &OwnedFd| Ok(send(socket.as_raw_fd(), text, MsgFlags::MSG_NOSIGNAL)?);
        let sent = socket.async_io(Interest::WRITABLE, some).await?;
        text = text.get(sent..).unwrap_or_default();
    }
    shutdown(socket.as_raw_fd(), Shutdown::Write)?;
    let closed = async {
        let mut waste = [0; 4096];
        let read = |socket: &OwnedFd| Ok(recv(socket.as_raw_fd(), &mut waste, MsgFlags::empty())?);
        let mut read = read;
        while socket.async_io(Interest::READABLE, &mut read).await.is_ok_and(|count| count > 0) {}
    };
    let _ = timeout(FAREWELL, closed).await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::master::sockets::Sockets;
    use rsgi_config::Config;
    use std::io::{Read, Write};
    use std::net::TcpStream;

    fn run<T>(work: impl AsyncFnOnce(Server, std::net::SocketAddr) -> T) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        tokio::task::LocalSet::new().block_on(&runtime, async {
            let mut config = Config::default();
            config.stats.address = Some("127.0.0.1:0".parse().unwrap());
            let sockets = Sockets::bind(&config, []).unwrap();
            let bound = sockets.stats.unwrap();
            let server = Server::new(&bound).unwrap();
            assert!(server.serves(&bound));
            work(server, bound.name.parse().unwrap()).await
        })
    }

    #[test]
    fn a_document_arrives_whole_whatever_the_client_sends() {
        let text = vec![b'x'; 3_000_000];
        let arrived = run(async |server, address| {
            let reader = std::thread::spawn(move || {
                let mut stream = TcpStream::connect(address).unwrap();
                stream.write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
                let mut all = Vec::new();
                stream.read_to_end(&mut all).unwrap();
                all
            });
            let client = server.client().await;
            server.answer(client, text);
            while !reader.is_finished() {
                sleep(Duration::from_millis(1)).await;
            }
            reader.join().unwrap()
        });
        assert_eq!(arrived.len(), 3_000_000);
    }

    #[test]
    fn silent_clients_hold_nobody_up() {
        run(async |server, address| {
            let mut silent = Vec::new();
            for _ in 0..CLIENTS {
                silent.push(TcpStream::connect(address).unwrap());
                let client = server.client().await;
                server.answer(client, vec![0; 20_000_000]);
                tokio::task::yield_now().await;
            }
            // One more is turned away, and the server goes on.
            let mut late = TcpStream::connect(address).unwrap();
            let next = timeout(Duration::from_millis(100), server.client()).await;
            assert!(next.is_err());
            assert_eq!(late.read(&mut [0]).unwrap(), 0);
            drop(silent);
            while server.clients.get() > 0 {
                sleep(Duration::from_millis(1)).await;
            }
        });
    }
}
