//! Which record goes where, and how it looks there.

use std::fs::File;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use regex::bytes::Regex;
use rsgi_config::{Config, LogStep, LogTarget, Logging};

use super::block::is_failure;
use super::encoder::encode;
use super::sink::{LogFile, Sink};
use super::{CollectorError, datagrams, main_file};
use crate::logging::json::Object;

/// What a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A request line.
    Request,
    /// Everything else; request lines too, when nothing was said of those.
    Server,
}

/// All places with the way to them.
#[derive(Debug)]
pub(super) struct Outlets {
    /// The log itself.
    main: LogFile,
    server: Group,
    /// `None`: request lines go with all others.
    requests: Option<Group>,
    filters: Vec<Regex>,
    drains: Vec<Regex>,
    /// Every record becomes a JSON object.
    json: bool,
}

/// The loggers for one kind of record.
#[derive(Debug)]
struct Group {
    places: Vec<Place>,
    /// Pattern and index of the place.
    routes: Vec<(Regex, usize)>,
    /// For the log itself, when no place takes a record.
    steps: Vec<LogStep>,
}

#[derive(Debug)]
struct Place {
    sink: Sink,
    is_named: bool,
    steps: Vec<LogStep>,
    /// It could not be written to, which was said.
    is_broken: bool,
}

impl Outlets {
    /// Opens every place; `original` is where the log went before it was collected.
    pub(super) fn new(config: &Config, original: File) -> Result<Self, CollectorError> {
        let log = &config.log;
        let mut main = match main_file(config) {
            Some(path) => LogFile::known(original, path, config).map_err(CollectorError::Pipe)?,
            None => LogFile::descriptor(original),
        };
        main.limit(log.max_size, log.backup_name.as_ref().map(|name| config.start_dir.join(name)));
        let of_requests = log.loggers.iter().any(|logger| logger.requests)
            || log.routes.iter().any(|route| route.requests)
            || log.encoders.iter().any(|encoder| encoder.requests);
        let requests = of_requests.then(|| Group::new(config, true, &main)).transpose()?;
        let server = Group::new(config, false, &main)?;
        let (filters, drains) = (patterns("log-filter", &log.filters)?, patterns("log-drain", &log.drains)?);
        Ok(Self { main, server, requests, filters, drains, json: log.json })
    }

    /// Whether request lines go elsewhere.
    pub(super) fn has_requests(&self) -> bool {
        self.requests.is_some()
    }

    /// Writes a record, which comes without its last newline.
    pub(super) fn write(&mut self, kind: Kind, record: &[u8]) {
        let is_unwanted = !self.filters.is_empty() && !self.filters.iter().any(|pattern| pattern.is_match(record));
        if is_unwanted || self.drains.iter().any(|pattern| pattern.is_match(record)) {
            return;
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let dressed = (self.json && !is_json(record)).then(|| as_json(now, record));
        let record = dressed.as_deref().unwrap_or(record);
        let group = match (kind, &mut self.requests) {
            (Kind::Request, Some(requests)) => requests,
            _ => &mut self.server,
        };
        group.write(now, record, &mut self.main);
    }

    /// Opens all files anew.
    pub(super) fn reopen(&mut self) {
        let mut failed = Vec::new();
        failed.extend(self.main.reopen().err());
        for place in self.server.places.iter_mut().chain(self.requests.iter_mut().flat_map(|group| &mut group.places)) {
            failed.extend(place.sink.reopen().err());
        }
        for error in failed {
            complain(&mut self.main, &format!("warning: the log cannot be opened anew: {error}"));
        }
    }

    /// Moves the log file away and begins a new one.
    pub(super) fn rotate(&mut self) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        if let Err(error) = self.main.rotate(now) {
            complain(&mut self.main, &format!("warning: the log cannot be rotated: {error}"));
        }
    }
}

