//! The configuration as the options are applied one by one, and the last step: implied options, cross-checks and
//! defaults that depend on other options. After that nobody sees a text.

use std::collections::HashMap;

use crate::address::Address;
use crate::config::{Bind, Config, Limits, Protocol, Seconds, Socket, Tls};
use crate::diagnostic::Diagnostic;
use crate::loggers::{LogEncoder, LogRoute};
use crate::origin::Origin;
use crate::throne;
use crate::value::{Fault, Value};

/// The configuration while options are applied.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    /// What is settled so far.
    pub config: Config,
    /// The protocol of sockets that name none.
    pub protocol: Option<Protocol>,
    /// `http-headers-timeout`, if given.
    pub headers_timeout: Option<Seconds>,
    /// `http-connect-timeout`, if given.
    pub connect_timeout: Option<Seconds>,
    /// What options print in place of a run.
    pub answers: Vec<String>,
    /// Positions in `config.sockets` of those that name no protocol.
    plain: Vec<usize>,
    /// Addresses that name a shared socket, by their position in the options.
    shared: Vec<(usize, Origin)>,
    /// Where each option was given last, by its canonical name.
    seen: HashMap<&'static str, Origin>,
    here: Option<Origin>,
}

impl Draft {
    /// Notes that the option `name` is applied next.
    pub(crate) fn enter(&mut self, name: &'static str, origin: &Origin) {
        self.seen.insert(name, origin.clone());
        self.here = Some(origin.clone());
    }

    /// Adds a worker's socket. Without a protocol it gets that of `protocol`.
    pub(crate) fn add_socket(&mut self, protocol: Option<Protocol>, value: &Value<'_>) -> Result<(), Fault> {
        let address = value.address()?;
        if protocol.is_none() {
            self.plain.push(self.config.sockets.len());
        }
        self.push_socket(protocol.unwrap_or(Protocol::Uwsgi), address, None, value.text());
        Ok(())
    }

    /// Adds an encrypted socket of a worker.
    pub(crate) fn add_tls_socket(&mut self, protocol: Protocol, value: &Value<'_>) -> Result<(), Fault> {
        let (address, tls) = value.tls_address()?;
        self.push_socket(protocol, address, Some(tls), value.text());
        Ok(())
    }

    fn push_socket(&mut self, protocol: Protocol, address: Address, tls: Option<Tls>, text: &str) {
        self.note_shared(&address);
        self.config.sockets.push(Socket { protocol, address, tls, text: text.trim().into() });
    }

    /// Adds an address of the router.
    pub(crate) fn add_bind(&mut self, address: Address, tls: Option<Tls>, to_https: bool, text: &str) {
        self.note_shared(&address);
        self.config.router.binds.push(Bind { address, tls, to_https, text: text.into() });
    }

    fn note_shared(&mut self, address: &Address) {
        if let (Address::Shared(number), Some(here)) = (address, &self.here) {
            self.shared.push((*number, here.clone()));
        }
    }

    /// Settles what depends on other options. The messages name every contradiction; with an error among them the
    /// configuration is of no use.
    pub(crate) fn resolve(mut self) -> (Config, Vec<Diagnostic>) {
        let mut messages = Vec::new();
        for position in &self.plain {
            if let (Some(protocol), Some(socket)) = (self.protocol, self.config.sockets.get_mut(*position)) {
                socket.protocol = protocol;
            }
        }
        self.make_abstract();
        self.check_encrypted(&mut messages);
        self.config.protocol = self.protocol;
        self.check_shared(&mut messages);
        self.check_cheaper(&mut messages);
        self.check_lifetime(&mut messages);
        self.check_buffer(&mut messages);
        self.check_farms(&mut messages);
        self.check_loggers(&mut messages);
        messages.extend(throne::check(&self));
        let router = &mut self.config.router;
        router.headers_timeout = self.headers_timeout.unwrap_or(router.timeout);
        router.connect_timeout = self.connect_timeout.unwrap_or(router.timeout);
        if router.keepalive == Some(Seconds(0)) {
            router.keepalive = Some(router.timeout);
        }
        (self.config, messages)
    }

    /// `abstract-socket`: a path is the name of a socket without a file.
    fn make_abstract(&mut self) {
        let Config { sockets, router, shared_sockets, stats, emperor, abstract_sockets, .. } = &mut self.config;
        let workers = sockets.iter_mut().map(|socket| &mut socket.address);
        let routers = router.binds.iter_mut().map(|bind| &mut bind.address);
        let others = shared_sockets.iter_mut().chain(&mut stats.address).chain(&mut emperor.stats);
        for address in workers.chain(routers).chain(others).filter(|_| *abstract_sockets) {
            if let Address::Unix(path) = address {
                *address = Address::Abstract(path.to_string_lossy().into_owned());
            }
        }
    }

