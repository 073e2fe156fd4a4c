//! Time as texts, made once a second: the Date header and the log's local time.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The present second in the forms that answers and log lines need.
#[derive(Debug, Default)]
pub(super) struct Clock {
    second: u64,
    date: String,
    local: String,
}

impl Clock {
    /// Microseconds since the epoch; the texts stay as they are, of the start of the request.
    pub(super) fn micros() -> u64 {
        u64::try_from(since_epoch().as_micros()).unwrap_or(u64::MAX)
    }

    /// Microseconds since the epoch; the texts are of the same moment.
    pub(super) fn read(&mut self) -> u64 {
        let now = since_epoch();
        if now.as_secs() != self.second || self.date.is_empty() {
            self.second = now.as_secs();
            self.date = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(self.second));
            self.local = rsgi_sys::date::local("%a %b %e %H:%M:%S %Y", i64::try_from(self.second).unwrap_or(0));
        }
        u64::try_from(now.as_micros()).unwrap_or(u64::MAX)
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

fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO)
}
