//! A writer of counters: what a core or a router adds to its shard.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use super::super::codes;
use super::super::histogram::{self, LOCK, REQUEST};
use super::{DOOR, DOORS_START, DURATION, DURATION_START, Door, LOCK_START, QUEUE_START};

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// Connections accepted.
    Connections,
    /// Bytes received from clients.
    Received,
    /// Bytes sent to clients.
    Sent,
    /// Requests that files have answered.
    Statics,
    /// Requests that were turned away because they could not have been served in time, or by anybody.
    Shed,
    /// Requests that were given up because they took too long.
    TimedOut,
    /// Requests that were sent to another core because the first one was gone.
    Retried,
    /// Exceptions that left the application.
    Exceptions,
    /// Microseconds that cores were in requests.
    Busy,
    /// Defects of the server itself.
    Panics,
    /// Connections that were refused.
    Refused,
}

/// A writer of counters. One that writes nowhere is made by [`Default`].
#[derive(Debug, Clone, Copy, Default)]
pub struct Meter(pub(super) Option<&'static [AtomicU64]>);

impl Meter {
    /// Whether anybody wants to know.
    #[must_use]
    pub const fn is_on(self) -> bool {
        self.0.is_some()
    }

    /// Counts one.
    #[inline]
    pub fn count(self, what: Count) {
        self.add(what, 1);
    }

    /// Counts several.
    #[inline]
    pub fn add(self, what: Count, count: u64) {
        if let Some(word) = self.0.and_then(|words| words.get(what as usize)) {
            word.fetch_add(count, Relaxed);
        }
    }

    /// Counts a request that was answered with `code` and took `micros` microseconds.
    #[inline]
    pub fn request(self, door: Door, code: u16, micros: u64) {
        let Some(words) = self.0 else { return };
        if let Some(word) = words.get(DOORS_START + door as usize * DOOR + codes::place(code)) {
            word.fetch_add(1, Relaxed);
        }
        let duration = words.get(DURATION_START + codes::class(code) * DURATION..).unwrap_or_default();
        histogram::observe(duration, &REQUEST, micros);
    }

    /// Takes note of the time that a request has waited for a core.
    #[inline]
    pub fn queued(self, micros: u64) {
        let words = self.0.and_then(|words| words.get(QUEUE_START..)).unwrap_or_default();
        histogram::observe(words, &REQUEST, micros);
    }

    /// Takes note of the time that a request has waited for the interpreter lock.
    #[inline]
    pub fn lock_wait(self, micros: u64) {
        let words = self.0.and_then(|words| words.get(LOCK_START..)).unwrap_or_default();
        histogram::observe(words, &LOCK, micros);
    }
}
