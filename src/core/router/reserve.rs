//! Descriptors that clients do not get: those of the files that workers hand over with their answers, which the kernel drops without
//! a word when there are none left (unix(7), `SCM_RIGHTS`), of static files, and of the log when it is opened anew.

use std::cell::Cell;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};

use nix::sys::resource::{Resource, getrlimit};

/// Descriptors that are kept: one in [`SHARE`] of those that the process may have, but so many.
const KEPT: std::ops::RangeInclusive<u64> = 16..=256;
const SHARE: u64 = 16;

/// The numbers that are kept. The kernel gives the lowest that is free, so the number of a new descriptor says how many there are.
#[derive(Debug)]
pub(super) struct Reserve {
    first: Cell<RawFd>,
}

impl Reserve {
    pub(super) fn of_this_process() -> Self {
        let reserve = Self { first: Cell::new(RawFd::MAX) };
        reserve.renew();
        reserve
    }

    /// Whether a new descriptor with this number is one of those that are kept.
    pub(super) fn has(&self, number: RawFd) -> bool {
        if number < self.first.get() {
            return false;
        }
        // Somebody may have raised the limit since.
        self.renew();
        number >= self.first.get()
    }

    /// Whether the next descriptor would be; `any` is one that is open.
    pub(super) fn is_touched(&self, any: BorrowedFd<'_>) -> bool {
        let next: io::Result<_> = any.try_clone_to_owned();
        next.map_or(true, |next| self.has(next.as_raw_fd()))
    }

    fn renew(&self) {
        let soft = getrlimit(Resource::RLIMIT_NOFILE).map_or(u64::MAX, |(soft, _)| soft);
        self.first.set(first_of(soft));
    }
}

/// The first number that is kept where descriptors have the numbers below `limit`.
fn first_of(limit: u64) -> RawFd {
    // Who has next to none needs all of them.
    let kept = (limit / SHARE).clamp(*KEPT.start(), *KEPT.end()).min(limit / 4);
    RawFd::try_from(limit.saturating_sub(kept)).unwrap_or(RawFd::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_kept() {
        let limits = [0, 3, 20, 80, 1024, 65_536, u64::MAX];
        assert_eq!(limits.map(first_of), [0, 3, 15, 64, 960, 65_280, RawFd::MAX]);
    }

    #[test]
    fn what_is_open_here_is_far_from_it() {
        let reserve = Reserve { first: Cell::new(0) };
        assert!(!reserve.is_touched(std::os::fd::AsFd::as_fd(&io::stderr())), "the limit is looked at anew");
        assert!(reserve.has(RawFd::MAX));
    }
}
