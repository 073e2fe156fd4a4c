//! From an accepted socket to an encrypted connection. A client that takes its time waits in the epoll set like one with
//! an unfinished head; it holds no core.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::server::{Accepted, Acceptor};

use super::connection::{Connection, Phase, Speaks};
use super::core::{Core, Fate};
use super::engine::Engine;
use super::progress::{Read, begin_linger};
use super::session::{Out, Session};
use super::wire::Got;
use crate::tls::{Certificates, PLAIN, Peer};

/// Largest first message of a handshake, and what may come with it.
const HELLO: usize = 64 * 1024;

/// The client's first message as far as it is here.
#[derive(Default)]
pub(super) struct Hello {
    acceptor: Acceptor,
    /// Its first byte has been looked at.
    has_begun: bool,
}

impl fmt::Debug for Hello {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hello")
    }
}

impl Engine {
    /// Whether a client that shook hands for one site may ask for this host.
    pub(super) fn leads_to(&self, door: usize, session: &Mutex<Session>, host: &[u8]) -> bool {
        let site = Arc::clone(session.lock().unwrap_or_else(PoisonError::into_inner).site());
        let may_ask = |all: &Certificates| all.may_ask(door, &site, &String::from_utf8_lossy(host));
        self.certificates.as_ref().is_some_and(may_ask)
    }
}

impl Core<'_> {
    /// Reads the client's first message, which names the server that it wants. `None`: go on.
    pub(super) fn greet(&mut self, connection: &mut Connection) -> Option<Fate> {
        connection.head_began.get_or_insert_with(|| self.engine.now());
        loop {
            if connection.input.is_empty() {
                match self.read(connection, HELLO) {
                    Read::More => {}
                    Read::Nothing => return Some(Fate::Wait),
                    Read::Over => return Some(Fate::Close),
                }
            }
            if is_plain_http(connection) {
                tracing::debug!("client {}: speaks plain HTTP where TLS is expected", connection.peer_name());
                connection.wire().send_now(PLAIN);
                return Some(begin_linger(connection, self.engine));
            }
            match hello(connection) {
                Ok(None) => {}
                Ok(Some(accepted)) => match self.accept_hello(connection, accepted) {
                    Ok(()) => return None,
                    Err(reason) => return Some(give_up(connection, self.engine, &reason)),
                },
                Err(reason) => return Some(give_up(connection, self.engine, &reason)),
            }
        }
    }

    /// Answers the first message with the certificate that it asks for.
    fn accept_hello(&self, connection: &mut Connection, accepted: Accepted) -> Result<(), String> {
        let certificates = self.engine.certificates.as_ref().ok_or("there are no certificates")?;
        if certificates.look(&self.engine.config) {
            self.engine.tell_of_certificates();
        }
        let (hello, door) = (accepted.client_hello(), connection.listener);
        let chosen = certificates.choose(door, hello.server_name()).zip(certificates.site(door, hello.server_name()));
        let (config, site) = chosen.ok_or("the address has no certificate")?;
        let tls = accepted.into_connection(config).map_err(|(error, mut alert)| {
            // It does not matter whether such a client hears why.
            let _ = alert.write_all(&mut Out(connection.fd()));
            error.to_string()
        })?;
        let session = Session::new(tls, site, connection.input.data());
        connection.input = super::input::Input::default();
        connection.session = Some(Box::new(Mutex::new(session)));
        connection.phase = Phase::Handshake;
        Ok(())
    }

    /// Goes on with a handshake. `None`: it is done, requests may come.
    pub(super) fn shake(&mut self, connection: &mut Connection) -> Option<Fate> {
        let Connection { socket, session, .. } = connection;
        let Some(session) = session else { return Some(Fate::Close) };
        let session = session.get_mut().unwrap_or_else(PoisonError::into_inner);
        match session.shake(std::os::fd::AsFd::as_fd(socket)) {
            Ok(Got::Bytes(_)) => {}
            Ok(Got::Nothing) => return Some(Fate::Wait),
            Ok(Got::End | Got::Gone) => return Some(Fate::Close),
            Err(error) => return Some(give_up(connection, self.engine, &error.to_string())),
        }
        connection.client = Some(Box::new(Peer::of(session.tls().peer_certificates())));
        connection.phase = Phase::Head;
        connection.head_began = None;
        // What has come behind the handshake may be decrypted already: no event will tell of it.
        connection.drained = false;
        None
    }
}

/// Whether the very first byte is one of a method instead of a handshake.
fn is_plain_http(connection: &mut Connection) -> bool {
    let Connection { phase: Phase::Hello(hello), speaks: Speaks::Http, input, .. } = connection else { return false };
    let is_first = !std::mem::replace(&mut hello.has_begun, true);
    is_first && input.data().first().is_some_and(u8::is_ascii_alphabetic)
}

/// Feeds what has come to the decoder of first messages.
fn hello(connection: &mut Connection) -> Result<Option<Accepted>, String> {
    let Connection { phase: Phase::Hello(hello), input, socket, .. } = connection else { return Ok(None) };
    while !input.is_empty() {
        let used = hello.acceptor.read_tls(&mut input.data()).map_err(|error| error.to_string())?;
        input.consume(used);
        match hello.acceptor.accept() {
            Ok(Some(accepted)) => return Ok(Some(accepted)),
            Ok(None) if used > 0 => {}
            Ok(None) => return Err("the first message is too long".into()),
            Err((error, mut alert)) => {
                let _ = alert.write_all(&mut Out(std::os::fd::AsFd::as_fd(socket)));
                return Err(error.to_string());
            }
        }
    }
    Ok(None)
}

/// Ends a connection that has not become one; the client gets to read the alert.
fn give_up(connection: &mut Connection, engine: &Engine, reason: &str) -> Fate {
    tracing::debug!("client {}: no TLS connection: {reason}", connection.peer_name());
    begin_linger(connection, engine)
}
