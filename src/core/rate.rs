//! The least that a client may send or take. Who stays below it holds a connection, and perhaps a core, for next to nothing
//! (slowloris, slow read).
//!
//! Only time counts in which the client is waited for. So many bytes a second are meant on the average, over all of a head, a
//! body or an answer; nobody is judged before a time of grace.

use std::time::{Duration, Instant};

use rsgi_config::Config;

/// What is asked of a client (`min-rate`, `min-rate-grace`).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Least {
    /// Bytes a second, at least 1.
    bytes: u64,
    grace: Duration,
}

impl Least {
    /// As configured; `None`: nothing is asked.
    pub(crate) fn of(config: &Config) -> Option<Self> {
        let limits = &config.limits;
        Self::new(limits.min_rate, limits.min_rate_grace.duration())
    }

    pub(crate) fn new(bytes: u64, grace: Duration) -> Option<Self> {
        (bytes > 0).then_some(Self { bytes, grace })
    }

    /// How long so many bytes may take.
    pub(crate) fn span(self, bytes: u64) -> Duration {
        let millis = bytes.saturating_mul(1000).checked_div(self.bytes).unwrap_or(u64::MAX);
        self.grace.max(Duration::from_millis(millis))
    }
}

/// How a client does so far.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Rate {
    bytes: u64,
    waited: Duration,
    /// Since when it is waited for; `None`: it is not.
    since: Option<Instant>,
}

impl Rate {
    pub(crate) const fn is_waiting(&self) -> bool {
        self.since.is_some()
    }

    /// The client is waited for, from now on unless it was already.
    pub(crate) fn wait(&mut self, now: Instant) {
        self.since.get_or_insert(now);
    }

    /// It is not waited for any more.
    pub(crate) fn rest(&mut self, now: Instant) {
        if let Some(since) = self.since.take() {
            self.waited += now.saturating_duration_since(since);
        }
    }

    /// It has sent or taken some.
    pub(crate) fn moved(&mut self, bytes: u64) {
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// When it will have been too slow, if nothing comes; `None`: never.
    pub(crate) fn due(&self, least: Option<Least>) -> Option<Instant> {
        self.since?.checked_add(least?.span(self.bytes).saturating_sub(self.waited))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(start: Instant, seconds: u64) -> Instant {
        start + Duration::from_secs(seconds)
    }

    #[test]
    fn slow_is_who_stays_below_the_average() {
        let (start, least) = (Instant::now(), Least::new(100, Duration::from_secs(10)));
        let mut rate = Rate::default();
        assert_eq!(rate.due(least), None, "nobody waits");
        rate.wait(start);
        assert_eq!(rate.due(least), Some(at(start, 10)), "the time of grace");
        rate.moved(500);
        assert_eq!(rate.due(least), Some(at(start, 10)), "500 bytes are good for 5 seconds");
        rate.moved(2000);
        assert_eq!(rate.due(least), Some(at(start, 25)));
        assert_eq!(rate.due(None), None, "nothing is asked");
    }

    #[test]
    fn time_in_which_nobody_waits_does_not_count() {
        let (start, least) = (Instant::now(), Least::new(1, Duration::from_secs(10)));
        let mut rate = Rate::default();
        rate.wait(start);
        rate.wait(at(start, 3));
        rate.rest(at(start, 4));
        rate.rest(at(start, 5));
        assert!(!rate.is_waiting());
        rate.wait(at(start, 1000));
        assert_eq!(rate.due(least), Some(at(start, 1006)));
    }

    #[test]
    fn no_number_is_too_large() {
        let mut rate = Rate::default();
        rate.moved(u64::MAX);
        rate.moved(u64::MAX);
        rate.wait(Instant::now());
        let due = rate.due(Least::new(1, Duration::from_secs(1)));
        assert!(due.is_none_or(|due| due > Instant::now() + Duration::from_secs(1_000_000)), "as good as never");
        assert!(Least::new(0, Duration::ZERO).is_none());
    }
}
