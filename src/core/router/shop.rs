//! What all tasks of a router share: its settings, the pool of links, and who is still being served.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use rsgi_config::{Config, Logging, Network, Seconds};
use rsgi_proto::http1::Limits;
use rsgi_proto::vars::Vars;
use tokio::sync::Notify;

use super::pool::Pool;
use crate::control::Overdue;
use crate::logging::form::Form;
use crate::statics::Statics;

/// Condemned links that are remembered at most.
const CONDEMNED: usize = 1024;

/// The part of the configuration that requests meet.
#[derive(Debug)]
pub(super) struct Settings {
    /// What a request head may be.
    pub(super) head: Limits,
    /// Largest request body in bytes.
    pub(super) body: Option<u64>,
    /// Inactivity of client or worker; also the longest wait in the queue.
    pub(super) timeout: Duration,
    /// Time for a request head.
    pub(super) headers_timeout: Duration,
    /// Time without any worker after which requests are turned away.
    pub(super) connect_timeout: Duration,
    /// Idle time of a kept client connection; `None`: none is kept.
    pub(super) keepalive: Option<Duration>,
    /// `Expect: 100-continue` is answered here, up to so many bytes of body (0 = any).
    pub(super) manage_expect: Option<u64>,
    /// Longest time of a request, from its head to the end of its answer.
    pub(super) harakiri: Option<Duration>,
    /// Websockets pass.
    pub(super) websockets: bool,
    /// The plugin that requests are for; there is only 0.
    pub(super) modifier1: u8,
    /// Answers are compressed whose application asks for it.
    pub(super) auto_gzip: bool,
    /// Variables added to every request.
    pub(super) vars: Vec<(String, String)>,
    /// SERVER_NAME.
    pub(super) server_name: String,
    /// SERVER_NAME is the Host header.
    pub(super) server_name_is_host: bool,
    /// Failures of clients are not logged.
    pub(super) quiet: bool,
    /// Client certificates are handed to the application (`HTTPS_CC`).
    pub(super) export_cert: bool,
    /// Seconds for which browsers are to use https only (Strict-Transport-Security).
    pub(super) hsts: Option<u64>,
    /// Who begins connections with a PROXY header, nobody named being everybody; `None`: nobody does.
    pub(super) proxies: Option<Vec<Network>>,
    /// Small packets leave at once.
    pub(super) nodelay: bool,
    /// Files that are answered here; `None`: none is ever looked for.
    pub(super) statics: Option<Arc<Statics>>,
    /// What is logged of those.
    pub(super) log: Logging,
    /// How it is written.
    pub(super) form: Form,
}

impl Settings {
    pub(super) fn new(config: &Config) -> Self {
        let router = &config.router;
        let host = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
        Self {
            head: Limits { head: config.limits.buffer_size, ..Limits::default() },
            body: config.limits.limit_post,
            timeout: span(router.timeout),
            headers_timeout: span(router.headers_timeout),
            connect_timeout: span(router.connect_timeout),
            keepalive: router.keepalive.map(span),
            manage_expect: router.manage_expect,
            harakiri: router.harakiri.map(span),
            websockets: router.websockets,
            modifier1: router.modifier1,
            auto_gzip: router.auto_gzip,
            vars: router.vars.clone(),
            server_name: host.unwrap_or_else(|| "localhost".into()),
            server_name_is_host: router.server_name_as_http_host,
            quiet: router.quiet,
            export_cert: router.export_cert,
            hsts: router.hsts,
            proxies: router.proxy_protocol.then(|| config.limits.proxy_protocol_from.clone()),
            nodelay: config.limits.tcp_nodelay,
            statics: None,
            log: config.log.clone(),
            form: Form::of(&config.log),
        }
    }
}

/// A time limit; 0 is none, which is as good as a year.
fn span(time: Seconds) -> Duration {
    const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);
    if time.0 == 0 { YEAR } else { time.duration().min(YEAR) }
}

/// Shared by all tasks of the router.
#[derive(Debug)]
pub(super) struct Shop {
    pub(super) settings: Settings,
    pub(super) pool: Pool,
    /// Where request heads are decoded, one after the other.
    pub(super) vars: RefCell<Vars>,
    /// No new work is taken: connections end with the request they are at.
    pub(super) draining: Cell<bool>,
    /// Told when draining begins.
    pub(super) drain: Notify,
    /// Told when the last connection has gone.
    pub(super) empty: Notify,
    connections: Cell<usize>,
    /// Links whose request has passed its deadline, and whose worker is about to be killed for that.
    overdue: RefCell<BTreeSet<Overdue>>,
    /// Requests that files have answered.
    pub(super) files: Cell<u64>,
}

impl Shop {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            settings,
            pool: Pool::new(),
            vars: RefCell::default(),
            draining: Cell::new(false),
            drain: Notify::new(),
            empty: Notify::new(),
            connections: Cell::new(0),
            overdue: RefCell::default(),
            files: Cell::new(0),
        }
    }

    /// A connection begins.
    pub(super) fn enter(&self) {
        self.connections.set(self.connections.get() + 1);
    }

    /// A connection has ended.
    pub(super) fn leave(&self) {
        self.connections.set(self.connections.get().saturating_sub(1));
        if self.connections.get() == 0 {
            self.empty.notify_waiters();
        }
    }

    /// Client connections that are open.
    pub(super) fn connections(&self) -> usize {
        self.connections.get()
    }

    /// The master says that a worker is about to be killed, and for the request on which link.
    pub(super) fn condemn(&self, overdue: Overdue) {
        let mut known = self.overdue.borrow_mut();
        if known.len() >= CONDEMNED {
            // Links of other routers, and requests whose client has left: nobody will ask for these.
            known.clear();
        }
        known.insert(overdue);
    }

    /// Whether the master has said that of the link; it is said of one request.
    pub(super) fn take_condemned(&self, link: Overdue) -> bool {
        self.overdue.borrow_mut().remove(&link)
    }

    /// Begins to drain.
    pub(super) fn close(&self) {
        self.draining.set(true);
        self.drain.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_of_nothing_and_of_everything_are_none() {
        let mut config = Config::default();
        for seconds in [0, u64::MAX] {
            config.router.timeout = Seconds(seconds);
            let timeout = Settings::new(&config).timeout;
            assert!(
                timeout > Duration::from_secs(1_000_000) && tokio::time::Instant::now().checked_add(timeout).is_some()
            );
        }
        config.router.keepalive = None;
        assert_eq!(Settings::new(&config).keepalive, None);
        assert_eq!(Settings::new(&Config::default()).keepalive, Some(Duration::from_secs(75)));
    }
}
