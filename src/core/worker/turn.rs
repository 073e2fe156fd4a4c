//! How long one client may keep a core busy with requests that it has sent in advance.

use crate::harakiri;

/// Requests of one connection after which the others have their turn.
const MOST: u32 = 32;
/// Microseconds after which they have it in any case: the applications of others may be quicker.
const LONGEST: u64 = 10_000;

/// What a connection has had of a core.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Turn {
    requests: u32,
    /// When the first of them began, microseconds of the monotonic clock.
    began: u64,
}

impl Turn {
    /// A request is about to be served, `now` by the monotonic clock.
    pub(super) fn count(&mut self, now: u64) {
        if self.requests == 0 {
            self.began = now;
        }
        self.requests = self.requests.saturating_add(1);
    }

    /// Whether the next request has to wait for its turn.
    pub(super) fn is_over(&self) -> bool {
        self.requests >= MOST || self.requests > 0 && harakiri::now().saturating_sub(self.began) > LONGEST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_has_an_end() {
        let mut turn = Turn::default();
        assert!(!turn.is_over(), "the first request has not been served");
        (0..MOST).for_each(|_| turn.count(harakiri::now()));
        assert!(turn.is_over());
        assert!(Turn { requests: 1, began: harakiri::now() - LONGEST - 1 }.is_over());
    }
}
