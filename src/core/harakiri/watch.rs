//! What becomes of requests that have passed their deadline: a machine of time and facts, which waits for nothing itself.
//!
//! A worker is accused for one request at a time. First it writes its stacks; then it is asked to leave, where the
//! configuration gives time for that; then it is killed. When the request ends in between, the rest is called off.

use std::time::Duration;

use super::micros;
use crate::master::fleet::Kind;

/// Time for writing the stacks.
const EVIDENCE: u64 = micros_of(1);

/// Pause between looks while stacks are being written.
const GLANCE: u64 = 5_000;

/// Pause between looks while what is due is held back.
const HELD: u64 = 250_000;

const fn micros_of(seconds: u64) -> u64 {
    seconds * 1_000_000
}

/// A core in a request that has a deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sight {
    /// Generation of its worker.
    pub generation: u32,
    /// What the process is.
    pub kind: Kind,
    /// Its number among its kind.
    pub number: u32,
    /// Number of the core.
    pub core: u32,
    /// Process id of the worker.
    pub pid: u32,
    /// Number of the request.
    pub serial: u64,
    /// Until when the request may take, by the clock of [`super::now`].
    pub deadline: u64,
    /// The application has set the deadline itself.
    pub by_user: bool,
    /// How often the worker has written its stacks, from 1 on; 0: it cannot.
    pub stacks: u64,
}

impl Sight {
    fn is(&self, other: &Self) -> bool {
        let key = |sight: &Self| (sight.generation, sight.number, sight.core, sight.pid, sight.serial);
        key(self) == key(other)
    }
}

/// How much time there is for ending well.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Patience {
    /// The worker raises an exception in the request by itself, and has so long from then on.
    pub grace: Option<Duration>,
    /// The worker is asked to leave, and has so long from then on.
    pub asked: Option<Duration>,
    /// It may take its time: nobody waits for its place (`harakiri-queue-threshold`).
    pub held: bool,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Tell the log who is accused of what, and let the worker write its stacks.
    Accuse {
        /// The request.
        sight: Sight,
        /// How often so far, this time included.
        attempt: u32,
        /// The worker is asked to leave, not killed.
        gently: bool,
    },
    /// Ask the worker to leave.
    Ask(Sight),
    /// Kill the worker.
    Kill(Sight),
    /// Tell the log that the request has ended after all.
    Spare(Sight),
}

/// A worker that is accused.
#[derive(Debug, Clone, Copy)]
struct Case {
    sight: Sight,
    attempt: u32,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// It writes its stacks, at most until then.
    Evidence { until: u64, gently: bool },
    /// It was asked to leave and has until then.
    Asked { until: u64 },
    /// It was killed.
    Killed,
}

/// The machine.
#[derive(Debug, Default)]
pub struct Watch {
    cases: Vec<Case>,
}

impl Watch {
    /// Decides what is due at `now`. `sights` are all cores with a deadline.
    #[must_use]
    pub fn look(&mut self, now: u64, sights: &[Sight], patience: impl Fn(&Sight) -> Patience) -> Vec<Step> {
        let mut steps = Vec::new();
        self.cases.retain_mut(|case| {
            let Some(seen) = sights.iter().find(|sight| sight.is(&case.sight)) else {
                if case.state != State::Killed {
                    steps.push(Step::Spare(case.sight));
                }
                return false;
            };
            case.proceed(now, seen, patience(seen), &mut steps);
            true
        });
        for sight in sights {
            let is_accused = |case: &Case| (case.sight.generation, case.sight.pid) == (sight.generation, sight.pid);
            let patience = patience(sight);
            if now >= due(sight, patience) && !patience.held && !self.cases.iter().any(is_accused) {
                let mut case = Case { sight: *sight, attempt: 0, state: State::Killed };
                case.accuse(now, sight, patience.asked.is_some(), &mut steps);
                self.cases.push(case);
            }
        }
        steps
    }

    /// When to look again, if no deadline is set meanwhile.
    #[must_use]
    pub fn next(&self, now: u64, sights: &[Sight], patience: impl Fn(&Sight) -> Patience) -> Option<u64> {
        let cases = self.cases.iter().filter_map(|case| match case.state {
            State::Evidence { until, .. } => Some(until.min(now + GLANCE)),
            State::Asked { until } => Some(until),
            State::Killed => None,
        });
        let accused = |sight: &Sight| self.cases.iter().any(|case| case.sight.pid == sight.pid);
        let others = sights.iter().filter(|sight| !accused(sight)).map(|sight| {
            let patience = patience(sight);
            let due = due(sight, patience);
            // Who waits before a socket is not told by the kernel.
            if patience.held { due.max(now + HELD) } else { due }
        });
        cases.chain(others).min()
    }
}

impl Case {
    fn proceed(&mut self, now: u64, seen: &Sight, patience: Patience, steps: &mut Vec<Step>) {
        match self.state {
            State::Evidence { until, gently } => {
                let is_written = seen.stacks != self.sight.stacks;
                if seen.stacks != 0 && !is_written && now < until {
                    return;
                }
                match patience.asked {
                    Some(time) if gently => {
                        self.state = State::Asked { until: now + micros(time) };
                        steps.push(Step::Ask(*seen));
                    }
                    _ => {
                        self.state = State::Killed;
                        steps.push(Step::Kill(*seen));
                    }
                }
            }
            State::Asked { until } if now >= until => self.accuse(now, seen, false, steps),
            State::Asked { .. } | State::Killed => {}
        }
    }

