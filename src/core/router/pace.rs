//! How fast the queue moves, and so how long the next request would wait in it.

use std::time::Duration;

use tokio::time::Instant;

/// Hand-overs after which older ones begin to count less.
const MEMORY: u32 = 256;

/// A clock that runs while somebody waits.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Pace {
    /// When the queue began, or last moved; `None`: nobody waits.
    last: Option<Instant>,
    /// Time in which it has moved `count` times.
    spent: Duration,
    count: u32,
}

impl Pace {
    /// Somebody waits, who was the first.
    pub(super) fn begin(&mut self, now: Instant) {
        *self = Self { last: Some(now), ..Self::default() };
    }

    /// A core has become idle for the first in the queue.
    pub(super) fn moved(&mut self, now: Instant) {
        let Some(last) = self.last.replace(now) else { return };
        if self.count >= MEMORY {
            (self.spent, self.count) = (self.spent / 2, self.count / 2);
        }
        self.spent += now.saturating_duration_since(last);
        self.count += 1;
    }

    /// Nobody waits any more.
    pub(super) fn end(&mut self) {
        *self = Self::default();
    }

    /// How long the request at `position` (1: the first) would wait. Unknown until every one of `cores` can have had its turn:
    /// requests that began together end together, and before that look slower than they are.
    pub(super) fn wait(&self, position: usize, cores: usize, now: Instant) -> Option<Duration> {
        let last = self.last.filter(|_| self.count as usize >= cores.max(1))?;
        let spent = self.spent + now.saturating_duration_since(last);
        (spent / self.count).checked_mul(u32::try_from(position).unwrap_or(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_foretold_from_how_the_queue_has_moved() {
        let start = Instant::now();
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        let mut pace = Pace::default();
        assert_eq!(pace.wait(1, 1, start), None, "nobody waits");
        pace.begin(start);
        assert_eq!(pace.wait(1, 1, at(5000)), None, "nothing has moved");
        pace.moved(at(100));
        pace.moved(at(300));
        assert_eq!(pace.wait(4, 3, at(300)), None, "the third core has not had its turn");
        assert_eq!(pace.wait(4, 2, at(300)), Some(Duration::from_millis(600)));
        // It has stood still since.
        assert_eq!(pace.wait(4, 2, at(1300)), Some(Duration::from_millis(2600)));
        pace.end();
        assert_eq!(pace.wait(1, 1, at(1300)), None);
    }

    #[test]
    fn what_is_long_ago_counts_less() {
        let mut now = Instant::now();
        let mut pace = Pace::default();
        pace.begin(now);
        for (step, times) in [(1000, 300), (10, 3000)] {
            for _ in 0..times {
                now += Duration::from_millis(step);
                pace.moved(now);
            }
        }
        let wait = pace.wait(1, 1, now).unwrap();
        assert!(wait < Duration::from_millis(20), "{wait:?}");
        assert_eq!(pace.wait(usize::MAX, 1, now).map(|wait| wait > Duration::from_secs(3600)), Some(true));
    }
}