    fn check_shared(&self, messages: &mut Vec<Diagnostic>) {
        let there = self.config.shared_sockets.len();
        for (number, origin) in self.shared.iter().filter(|(number, _)| *number >= there) {
            let message = match there {
                0 => format!("={number} names a shared socket, but there is none"),
                1 => format!("={number} names a shared socket, but there is only =0"),
                _ => format!("={number} names a shared socket, but they end at ={}", there - 1),
            };
            let help = "write a line shared-socket = :80 for each; the first is =0";
            messages.push(Diagnostic::error(message).help(help).at_value(origin));
        }
    }

    /// `protocol = https` says nothing about a certificate.
    fn check_encrypted(&self, messages: &mut Vec<Diagnostic>) {
        for socket in self.config.sockets.iter().filter(|socket| socket.tls.is_none()) {
            let option = match socket.protocol {
                Protocol::Https => "https-socket",
                Protocol::Suwsgi => "suwsgi-socket",
                _ => continue,
            };
            let message = format!("protocol: the socket {} has no certificate", socket.text);
            let help = format!("write {option} = {},server.crt,server.key", socket.text);
            messages.push(self.error_at("protocol", message, help));
        }
    }

    fn check_cheaper(&self, messages: &mut Vec<Diagnostic>) {
        let (cheaper, processes) = (&self.config.cheaper, self.config.workers.processes);
        let Some(min) = cheaper.min else {
            let dependent = ["cheaper-initial", "cheaper-step", "cheaper-overload", "cheaper-algo"];
            for name in dependent.iter().filter(|name| self.seen.contains_key(*name)) {
                let message = format!("{name} has no effect: the number of workers is fixed");
                messages
                    .push(self.at(name, Diagnostic::warning(message).help("write cheaper = 1 for the fewest workers")));
            }
            return;
        };
        if min >= processes {
            let message = format!("cheaper: {min} must be lower than processes, which is {processes}");
            messages.push(self.error_at("cheaper", message, format!("write processes = {}", min.saturating_add(1))));
        } else if let Some(initial) = cheaper.initial.filter(|&initial| initial != cheaper.first(processes)) {
            let first = cheaper.first(processes);
            let message = format!("cheaper-initial: {initial} is not between {min} and {processes}, {first} is used");
            messages.push(self.at("cheaper-initial", Diagnostic::warning(message).help(format!("write {first}"))));
        }
        match (cheaper.rss_limit_soft, cheaper.rss_limit_hard) {
            (None, Some(hard)) => {
                let message = "cheaper-rss-limit-hard: takes cheaper-rss-limit-soft as well".to_owned();
                let help = format!("write cheaper-rss-limit-soft = {}", hard / 4 * 3);
                messages.push(self.error_at("cheaper-rss-limit-hard", message, help));
            }
            (Some(soft), Some(hard)) if hard <= soft => {
                let message =
                    format!("cheaper-rss-limit-hard: {hard} must be more than cheaper-rss-limit-soft, which is {soft}");
                let help = "leave room for one worker at least between the two".to_owned();
                messages.push(self.error_at("cheaper-rss-limit-hard", message, help));
            }
            _ => {}
        }
    }

    fn check_lifetime(&self, messages: &mut Vec<Diagnostic>) {
        let (Some(max), min) = (self.config.workers.max_lifetime, self.config.workers.min_lifetime) else { return };
        if max <= min {
            let message =
                format!("max-worker-lifetime: {} must be more than min-worker-lifetime, which is {}", max.0, min.0);
            let help = format!("write max-worker-lifetime = {}, or lower min-worker-lifetime", min.0.saturating_add(1));
            messages.push(self.error_at("max-worker-lifetime", message, help));
        }
    }

    fn check_farms(&self, messages: &mut Vec<Diagnostic>) {
        let there = self.config.aside.mules.len();
        for (name, mules) in &self.config.aside.farms {
            for mule in mules.iter().filter(|&&mule| usize::try_from(mule).is_ok_and(|mule| mule > there)) {
                let message = format!("farm: {name} names mule {mule}, but there are {there}");
                messages.push(self.error_at("farm", message, format!("write mules = {mule}, or another number")));
            }
        }
    }

