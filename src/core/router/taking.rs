//! How a client takes its answer: whether it takes any, and how much in its time.
//!
//! What the kernel has taken from us is not yet with the client, and a socket takes more only when a good part of what it holds
//! is gone. So while it takes nothing, we ask how much of what it holds is still unacknowledged (`SIOCOUTQ`): a client on a
//! narrow line is told from one that does not read.

use tokio::time::Instant;

use crate::rate::{Least, Rate};

/// The answer's way to the client.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Taking {
    rate: Rate,
    /// Bytes given to the kernel on this connection.
    written: u64,
    /// Bytes of those that the client had when it was last asked.
    had: Option<u64>,
    /// Since when the client has taken nothing; `None`: there is room.
    blocked: Option<Instant>,
}

impl Taking {
    /// Another request begins.
    pub(super) fn begin(&mut self) {
        *self = Self { written: self.written, ..Self::default() };
    }

    /// There is no room. `passed`: bytes that the kernel has taken, if not all that were written; `unsent`: those that it still
    /// holds.
    pub(super) fn blocks(&mut self, passed: Option<u64>, unsent: u64) {
        let now = Instant::now();
        let has = passed.unwrap_or(self.written).saturating_sub(unsent);
        let more = has.saturating_sub(self.had.unwrap_or(has));
        self.had = Some(self.had.unwrap_or(has).max(has));
        self.rate.moved(more);
        self.rate.wait(now.into_std());
        if self.blocked.is_none() || more > 0 {
            self.blocked = Some(now);
        }
    }

    /// The kernel has taken so much.
    pub(super) fn sent(&mut self, bytes: u64) {
        self.written = self.written.saturating_add(bytes);
        if self.blocked.take().is_some() {
            self.rate.rest(Instant::now().into_std());
        }
    }

    /// There is no room, on a connection that is to wait for it as long as it takes.
    pub(super) fn pauses(&mut self, is_blocked: bool) {
        match (is_blocked, self.blocked) {
            (true, None) => self.blocked = Some(Instant::now()),
            (false, Some(_)) => self.blocked = None,
            _ => {}
        }
    }

    /// Something lies ready that the client does not fetch.
    pub(super) fn lies(&mut self) {
        if !self.rate.is_waiting() {
            self.rate.wait(Instant::now().into_std());
        }
    }

    /// The client has fetched so much of it.
    pub(super) fn fetched(&mut self, bytes: u64) {
        self.rate.moved(bytes);
        self.rate.rest(Instant::now().into_std());
    }

    pub(super) const fn blocked(&self) -> Option<Instant> {
        self.blocked
    }

    /// When it will have taken too little for its time.
    pub(super) fn due(&self, least: Option<Least>) -> Option<Instant> {
        self.rate.due(least).map(Instant::from_std)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_the_kernel_holds_is_not_taken() {
        let least = Least::new(10, Duration::from_secs(5));
        let mut taking = Taking::default();
        taking.sent(100_000);
        taking.blocks(None, 90_000);
        let (began, due) = (taking.blocked().unwrap(), taking.due(least).unwrap());
        taking.blocks(None, 90_000);
        assert_eq!((taking.blocked(), taking.due(least)), (Some(began), Some(due)), "nothing has moved");
        taking.blocks(None, 89_000);
        assert!(taking.blocked().unwrap() > began);
        assert_eq!(taking.due(least), Some(due + Duration::from_secs(95)), "1000 bytes are good for 100 seconds");
        taking.sent(50);
        assert_eq!((taking.blocked(), taking.due(least)), (None, None));
    }

    #[test]
    fn the_next_answer_begins_anew() {
        let least = Least::new(1, Duration::from_secs(5));
        let mut taking = Taking::default();
        taking.sent(1000);
        taking.blocks(None, 1000);
        taking.blocks(None, 0);
        assert!(taking.due(least).unwrap() > Instant::now() + Duration::from_secs(500));
        taking.begin();
        taking.lies();
        assert!(taking.due(least).unwrap() < Instant::now() + Duration::from_secs(6));
    }
}
