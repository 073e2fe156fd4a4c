//! A trouble that comes back as long as its cause is there: told when it begins, and with a count when it is over. A line each
//! time would fill the disk just when things go wrong.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// It is over when nothing has happened for so long.
const OVER: Duration = Duration::from_secs(3);

/// What has happened again and again, so far.
#[derive(Debug, Default)]
pub struct Episode(Mutex<Option<State>>);

#[derive(Debug)]
struct State {
    began: Instant,
    last: Instant,
    count: u64,
}

/// All of an episode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// How often it has happened.
    pub count: u64,
    /// From the first time to the last.
    pub span: Duration,
}

impl Episode {
    /// It has happened. `true`: for the first time, which is to be told, and [`Self::end`] to be asked from now on.
    pub fn count(&self) -> bool {
        let now = Instant::now();
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_first = state.is_none();
        let state = state.get_or_insert(State { began: now, last: now, count: 0 });
        (state.last, state.count) = (now, state.count + 1);
        is_first
    }

    /// Whether it goes on.
    pub fn is_on(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// What is to be told when it is over, once.
    pub fn end(&self) -> Option<Summary> {
        self.end_after(OVER)
    }

    fn end_after(&self, quiet: Duration) -> Option<Summary> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let State { began, count, last } = state.take_if(|state| state.last.elapsed() >= quiet)?;
        Some(Summary { count, span: last.duration_since(began) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn told_once_and_counted() {
        let episode = Episode::default();
        assert_eq!([(); 3].map(|()| episode.count()), [true, false, false]);
        assert!(episode.is_on() && episode.end().is_none());
        assert_eq!(episode.end_after(Duration::ZERO).map(|summary| summary.count), Some(3));
        assert!(!episode.is_on() && episode.end_after(Duration::ZERO).is_none());
        assert!(episode.count(), "another one");
    }
}