impl Group {
    fn new(config: &Config, requests: bool, main: &LogFile) -> Result<Self, CollectorError> {
        let log = &config.log;
        let option = if requests { "req-logger" } else { "logger" };
        let mut places = Vec::new();
        let mut names = Vec::new();
        // A log "file" that is an address is a logger like any other.
        let socket = |address: &str| LogTarget::Socket { address: address.into(), prefix: String::new() };
        let remote = datagrams(log).filter(|_| !requests).map(|address| (None, socket(address)));
        let wanted = log.loggers.iter().filter(|logger| logger.requests == requests);
        let wanted = wanted.map(|logger| (logger.name.as_deref(), logger.target.clone()));
        for (name, target) in remote.into_iter().chain(wanted) {
            let sink = Sink::open(&target, config, main);
            let sink = sink.map_err(|source| CollectorError::Place { option, place: target.to_string(), source })?;
            places.push(Place { sink, is_named: name.is_some(), steps: steps(log, requests, name), is_broken: false });
            names.push(name);
        }
        let option = if requests { "log-req-route" } else { "log-route" };
        let mut routes = Vec::new();
        for route in log.routes.iter().filter(|route| route.requests == requests) {
            let Some(index) = names.iter().position(|name| *name == Some(&route.logger)) else {
                let needed = if requests { "req-logger" } else { "logger" };
                return Err(CollectorError::NoLogger { option, needed, name: route.logger.clone() });
            };
            routes.push((pattern(option, &route.pattern)?, index));
        }
        Ok(Self { places, routes, steps: steps(log, requests, None) })
    }

    /// A record that a route takes goes there alone; others go to the places without a name, or to the log itself.
    fn write(&mut self, now: Duration, record: &[u8], main: &mut LogFile) {
        let routed: Vec<usize> =
            self.routes.iter().filter(|(pattern, _)| pattern.is_match(record)).map(|(_, index)| *index).collect();
        let mut is_written = false;
        for (index, place) in self.places.iter_mut().enumerate() {
            let is_meant = if routed.is_empty() { !place.is_named } else { routed.contains(&index) };
            if is_meant {
                place.write(now, record, main);
                is_written = true;
            }
        }
        if !is_written && let Err(error) = main.write(now, &apply(&self.steps, now, record)) {
            complain(main, &format!("warning: the log: {error}"));
        }
    }
}

impl Place {
    fn write(&mut self, now: Duration, record: &[u8], main: &mut LogFile) {
        let written = self.sink.write(now, &apply(&self.steps, now, record));
        if let Err(error) = &written
            && !self.is_broken
        {
            complain(main, &format!("warning: records are lost, a logger cannot be written to: {error}"));
        }
        self.is_broken = written.is_err();
    }
}

/// Written past everything: the thread that empties the pipe must not wait for room in it.
fn complain(main: &mut LogFile, text: &str) {
    // Nobody is left to be told when this fails as well.
    let _ = main.write(Duration::ZERO, text.as_bytes());
}

fn steps(log: &Logging, requests: bool, name: Option<&str>) -> Vec<LogStep> {
    let is_meant = |logger: &Option<String>| logger.is_none() || logger.as_deref() == name;
    let encoders = log.encoders.iter().filter(|encoder| encoder.requests == requests && is_meant(&encoder.logger));
    encoders.map(|encoder| encoder.step.clone()).collect()
}

fn apply(steps: &[LogStep], now: Duration, record: &[u8]) -> Vec<u8> {
    steps.iter().fold(record.to_vec(), |record, step| {
        let mut out = Vec::with_capacity(record.len() + 64);
        encode(step, now, &record, &mut out);
        out
    })
}

fn patterns(option: &'static str, patterns: &[String]) -> Result<Vec<Regex>, CollectorError> {
    patterns.iter().map(|text| pattern(option, text)).collect()
}

fn pattern(option: &'static str, text: &str) -> Result<Regex, CollectorError> {
    let wrong = |source| CollectorError::Pattern { option, pattern: text.to_owned(), source: Box::new(source) };
    Regex::new(text).map_err(wrong)
}

/// An application that writes JSON objects itself is left alone.
fn is_json(record: &[u8]) -> bool {
    record.starts_with(b"{") && serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(record).is_ok()
}

fn as_json(now: Duration, record: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut object = Object::begin(&mut out, u64::try_from(now.as_micros()).unwrap_or(u64::MAX));
    object.text("level", if is_failure(record) { b"error" } else { b"info" });
    object.text("message", record);
    object.end();
    out.pop();
    out
}
