//! `emperor-stats`: how all vassals are, in uWSGI's fields.
//!
//! Source: uWSGI 2.0, "The uWSGI Stats Server", and the output of an emperor's.

use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rsgi_config::Config;
use serde::Serialize;

use super::court::Portrait;

/// The document.
#[derive(Debug, PartialEq, Serialize)]
pub struct Document {
    version: &'static str,
    pid: u32,
    uid: u32,
    gid: u32,
    cwd: String,
    emperor: Vec<String>,
    emperor_tyrant: u8,
    /// The longest pause that a vassal rests at the moment, in milliseconds.
    throttle_level: u64,
    vassals: Vec<Vassal>,
    blacklist: Vec<Failing>,
}

/// A vassal that runs, or sleeps until it is asked. Times are seconds since the epoch, 0 for never.
#[derive(Debug, PartialEq, Serialize)]
struct Vassal {
    id: String,
    /// 0 while it sleeps.
    pid: u32,
    born: u64,
    last_mod: u64,
    last_heartbeat: u64,
    loyal: u8,
    ready: u8,
    accepting: u8,
    last_loyal: u64,
    last_ready: u64,
    last_accepting: u64,
    first_run: u64,
    last_run: u64,
    cursed: u8,
    zerg: u8,
    on_demand: String,
    uid: u32,
    gid: u32,
    monitor: String,
    respawns: u32,
}

/// A vassal that rests before it is tried again.
#[derive(Debug, PartialEq, Serialize)]
struct Failing {
    id: String,
    throttle_level: u64,
    attempt: u32,
    first_attempt: u64,
    last_attempt: u64,
}

/// Makes the document. `pid` tells the process of a serial number, `door` where a vassal on demand is waited for.
pub fn document(
    config: &Config,
    vassals: impl Iterator<Item = Portrait>,
    pid: impl Fn(u64) -> u32,
    door: impl Fn(&Path) -> String,
    now: Instant,
) -> Document {
    let clock = Clock { now, epoch: SystemTime::now() };
    let mut document = Document {
        version: env!("CARGO_PKG_VERSION"),
        pid: std::process::id(),
        uid: nix::unistd::geteuid().as_raw(),
        gid: nix::unistd::getegid().as_raw(),
        cwd: config.start_dir.display().to_string(),
        emperor: config.emperor.sources.clone(),
        emperor_tyrant: u8::from(config.emperor.tyrant),
        throttle_level: 0,
        vassals: Vec::new(),
        blacklist: Vec::new(),
    };
    for portrait in vassals {
        let (id, monitor) = origin(config, &portrait.path);
        if let (Some(pause), Some((attempt, first, last))) = (portrait.pause, portrait.past.failures) {
            let throttle_level = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
            document.throttle_level = document.throttle_level.max(throttle_level);
            let (first_attempt, last_attempt) = (clock.of(Some(first)), clock.of(Some(last)));
            document.blacklist.push(Failing { id, throttle_level, attempt, first_attempt, last_attempt });
            continue;
        }
        let past = portrait.past;
        let loyal = u8::from(portrait.is_loyal);
        let last_loyal = clock.of(past.loyal);
        document.vassals.push(Vassal {
            id,
            pid: portrait.serial.map_or(0, &pid),
            born: clock.of(Some(past.born)),
            last_mod: seconds(portrait.stamp.changed.duration_since(UNIX_EPOCH).ok()),
            last_heartbeat: clock.of(past.heartbeat),
            loyal,
            ready: loyal,
            accepting: loyal,
            last_loyal,
            last_ready: last_loyal,
            last_accepting: last_loyal,
            first_run: clock.of(past.runs.map(|(first, _)| first)),
            last_run: clock.of(past.runs.map(|(_, last)| last)),
            cursed: u8::from(portrait.is_cursed),
            zerg: 0,
            on_demand: door(&portrait.path),
            uid: if config.emperor.tyrant { portrait.stamp.uid } else { document.uid },
            gid: if config.emperor.tyrant { portrait.stamp.gid } else { document.gid },
            monitor,
            respawns: past.respawns,
        });
    }
    document
}

/// A vassal's name and the source it comes from: the file's name in a directory, its path when a pattern has matched.
fn origin(config: &Config, path: &Path) -> (String, String) {
    let is_from = |source: &&String| {
        let directory = config.start_dir.join(source.strip_prefix("dir://").unwrap_or(source));
        path.parent() == Some(directory.as_path())
    };
    let directory = config.emperor.sources.iter().find(is_from);
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
    match (directory, name) {
        (Some(directory), Some(name)) => (name, directory.clone()),
        _ => (path.display().to_string(), config.emperor.sources.first().cloned().unwrap_or_default()),
    }
}

/// Tells moments as seconds since the epoch.
struct Clock {
    now: Instant,
    epoch: SystemTime,
}

impl Clock {
    fn of(&self, moment: Option<Instant>) -> u64 {
        let Some(moment) = moment else { return 0 };
        let then = self.epoch.checked_sub(self.now.saturating_duration_since(moment));
        seconds(then.and_then(|then| then.duration_since(UNIX_EPOCH).ok()))
    }
}

fn seconds(time: Option<Duration>) -> u64 {
    time.map_or(0, |time| time.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emperor::court::{Past, Stamp};

    #[test]
    fn the_fields_are_uwsgis() {
        let now = Instant::now();
        let stamp = Stamp { changed: UNIX_EPOCH + Duration::from_secs(7), inode: 4, uid: 5, gid: 6, on_demand: true };
        let past = Past { born: now, runs: None, loyal: None, heartbeat: None, respawns: 0, failures: None };
        let asleep = Portrait {
            path: "/v/a.ini".into(),
            stamp,
            serial: None,
            is_loyal: false,
            is_cursed: false,
            pause: None,
            past,
        };
        let running = Portrait { serial: Some(3), is_loyal: true, ..asleep.clone() };
        let failing = Portrait {
            path: "/w/b.ini".into(),
            pause: Some(Duration::from_secs(2)),
            past: Past { failures: Some((2, now, now)), ..past },
            ..asleep.clone()
        };
        let mut config = Config { start_dir: "/".into(), ..Config::default() };
        config.emperor.sources = vec!["v".into(), "/w/*.ini".into()];
        let door = |_: &Path| "/run/a.sock".to_owned();
        let document = document(&config, [asleep, running, failing].into_iter(), |_| 42, door, now);
        let text = serde_json::to_string_pretty(&document).unwrap();
        let changing = regex::Regex::new(r#""(pid|uid|gid|version)": [^,\n]+|\d{9,}"#).unwrap();
        insta::assert_snapshot!(changing.replace_all(&text, "${1}…"));
    }
}
