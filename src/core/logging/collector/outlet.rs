//! Which record goes where, and how it looks there.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
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
    /// What its descriptor is called for who goes on; `None`: the place can be opened again at any time.
    kept: Option<String>,
    is_named: bool,
    steps: Vec<LogStep>,
    /// It could not be written to, which was said.
    is_broken: bool,
}

/// Opens one place of an option; the log itself is at hand.
type Open<'a> = &'a mut dyn FnMut(&'static str, &LogTarget, &LogFile) -> Result<Sink, CollectorError>;

impl Outlets {
    /// Opens every place; `original` is where the log went before it was collected.
    pub(super) fn new(config: &Config, original: File) -> Result<Self, CollectorError> {
        Self::with(config, original, &mut |option, target, main| open(option, target, config, main))
    }

    /// Takes up `places` that were left open ([`Self::into_places`]) and opens the others. One that cannot be opened becomes the
    /// log itself; why, comes along.
    pub(super) fn resume(
        config: &Config,
        original: &File,
        mut places: Vec<(String, OwnedFd)>,
    ) -> Result<(Self, Vec<CollectorError>), CollectorError> {
        let mut lost = Vec::new();
        let original = original.try_clone().map_err(CollectorError::Pipe)?;
        let outlets = Self::with(config, original, &mut |option, target, main| {
            let name = kept(option, target);
            let index = places.iter().position(|(known, _)| Some(known) == name.as_ref());
            let opened = match index.map(|index| places.swap_remove(index)) {
                Some((_, fd)) => Sink::take_up(target, fd, config).map_err(|source| no_place(option, target, source)),
                None => open(option, target, config, main),
            };
            opened.or_else(|error| {
                lost.push(error);
                Sink::main(main).map_err(CollectorError::Pipe)
            })
        })?;
        Ok((outlets, lost))
    }

    /// Looks at everything but the places.
    pub(super) fn check(config: &Config, nowhere: File) -> Result<(), CollectorError> {
        Self::with(config, nowhere, &mut |_, _, main| Sink::main(main).map_err(CollectorError::Pipe)).map(drop)
    }

    /// Open files, for [`Self::resume`].
    pub(super) fn into_places(self) -> Vec<(String, OwnedFd)> {
        let groups = std::iter::once(self.server).chain(self.requests);
        let places = groups.flat_map(|group| group.places);
        places.filter_map(|place| place.kept.zip(place.sink.into_descriptor())).collect()
    }

    fn with(config: &Config, original: File, open: Open<'_>) -> Result<Self, CollectorError> {
        let log = &config.log;
        let mut main = match main_file(config) {
            Some(path) => LogFile::known(original, path, config).map_err(CollectorError::Pipe)?,
            None => LogFile::descriptor(original),
        };
        main.limit(log.max_size, log.backup_name.as_ref().map(|name| config.start_dir.join(name)));
        let of_requests = log.loggers.iter().any(|logger| logger.requests)
            || log.routes.iter().any(|route| route.requests)
            || log.encoders.iter().any(|encoder| encoder.requests);
        let requests = of_requests.then(|| Group::new(config, true, &main, open)).transpose()?;
        let server = Group::new(config, false, &main, open)?;
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
    fn new(config: &Config, requests: bool, main: &LogFile, open: Open<'_>) -> Result<Self, CollectorError> {
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
            let (sink, kept) = (open(option, &target, main)?, kept(option, &target));
            let (is_named, steps) = (name.is_some(), steps(log, requests, name));
            places.push(Place { sink, kept, is_named, steps, is_broken: false });
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

fn open(option: &'static str, target: &LogTarget, config: &Config, main: &LogFile) -> Result<Sink, CollectorError> {
    Sink::open(target, config, main).map_err(|source| no_place(option, target, source))
}

fn no_place(option: &'static str, target: &LogTarget, source: io::Error) -> CollectorError {
    CollectorError::Place { option, place: target.to_string(), source }
}

/// What the descriptor of a place is called for who goes on.
fn kept(option: &str, target: &LogTarget) -> Option<String> {
    matches!(target, LogTarget::File { .. } | LogTarget::Fd(_)).then(|| format!("{option} {target}"))
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

#[cfg(test)]
mod tests {
    use super::*;
    use rsgi_config::Logger;
    use std::io::Read;
    use std::path::Path;

    fn config(paths: &[(&Path, bool)]) -> Config {
        let mut config = Config::default();
        for &(path, requests) in paths {
            let target = LogTarget::File { path: path.into(), max_size: None, backup_name: None };
            config.log.loggers.push(Logger { name: None, target, requests });
        }
        config.log.loggers.push(Logger { name: Some("unused".into()), target: LogTarget::Stdio, requests: false });
        config
    }

    #[test]
    fn a_place_that_cannot_be_opened_again_is_taken_up_or_becomes_the_log_itself() {
        let directory = tempfile::tempdir().unwrap();
        let (gone, log) = (directory.path().join("gone"), directory.path().join("log"));
        std::fs::create_dir(&gone).unwrap();
        let (requests, other) = (gone.join("requests"), gone.join("other"));
        let original = File::options().append(true).create(true).open(&log).unwrap();
        let before = Outlets::new(&config(&[(&requests, true)]), original.try_clone().unwrap()).unwrap();
        let mut kept = File::open(&requests).unwrap();
        let places = before.into_places();
        assert_eq!(places.len(), 1);
        std::fs::remove_dir_all(&gone).unwrap();
        let config = config(&[(&requests, true), (&other, false)]);
        assert!(Outlets::new(&config, original.try_clone().unwrap()).is_err());
        let (mut outlets, lost) = Outlets::resume(&config, &original, places).unwrap();
        let lost: Vec<_> = lost.iter().map(ToString::to_string).collect();
        assert_eq!(lost, [format!("logger: file:{} cannot be opened", other.display())]);
        outlets.write(Kind::Request, b"a request");
        outlets.write(Kind::Server, b"a line");
        let mut text = String::new();
        kept.read_to_string(&mut text).unwrap();
        assert_eq!((text.as_str(), std::fs::read_to_string(log).unwrap().as_str()), ("a request\n", "a line\n"));
    }
}
