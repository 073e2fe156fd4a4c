//! From an accepted socket to an encrypted connection. Each handshake is a task with a deadline; nobody waits for another's.

use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rsgi_config::Config;
use rustls::server::Acceptor;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{sleep, timeout};
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

use super::client::Client;
use super::counted::Counted;
use super::gate::Wire;
use super::{connection, http2};
use crate::memory::meters::Meters;
use crate::tls::{self, Certificates, LOOK, Peer, Site};

/// How long a client may still take that has not shaken hands when draining begins.
pub(super) const LAST_CALL: Duration = Duration::from_secs(1);
/// How long a client that speaks plain HTTP is listened to, so that it can read why.
pub(super) const LINGER: Duration = Duration::from_secs(2);

/// Where a client came in, and what it had to prove there.
#[derive(Debug)]
pub(super) struct Entrance {
    certificates: Rc<Certificates>,
    bind: usize,
    site: Arc<Site>,
}

impl Entrance {
    /// Whether the client may ask for this host over the connection.
    pub(super) fn leads_to(&self, host: &[u8]) -> bool {
        self.certificates.may_ask(self.bind, &self.site, &String::from_utf8_lossy(host))
    }
}

/// Shakes hands and serves the connection to its end.
pub(super) async fn serve<S: Wire + 'static>(
    socket: S,
    mut client: Client,
    certificates: &Rc<Certificates>,
    bind: usize,
) {
    let shop = Rc::clone(&client.shop);
    let limit = shop.settings.headers_timeout;
    let last_call = async {
        if !shop.draining.get() {
            shop.drain.notified().await;
        }
        sleep(LAST_CALL.min(limit)).await;
    };
    let shaken = tokio::select! {
        shaken = timeout(limit, shake(Counted::new(socket), certificates, bind)) => shaken,
        () = last_call => return,
    };
    let failure = match shaken {
        Ok(Ok(Some((stream, site)))) => {
            let (_, session) = stream.get_ref();
            let is_http2 = session.alpn_protocol() == Some(tls::HTTP2);
            client.secure = Some(Rc::new(Peer::of(session.peer_certificates())));
            client.entrance = Some(Rc::new(Entrance { certificates: Rc::clone(certificates), bind, site }));
            return if is_http2 {
                http2::serve(stream, client).await;
            } else {
                connection::serve(stream, Rc::new(client)).await;
            };
        }
        Ok(Ok(None)) => "the client speaks plain HTTP".to_owned(),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "the handshake took too long".to_owned(),
    };
    tracing::debug!(client = client.name(), reason = failure, "no TLS connection");
}

/// `None`: the client spoke plain HTTP and was told.
async fn shake<S: Wire>(
    mut socket: S,
    certificates: &Certificates,
    bind: usize,
) -> std::io::Result<Option<(TlsStream<S>, Arc<Site>)>> {
    let first = poll_fn(|context| socket.poll_first(context)).await?;
    if first.is_some_and(|byte| byte.is_ascii_alphabetic()) {
        // It does not matter whether such a client stays to the end.
        let _ = timeout(LINGER, say(&mut socket, tls::PLAIN)).await;
        return Ok(None);
    }
    let start = LazyConfigAcceptor::new(Acceptor::default(), socket).await?;
    let name = start.client_hello().server_name().map(str::to_owned);
    let chosen = certificates.choose(bind, name.as_deref()).zip(certificates.site(bind, name.as_deref()));
    let (config, site) = chosen.ok_or_else(|| std::io::Error::other("the address has no certificate"))?;
    start.into_stream(config).await.map(|stream| Some((stream, site)))
}

/// Says the last words to a client, and listens until it has read them.
pub(super) async fn say<S: Wire>(socket: &mut S, words: &[u8]) -> std::io::Result<()> {
    let mut unread = [0; 4096];
    socket.write_all(words).await?;
    socket.shutdown().await?;
    for _ in 0..17 {
        if socket.read(&mut unread).await? == 0 {
            break;
        }
    }
    Ok(())
}

/// Looks after the files for ever.
pub(super) async fn watch(certificates: Rc<Certificates>, config: Config, meters: Option<Meters>) {
    if !config.router.binds.iter().any(|bind| bind.tls.is_some()) {
        return;
    }
    loop {
        if let Some(meters) = meters {
            let now = crate::harakiri::now();
            let expiries = certificates.expiries();
            expiries.iter().for_each(|(name, until)| meters.publish_certificate(name, *until, now));
        }
        sleep(LOOK).await;
        certificates.look(&config);
    }
}