    /// Names of loggers that nobody bears.
    fn check_loggers(&self, messages: &mut Vec<Diagnostic>) {
        let log = &self.config.log;
        let is_there = |name: &str, requests: bool| {
            log.loggers.iter().any(|logger| logger.requests == requests && logger.name.as_deref() == Some(name))
        };
        let kind = |requests: bool| if requests { "req-logger" } else { "logger" };
        for LogRoute { logger, requests, .. } in
            log.routes.iter().filter(|route| !is_there(&route.logger, route.requests))
        {
            let (option, kind) = (if *requests { "log-req-route" } else { "log-route" }, kind(*requests));
            let message = format!("{option}: there is no {kind} with the name {logger}");
            messages.push(self.error_at(option, message, format!("write {kind} = {logger} file:PATH")));
        }
        for LogEncoder { logger, requests, .. } in &log.encoders {
            let Some(logger) = logger.as_ref().filter(|name| !is_there(name, *requests)) else { continue };
            let (option, kind) = (if *requests { "log-req-encoder" } else { "log-encoder" }, kind(*requests));
            let message = format!("{option}: there is no {kind} with the name {logger}, so it changes nothing");
            let help = format!("write {kind} = {logger} file:PATH, or leave :{logger} out");
            messages.push(self.at(option, Diagnostic::warning(message).help(help)));
        }
    }

    fn check_buffer(&mut self, messages: &mut Vec<Diagnostic>) {
        let (size, least) = (self.config.limits.buffer_size, Limits::MIN_BUFFER_SIZE);
        if size >= least {
            return;
        }
        self.config.limits.buffer_size = least;
        let mut message =
            Diagnostic::warning(format!("buffer-size: {size} is too small for any request, {least} is used"));
        if let Some(origin) = self.seen.get("buffer-size") {
            message = message.at_value(origin);
        }
        messages.push(message.help("leave it out for 65536"));
    }

    fn error_at(&self, name: &str, message: String, help: String) -> Diagnostic {
        self.at(name, Diagnostic::error(message).help(help))
    }

    /// Where the option with this canonical name was given last.
    pub(crate) fn place_of(&self, name: &str) -> Option<&Origin> {
        self.seen.get(name)
    }

    /// With the place where the option was given.
    fn at(&self, name: &str, message: Diagnostic) -> Diagnostic {
        match self.seen.get(name) {
            Some(origin) => message.at_value(origin),
            None => message,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Seconds;

    #[test]
    fn plain_sockets_take_the_protocol_wherever_it_stands() {
        let mut draft = Draft::default();
        draft.add_socket(None, &Value::new(":1")).unwrap();
        draft.add_socket(Some(Protocol::Http), &Value::new(":2")).unwrap();
        draft.protocol = Some(Protocol::Scgi);
        draft.add_socket(None, &Value::new(":3")).unwrap();
        let protocols: Vec<_> = draft.resolve().0.sockets.iter().map(|socket| socket.protocol).collect();
        assert_eq!(protocols, [Protocol::Scgi, Protocol::Http, Protocol::Scgi]);
    }

    #[test]
    fn an_encrypted_protocol_needs_a_certificate() {
        let mut draft = Draft::default();
        draft.add_socket(None, &Value::new(":1")).unwrap();
        draft.protocol = Some(Protocol::Https);
        let (_, messages) = draft.resolve();
        assert_eq!(messages.len(), 1);
        let text = messages[0].to_string();
        assert!(
            text.contains("the socket :1 has no certificate") && text.contains("https-socket = :1,server.crt"),
            "{text}"
        );
    }

    #[test]
    fn deadlines_that_were_not_given_follow_the_timeout() {
        let mut draft = Draft { headers_timeout: Some(Seconds(3)), ..Draft::default() };
        draft.config.router.timeout = Seconds(90);
        draft.config.router.keepalive = Some(Seconds(0));
        let router = draft.resolve().0.router;
        assert_eq!((router.headers_timeout, router.connect_timeout), (Seconds(3), Seconds(90)));
        assert_eq!(router.keepalive, Some(Seconds(90)));
    }

    #[test]
    fn a_buffer_that_fits_nothing_is_raised() {
        let mut draft = Draft::default();
        draft.config.limits.buffer_size = 1;
        let (config, messages) = draft.resolve();
        assert_eq!((config.limits.buffer_size, messages.len()), (Limits::MIN_BUFFER_SIZE, 1));
    }
}