    fn accuse(&mut self, now: u64, seen: &Sight, gently: bool, steps: &mut Vec<Step>) {
        self.attempt += 1;
        self.sight = *seen;
        self.state = State::Evidence { until: now + EVIDENCE, gently };
        steps.push(Step::Accuse { sight: *seen, attempt: self.attempt, gently });
    }
}

/// When a request becomes the master's concern.
fn due(sight: &Sight, patience: Patience) -> u64 {
    sight.deadline.saturating_add(patience.grace.map_or(0, micros))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000;

    fn sight(core: u32, deadline: u64) -> Sight {
        Sight {
            generation: 0,
            kind: Kind::Worker,
            number: 1,
            core,
            pid: 7,
            serial: 3,
            deadline,
            by_user: false,
            stacks: 1,
        }
    }

    fn none(_: &Sight) -> Patience {
        Patience::default()
    }

    #[test]
    fn nothing_happens_before_the_deadline() {
        let mut watch = Watch::default();
        let sights = [sight(0, 30 * SECOND), sight(1, 20 * SECOND)];
        assert_eq!(watch.look(19 * SECOND, &sights, none), []);
        assert_eq!(watch.next(19 * SECOND, &sights, none), Some(20 * SECOND));
        assert_eq!(watch.next(SECOND, &[], none), None);
    }

    #[test]
    fn the_evidence_is_awaited_but_not_for_ever() {
        for (stacks, waits) in [(1, true), (2, false), (0, false)] {
            let mut watch = Watch::default();
            let mut one = sight(0, 5 * SECOND);
            let late = Step::Accuse { sight: one, attempt: 1, gently: false };
            assert_eq!(watch.look(5 * SECOND, &[one, sight(1, 4 * SECOND)][..1], none), [late]);
            assert_eq!(watch.next(5 * SECOND, &[one], none), Some(5 * SECOND + GLANCE));
            one.stacks = stacks;
            let steps = watch.look(5 * SECOND + GLANCE, &[one], none);
            assert_eq!(steps.is_empty(), waits, "{stacks}: {steps:?}");
            let later = watch.look(6 * SECOND, &[one], none);
            assert_eq!([steps, later].concat(), [Step::Kill(one)]);
            // Until its end is known, nothing more is done about it.
            assert_eq!((watch.look(9 * SECOND, &[one], none), watch.next(9 * SECOND, &[one], none)), (vec![], None));
            assert_eq!(watch.look(10 * SECOND, &[], none), []);
        }
    }

    #[test]
    fn a_request_that_ends_in_time_spares_its_worker() {
        let mut watch = Watch::default();
        let one = sight(0, SECOND);
        assert_eq!(watch.look(SECOND, &[one], none).len(), 1);
        let next = Sight { serial: 4, deadline: 9 * SECOND, ..one };
        assert_eq!(watch.look(SECOND + GLANCE, &[next], none), [Step::Spare(one)]);
        assert_eq!(watch.next(SECOND + GLANCE, &[next], none), Some(9 * SECOND));
    }

    #[test]
    fn a_worker_is_accused_once_at_a_time_and_others_by_themselves() {
        let mut watch = Watch::default();
        let other = Sight { number: 2, pid: 8, ..sight(0, SECOND) };
        let steps = watch.look(2 * SECOND, &[sight(0, SECOND), sight(1, SECOND), other], none);
        let accused: Vec<_> = steps.iter().map(|step| matches!(step, Step::Accuse { .. })).collect();
        assert_eq!(accused, [true, true]);
    }

    #[test]
    fn a_worker_that_is_asked_first_has_its_time() {
        let patience = |_: &Sight| Patience { asked: Some(Duration::from_secs(3)), ..Patience::default() };
        let mut watch = Watch::default();
        let one = sight(0, SECOND);
        assert_eq!(watch.look(SECOND, &[one], patience), [Step::Accuse { sight: one, attempt: 1, gently: true }]);
        let one = Sight { stacks: 2, ..one };
        assert_eq!(watch.look(SECOND, &[one], patience), [Step::Ask(one)]);
        assert_eq!(watch.next(2 * SECOND, &[one], patience), Some(4 * SECOND));
        assert_eq!(watch.look(3 * SECOND, &[one], patience), []);
        assert_eq!(watch.look(4 * SECOND, &[one], patience), [Step::Accuse { sight: one, attempt: 2, gently: false }]);
        let one = Sight { stacks: 3, ..one };
        assert_eq!(watch.look(4 * SECOND, &[one], patience), [Step::Kill(one)]);
    }

    #[test]
    fn nobody_is_accused_while_nobody_waits() {
        let held = |_: &Sight| Patience { held: true, ..Patience::default() };
        let mut watch = Watch::default();
        let one = sight(0, SECOND);
        assert_eq!(watch.next(0, &[one], held), Some(SECOND));
        assert_eq!(watch.look(2 * SECOND, &[one], held), []);
        assert_eq!(watch.next(2 * SECOND, &[one], held), Some(2 * SECOND + HELD));
        assert_eq!(watch.look(3 * SECOND, &[one], none).len(), 1);
        // What was begun is not called off when the queue is served meanwhile.
        assert_eq!(watch.look(4 * SECOND, &[one], held), [Step::Kill(one)]);
    }

    #[test]
    fn what_the_worker_does_itself_is_left_to_it_for_a_while() {
        let patience = |_: &Sight| Patience { grace: Some(Duration::from_secs(2)), ..Patience::default() };
        let mut watch = Watch::default();
        let one = sight(0, SECOND);
        assert_eq!(
            (watch.look(2 * SECOND, &[one], patience), watch.next(0, &[one], patience)),
            (vec![], Some(3 * SECOND))
        );
        assert_eq!(watch.look(3 * SECOND, &[one], patience).len(), 1);
    }
}
