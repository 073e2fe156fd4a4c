//! What a server prints: collected by a thread from a pipe, searched and awaited by the test.

use std::io::{BufRead, BufReader, PipeReader};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use regex::Regex;

/// Longest wait for something that is expected to happen soon.
pub(crate) const SOON: Duration = Duration::from_secs(20);

#[derive(Default)]
struct Lines {
    all: Vec<String>,
    ended: bool,
}

/// A growing log. Clones see the same lines.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<(Mutex<Lines>, Condvar)>);

impl Log {
    /// Collects from `pipe` until every process that holds its other end is gone.
    pub(crate) fn collect(pipe: PipeReader) -> Self {
        let log = Self::default();
        let writer = log.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(pipe).split(b'\n') {
                let Ok(line) = line else { break };
                writer.0.0.lock().expect("no panic while held").all.push(String::from_utf8_lossy(&line).into_owned());
                writer.0.1.notify_all();
            }
            writer.0.0.lock().expect("no panic while held").ended = true;
            writer.0.1.notify_all();
        });
        log
    }

    /// Everything so far.
    pub(crate) fn text(&self) -> String {
        self.0.0.lock().expect("no panic while held").all.join("\n")
    }

    /// Number of lines so far, to search from there on.
    pub(crate) fn len(&self) -> usize {
        self.0.0.lock().expect("no panic while held").all.len()
    }

    /// Lines that match, so far.
    pub(crate) fn matching(&self, pattern: &str) -> Vec<String> {
        let pattern = regex(pattern);
        let lines = self.0.0.lock().expect("no panic while held");
        lines.all.iter().filter(|line| pattern.is_match(line)).cloned().collect()
    }

    /// Waits for a line that matches and returns it.
    pub(crate) fn wait_for(&self, pattern: &str) -> String {
        self.wait_from(0, pattern)
    }

    /// Waits for a line that matches, looking only at lines from number `start` on.
    pub(crate) fn wait_from(&self, start: usize, pattern: &str) -> String {
        self.wait_for_count(start, pattern, 1).remove(0)
    }

    /// Waits until `count` lines match and returns them.
    pub(crate) fn wait_for_count(&self, start: usize, pattern: &str, count: usize) -> Vec<String> {
        let wanted = regex(pattern);
        let until = Instant::now() + SOON;
        let mut lines = self.0.0.lock().expect("no panic while held");
        loop {
            let found: Vec<String> =
                lines.all.iter().skip(start).filter(|line| wanted.is_match(line)).cloned().collect();
            if found.len() >= count {
                return found;
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || lines.ended {
                let why = if lines.ended { "the server is gone" } else { "time is up" };
                let found = found.len();
                drop(lines);
                panic!("{why}: {found} of {count} lines match /{pattern}/");
            }
            lines = self.0.1.wait_timeout(lines, left).expect("no panic while held").0;
        }
    }

    /// Waits until something new is printed or `limit` has passed.
    pub(crate) fn wait_for_more(&self, seen: usize, limit: Duration) {
        let lines = self.0.0.lock().expect("no panic while held");
        let unchanged = |lines: &mut Lines| lines.all.len() <= seen && !lines.ended;
        drop(self.0.1.wait_timeout_while(lines, limit, unchanged).expect("no panic while held"));
    }

    /// Waits until every writer is gone, then returns the whole text.
    pub(crate) fn whole(&self, limit: Duration) -> String {
        let lines = self.0.0.lock().expect("no panic while held");
        let (lines, _) = self.0.1.wait_timeout_while(lines, limit, |lines| !lines.ended).expect("no panic while held");
        assert!(lines.ended, "the server's output is still held open by some process");
        lines.all.join("\n")
    }
}

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).unwrap_or_else(|error| panic!("{error}"))
}
