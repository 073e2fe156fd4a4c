//! Whether the cores of a worker want a processor all the time, be it that they have one or that they wait for it. When they do
//! not, they wait for something else (a database, say), and there is work for every one of them.

use std::fs;
use std::sync::Mutex;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64};

use crate::harakiri;

/// Time over which is looked, microseconds.
const WINDOW: u64 = 100_000;
/// Time for which a mistake is remembered, microseconds: it doubles with each, up to [`LONGEST`].
const SHORTEST: u64 = 400_000;
const LONGEST: u64 = 25_600_000;

/// What is known of it.
#[derive(Debug, Default)]
pub(super) struct Demand {
    last: Mutex<Look>,
    is_high: AtomicBool,
    /// It counts as low until then, microseconds: when cores had backed off, a processor was left over.
    low_until: AtomicU64,
    /// A core had nothing to do since the last look.
    was_idle: AtomicBool,
}

#[derive(Debug, Default, Clone, Copy)]
struct Look {
    /// When it was, microseconds.
    at: u64,
    /// For how long the threads had wanted a processor until then, nanoseconds.
    wanted: u64,
    /// For how long the next mistake is remembered, microseconds.
    penalty: u64,
}

impl Demand {
    /// Whether it was so in the last [`WINDOW`], in which cores had backed off or not. Takes the threads by their kernel's
    /// number.
    pub(super) fn is_high(&self, threads: impl Iterator<Item = u64>, had_backed_off: bool) -> bool {
        let now = harakiri::now();
        // Whoever comes while another looks takes the old answer.
        if let Ok(mut last) = self.last.try_lock()
            && now.saturating_sub(last.at) >= WINDOW
        {
            let wanted = threads.map(wanted).sum::<Option<u64>>();
            let look = Look { at: now, wanted: wanted.unwrap_or(0), ..*last };
            let is_high = wanted.is_some() && last.allows(look);
            self.is_high.store(is_high, Relaxed);
            *last = look;
            let was_idle = self.was_idle.swap(false, Relaxed);
            if had_backed_off {
                last.penalty = self.learn(is_high || was_idle, now, last.penalty);
            }
        }
        self.is_high.load(Relaxed) && now >= self.low_until.load(Relaxed)
    }

    /// Takes note of whether it was right that cores had backed off; returns the next penalty.
    fn learn(&self, was_right: bool, now: u64, penalty: u64) -> u64 {
        let penalty = penalty.clamp(SHORTEST, LONGEST);
        if was_right {
            return penalty - penalty / 8;
        }
        self.low_until.store(now + penalty, Relaxed);
        penalty * 2
    }

    /// A core has nothing to do.
    pub(super) fn idle(&self) {
        self.was_idle.store(true, Relaxed);
    }
}

impl Look {
    /// Whether they wanted one, taken together, for 19 of 20 parts of the time between this look and the next. When this one was
    /// long ago, they had nothing to do for a while, and that counts too.
    const fn allows(self, next: Self) -> bool {
        let micros = next.wanted.saturating_sub(self.wanted) / 1000;
        micros >= next.at.saturating_sub(self.at) / 20 * 19
    }
}

/// Time that a thread of this process had a processor or waited for one, nanoseconds; `None` where the kernel does not tell.
fn wanted(thread: u64) -> Option<u64> {
    parse(&fs::read_to_string(format!("/proc/self/task/{thread}/schedstat")).ok()?)
}

/// Reads the line of the kernel (its documentation: scheduler/sched-stats): time on a processor, time waiting for one, both in
/// nanoseconds, and a count.
fn parse(line: &str) -> Option<u64> {
    let mut numbers = line.split_ascii_whitespace().map(str::parse::<u64>);
    numbers.next()?.ok()?.checked_add(numbers.next()?.ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_high_when_threads_run_or_wait_for_nearly_all_of_the_time() {
        let first = Look { at: 1_000_000, wanted: 7_000_000_000, penalty: 0 };
        let after = |micros: u64, wanted: u64| {
            first.allows(Look { at: first.at + micros, wanted: first.wanted + wanted, ..first })
        };
        assert!(after(100_000, 95_000_000) && after(100_000, 390_000_000));
        assert!(!after(100_000, 94_000_000) && !after(600_000_000, 95_000_000));
    }

    #[test]
    fn the_kernels_line_is_read() {
        assert_eq!(parse("1500 20 3\n"), Some(1520));
        assert_eq!([parse(""), parse("1500"), parse("a b c"), parse(&format!("{0} {0} 1", u64::MAX))], [None; 4]);
    }

    #[test]
    fn a_thread_that_computes_wants_a_processor() {
        let demand = Demand::default();
        let thread = rsgi_sys::thread::this().1;
        let is_high = || demand.is_high([thread].into_iter(), false);
        assert!(!is_high());
        let until = harakiri::now() + 10_000_000;
        while harakiri::now() < until && !is_high() {}
        assert!(is_high());
        assert!(!Demand::default().is_high([0].into_iter(), false), "no such thread");
    }

    #[test]
    fn mistakes_are_remembered_longer_each_time_and_forgotten_slowly() {
        let demand = Demand::default();
        assert_eq!(demand.learn(false, 1, 0), 2 * SHORTEST);
        assert_eq!(demand.low_until.load(Relaxed), 1 + SHORTEST);
        assert_eq!(demand.learn(true, 2, 2 * SHORTEST), 2 * SHORTEST - SHORTEST / 4);
        assert_eq!(demand.low_until.load(Relaxed), 1 + SHORTEST);
        let longest = (0..20).fold(0, |penalty, _| demand.learn(false, 3, penalty));
        assert_eq!((demand.learn(false, 3, longest), demand.low_until.load(Relaxed)), (2 * LONGEST, 3 + LONGEST));
    }
}
