//! What all tasks of a router share: its settings, the pool of links, and who is still being served.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use rsgi_config::{Config, Logging, Network, Seconds};
use rsgi_proto::http1::Limits;
use rsgi_proto::vars::Vars;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::crowd::{Caps, Crowd};
use super::gate::READ_HEAD;
use super::pool::{Bounds, Pool};
use super::reserve::Reserve;
use crate::control::Overdue;
use crate::health::{Probes, State};
use crate::logging::episode::Episode;
use crate::logging::form::Form;
use crate::memory::meters::{Count, Gauge, Meter, Seat};
use crate::rate::Least;
use crate::statics::Statics;
use crate::trace::Ids;

/// What an idle client of a router that retires gets for one more request, as at a worker.
pub(super) const PARTING: Duration = Duration::from_secs(1);

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
    /// What clients have to send and take at least; `None`: whatever they like.
    pub(super) least: Option<Least>,
    /// How many of them there may be.
    pub(super) caps: Caps,
    /// Time without any worker after which requests are turned away.
    pub(super) connect_timeout: Duration,
    /// What may wait for an idle core.
    pub(super) queue: Bounds,
    /// Paths that always may.
    pub(super) exempt: Vec<String>,
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
    /// Paths that are answered without the application.
    pub(super) probes: Probes,
    /// A request without a trace gets one.
    pub(super) trace_context: bool,
    /// Counts for the metrics, and what goes up and down there.
    pub(super) meter: Meter,
    pub(super) seat: Seat,
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
            least: Least::of(config),
            caps: Caps::of(config),
            connect_timeout: span(router.connect_timeout),
            queue: Bounds { length: router.queue_length, time: router.queue_timeout.map(span) },
            exempt: router.queue_exempt.clone(),
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
            probes: Probes::of(config),
            trace_context: config.monitoring.trace_context,
            meter: Meter::default(),
            seat: Seat::default(),
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
    /// Ids of traces that begin here.
    pub(super) ids: RefCell<Ids>,
    /// No new work is taken: connections end with the request they are at.
    pub(super) draining: Cell<bool>,
    /// Until when an idle client of a kept connection may ask once more; `None`: it may not.
    pub(super) parting: Cell<Option<Instant>>,
    /// Told when draining begins.
    pub(super) drain: Notify,
    /// Told when the last connection has gone.
    pub(super) empty: Notify,
    connections: Cell<usize>,
    /// Who they are from, and who of them may be sent away.
    pub(super) crowd: Crowd,
    /// Links whose request has passed its deadline, and whose worker is about to be killed for that.
    overdue: RefCell<BTreeSet<Overdue>>,
    /// Where the beginnings of files are read into.
    pub(super) buffer: RefCell<BytesMut>,
    /// Requests that files have answered.
    pub(super) files: Cell<u64>,
    /// Descriptors that clients do not get.
    pub(super) reserve: Reserve,
    /// Connections that could not be accepted.
    pub(super) starved: Episode,
    /// Connections that were refused.
    pub(super) refused: Episode,
    /// Where heads are read into before there is anything of them.
    pub(super) scratch: RefCell<Box<[u8]>>,
}

impl Shop {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            pool: Pool::new(settings.queue, settings.seat),
            settings,
            vars: RefCell::default(),
            ids: RefCell::default(),
            draining: Cell::new(false),
            parting: Cell::new(None),
            drain: Notify::new(),
            empty: Notify::new(),
            connections: Cell::new(0),
            crowd: Crowd::default(),
            overdue: RefCell::default(),
            buffer: RefCell::default(),
            files: Cell::new(0),
            reserve: Reserve::of_this_process(),
            starved: Episode::default(),
            refused: Episode::default(),
            scratch: RefCell::new(vec![0; READ_HEAD].into_boxed_slice()),
        }
    }

    /// A connection begins.
    pub(super) fn enter(&self) {
        self.connections.set(self.connections.get() + 1);
        self.settings.seat.up(Gauge::Connections);
        self.settings.meter.count(Count::Connections);
    }

    /// A connection has ended.
    pub(super) fn leave(&self) {
        self.connections.set(self.connections.get().saturating_sub(1));
        self.settings.seat.down(Gauge::Connections);
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

    /// What a probe for readiness is told.
    pub(super) fn state(&self) -> State {
        match () {
            () if self.draining.get() => State::Stopping,
            () if self.pool.is_held() => State::Paused,
            () if self.pool.empty_since().is_some() && !self.pool.is_resting() => State::NoWorker,
            () => State::Ready,
        }
    }

    /// Begins to drain. `gently`: successors serve, so idle clients may ask once more.
    pub(super) fn close(&self, gently: bool) {
        self.draining.set(true);
        // Nobody will say that requests may go on.
        self.pool.hold(false);
        self.parting.set(gently.then(|| Instant::now() + PARTING));
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
