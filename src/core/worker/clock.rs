//! Time as texts, made once a second: the Date header and the log's local time.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::harakiri;

/// The present second in the forms that answers and log lines need.
#[derive(Debug, Default)]
pub(super) struct Clock {
    second: u64,
    date: String,
    local: String,
}

/// A moment on both clocks: the one that tells the date may be set at any time, so that spans are measured on the other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    /// Microseconds since the epoch.
    pub(super) epoch: u64,
    /// Microseconds of the monotonic clock.
    pub(super) steady: u64,
}

impl Moment {
    /// Microseconds from then to now.
    pub(super) fn age(self) -> u64 {
        harakiri::now().saturating_sub(self.steady)
    }
}

impl Clock {
    /// The present moment; the texts are of the same one.
    pub(super) fn read(&mut self) -> Moment {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        if now.as_secs() != self.second || self.date.is_empty() {
            self.second = now.as_secs();
            self.date = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(self.second));
            self.local = rsgi_sys::date::local("%a %b %e %H:%M:%S %Y", i64::try_from(self.second).unwrap_or(0));
        }
        Moment { epoch: harakiri::micros(now), steady: harakiri::now() }
    }

    /// Value of a Date header (RFC 9110 §5.6.7).
    pub(super) fn date(&self) -> &str {
        &self.date
    }

    /// Local time as `ctime` writes it.
    pub(super) fn local(&self) -> &str {
        &self.local
    }
}
