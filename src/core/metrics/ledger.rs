//! What the master counts itself: births and deaths of processes, and how reloads went.

use std::collections::BTreeMap;

use crate::ending::Ending;
use crate::exit::Exit;
use crate::master::fleet::Who;

/// How a reload went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reload {
    /// The new generation serves.
    Succeeded,
    /// The new generation did not come to serve.
    Failed,
    /// The configuration, or what it names, could not be had: no new generation was begun.
    Refused,
}

/// Why a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// The master asked it to leave: a stop, a reload, its age.
    Ordered,
    /// It has served enough, or has grown too large, and left by itself.
    Recycled,
    /// It was killed because a request passed its deadline.
    Harakiri,
    /// It was killed because it did not leave in time.
    Mercy,
    /// It was killed because it had grown too large (`evil-reload-on-*`), or by the kernel for want of memory.
    Memory,
    /// A signal ended it: a crash, the kernel short of memory, an administrator.
    Signal,
    /// It ended with an exit code of its own.
    Error,
    /// Nobody could see why.
    Unknown,
}

impl Reload {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Succeeded, Self::Failed, Self::Refused];

    /// The outcome in a word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Refused => "refused",
        }
    }
}

impl Cause {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Ordered,
        Self::Recycled,
        Self::Harakiri,
        Self::Mercy,
        Self::Memory,
        Self::Signal,
        Self::Error,
        Self::Unknown,
    ];

    /// The cause in a word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ordered => "ordered",
            Self::Recycled => "recycled",
            Self::Harakiri => "harakiri",
            Self::Mercy => "mercy",
            Self::Memory => "memory",
            Self::Signal => "signal",
            Self::Error => "error",
            Self::Unknown => "unknown",
        }
    }

    const fn of(ending: Ending) -> Self {
        match ending {
            Ending::Exited(code) if code == Exit::Reload.code() => Self::Recycled,
            Ending::Exited(code) if code == Exit::Ok.code() || code == Exit::WorkerEnd.code() => Self::Ordered,
            Ending::Exited(_) => Self::Error,
            Ending::Killed(_) => Self::Signal,
            Ending::Unknown | Ending::Unborn => Self::Unknown,
        }
    }
}

/// The counters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ledger {
    /// Processes that were started, by role.
    pub started: BTreeMap<&'static str, u64>,
    /// Processes that have ended, by role and cause.
    pub ended: BTreeMap<(&'static str, Cause), u64>,
    /// Processes that were killed, or asked to leave, because a request passed its deadline.
    pub harakiris: u64,
    /// Reloads by outcome, and when the last one was (seconds since the epoch).
    reloads: [(u64, Option<u64>); 3],
    last: Option<Reload>,
    /// Why processes are about to end, by process id.
    condemned: BTreeMap<u32, Cause>,
}

const fn role(who: Who) -> &'static str {
    match who {
        Who::Zygote(_) => "zygote",
        Who::Router(_) => "router",
        Who::Worker(_) => "worker",
        Who::Mule(_) => "mule",
        Who::Spooler(_) => "spooler",
        Who::Probe(_) => "probe",
    }
}

impl Ledger {
    /// A process was born.
    pub fn born(&mut self, who: Who) {
        *self.started.entry(role(who)).or_default() += 1;
    }

    /// A process is about to be killed. The first reason counts.
    pub fn condemn(&mut self, pid: u32, cause: Cause) {
        self.condemned.entry(pid).or_insert(cause);
    }

    /// A process has ended.
    pub fn gone(&mut self, who: Who, pid: u32, ending: Ending) {
        let condemned = self.condemned.remove(&pid).filter(|_| matches!(ending, Ending::Killed(_) | Ending::Unknown));
        let cause = condemned.unwrap_or_else(|| Cause::of(ending));
        *self.ended.entry((role(who), cause)).or_default() += 1;
    }

    /// A reload is over, `now` being seconds since the epoch.
    pub fn reloaded(&mut self, outcome: Reload, now: u64) {
        if let Some((count, last)) = self.reloads.get_mut(outcome as usize) {
            *count += 1;
            *last = Some(now);
        }
        self.last = Some(outcome);
    }

    /// Reloads with this outcome, and when the last one was.
    #[must_use]
    pub fn reloads(&self, outcome: Reload) -> (u64, Option<u64>) {
        self.reloads.get(outcome as usize).copied().unwrap_or_default()
    }

    /// How the last reload went.
    #[must_use]
    pub const fn last_reload(&self) -> Option<Reload> {
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deaths_have_causes() {
        let mut ledger = Ledger::default();
        let worker = Who::Worker(1);
        ledger.born(worker);
        ledger.born(worker);
        ledger.condemn(7, Cause::Harakiri);
        ledger.condemn(7, Cause::Mercy);
        ledger.condemn(8, Cause::Mercy);
        for (pid, ending) in [
            (7, Ending::Killed(9)),
            (7, Ending::Killed(9)),
            (8, Ending::Exited(Exit::WorkerEnd.code())),
            (9, Ending::Exited(Exit::Reload.code())),
            (10, Ending::Exited(3)),
            (0, Ending::Unknown),
        ] {
            ledger.gone(worker, pid, ending);
        }
        ledger.gone(Who::Router(2), 11, Ending::Exited(0));
        let of = |cause| ledger.ended.get(&("worker", cause)).copied().unwrap_or(0);
        let causes = [Cause::Harakiri, Cause::Signal, Cause::Ordered, Cause::Recycled, Cause::Error, Cause::Unknown];
        assert_eq!(causes.map(of), [1; 6], "{ledger:?}");
        assert_eq!((of(Cause::Mercy), ledger.ended[&("router", Cause::Ordered)], ledger.started["worker"]), (0, 1, 2));
        assert!(ledger.condemned.is_empty());
    }

    #[test]
    fn reloads_by_outcome() {
        let mut ledger = Ledger::default();
        assert_eq!((ledger.reloads(Reload::Failed), ledger.last_reload()), ((0, None), None));
        ledger.reloaded(Reload::Failed, 10);
        ledger.reloaded(Reload::Failed, 20);
        ledger.reloaded(Reload::Refused, 30);
        assert_eq!(Reload::ALL.map(|outcome| ledger.reloads(outcome)), [(0, None), (2, Some(20)), (1, Some(30))]);
        assert_eq!(ledger.last_reload(), Some(Reload::Refused));
    }
}
