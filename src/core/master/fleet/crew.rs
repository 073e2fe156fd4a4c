//! The processes of one kind: who lives, who is leaving and until when, which numbers are vacant, who died young.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::Generation;

/// A life shorter than this counts as a death at birth; so does one that has not come to serve, however long it took.
const YOUNG: Duration = Duration::from_secs(1);

/// Deaths at birth in a row that are answered at once; further ones wait. Where no process has come to serve in between, each
/// waits twice as long as the one before; one that has served is missed.
const PATIENCE: u32 = 2;

/// After how long a process is asked for again that the system could not start. That costs next to nothing, and may do the next moment.
const AGAIN: Duration = Duration::from_millis(250);

/// How many times the pause may double.
const DOUBLINGS: u32 = 4;

/// How far a process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Asked for or born, but not serving yet.
    Starting,
    /// The application is loaded, and the worker before it has yet to end.
    StandsBy,
    /// Serving.
    Ready,
    /// Told to leave at `told`; killed when it is still there at `until`.
    Leaving {
        /// When it was told.
        told: Instant,
        /// The end of mercy.
        until: Instant,
    },
    /// Killed; its end is awaited.
    Killed {
        /// When it was first told to leave.
        told: Instant,
    },
}

/// One process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) generation: Generation,
    /// Number among its kind, 1 first.
    pub(super) number: u32,
    /// Process id, 0 before birth.
    pub(super) pid: u32,
    /// Birth.
    pub(super) since: Instant,
    pub(super) state: State,
    /// It is to make room for a successor ([`super::relay`]).
    pub(super) is_weary: bool,
    /// The serial number of the one in whose place it comes; `None` when nobody is there any more.
    pub(super) succeeds: Option<u64>,
}

/// When the next process with a number may be born.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    AtOnce,
    /// After a pause: it is the so-manieth death at birth in a row.
    After(Duration, u32),
}

/// What is remembered about a number after a death.
#[derive(Debug, Clone, Copy)]
struct Grave {
    young_deaths: u32,
    /// How often in a row it could not even be started.
    refusals: u32,
    not_before: Instant,
}

/// The processes of one kind, by serial number.
#[derive(Debug, Default)]
pub(super) struct Crew {
    members: BTreeMap<u64, Member>,
    graves: BTreeMap<(Generation, u32), Grave>,
}

impl Crew {
    pub(super) fn iter(&self) -> impl Iterator<Item = (&u64, &Member)> {
        self.members.iter()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    pub(super) fn get_mut(&mut self, serial: u64) -> Option<&mut Member> {
        self.members.get_mut(&serial)
    }

    pub(super) fn remove(&mut self, serial: u64) -> Option<Member> {
        self.members.remove(&serial)
    }

    pub(super) fn join(&mut self, serial: u64, generation: Generation, number: u32, now: Instant) {
        let member =
            Member { generation, number, pid: 0, since: now, state: State::Starting, is_weary: false, succeeds: None };
        self.members.insert(serial, member);
    }

    /// Whether the process is the first of its number and generation.
    pub(super) fn is_first(&self, serial: u64) -> bool {
        self.members.get(&serial).is_none_or(|member| !self.graves.contains_key(&(member.generation, member.number)))
    }

    /// Numbers up to `count` that no process has and that may have one now.
    pub(super) fn vacant(&self, generation: Generation, count: u32, now: Instant) -> Vec<u32> {
        // Whoever makes room for a successor has its place until it is gone.
        let holds = |member: &&Member| member.generation == generation && (member.is_weary || !member.is_leaving());
        let taken: BTreeSet<_> = self.members.values().filter(holds).map(|member| member.number).collect();
        (1..=count)
            .filter(|number| !taken.contains(number))
            .filter(|&number| self.may_be_born(generation, number, now))
            .collect()
    }

    /// Whether no death at birth speaks against another process with this number now.
    pub(super) fn may_be_born(&self, generation: Generation, number: u32, now: Instant) -> bool {
        self.graves.get(&(generation, number)).is_none_or(|grave| grave.not_before <= now)
    }

    /// Takes note of the unasked-for end of a process, which [`Self::remove`] has returned.
    pub(super) fn mourn(&mut self, member: &Member, graceful: bool, pause: Duration, now: Instant) -> Pace {
        let key = (member.generation, member.number);
        let before = self.graves.get(&key).map_or(0, |grave| grave.young_deaths);
        let has_served = member.state != State::Starting;
        let young = !graceful && (!has_served || now.saturating_duration_since(member.since) < YOUNG);
        let young_deaths = if young { before.saturating_add(1) } else { 0 };
        let waits = young_deaths > PATIENCE && !pause.is_zero();
        let doublings = if has_served { 0 } else { young_deaths.saturating_sub(PATIENCE + 1).min(DOUBLINGS) };
        let pause = pause.saturating_mul(1 << doublings);
        let not_before = if waits { now + pause } else { now };
        self.graves.insert(key, Grave { young_deaths, refusals: 0, not_before });
        if waits { Pace::After(pause, young_deaths) } else { Pace::AtOnce }
    }

    /// Takes note that a process, which [`Self::remove`] has returned, could not be started; `true`: for the first time in a row.
    pub(super) fn postpone(&mut self, member: &Member, now: Instant) -> bool {
        let empty = Grave { young_deaths: 0, refusals: 0, not_before: now };
        let grave = self.graves.entry((member.generation, member.number)).or_insert(empty);
        grave.refusals = grave.refusals.saturating_add(1);
        grave.not_before = now + AGAIN;
        grave.refusals == 1
    }

    /// Takes note that a process has been started.
    pub(super) fn born(&mut self, serial: u64) {
        let Some(member) = self.members.get(&serial) else { return };
        if let Some(grave) = self.graves.get_mut(&(member.generation, member.number)) {
            grave.refusals = 0;
        }
    }

    /// When something is due without an event, later than `now`.
    pub(super) fn deadline(&self, now: Instant) -> Option<Instant> {
        let mercies = self.members.values().filter_map(|member| match member.state {
            State::Leaving { until, .. } => Some(until),
            _ => None,
        });
        let pauses = self.graves.values().map(|grave| grave.not_before);
        mercies.chain(pauses).filter(|&due| due > now).min()
    }

    /// How many processes of a generation serve.
    pub(super) fn ready(&self, generation: Generation) -> u32 {
        let is_ready = |member: &&Member| member.generation == generation && member.state == State::Ready;
        u32::try_from(self.members.values().filter(is_ready).count()).unwrap_or(u32::MAX)
    }

    /// How many processes of a generation were asked for and have yet to be born.
    pub(super) fn unborn(&self, generation: Generation) -> usize {
        self.members.values().filter(|member| member.generation == generation && member.pid == 0).count()
    }

    /// Whether number `number` of a generation serves.
    pub(super) fn is_ready(&self, generation: Generation, number: u32) -> bool {
        let is_it = |member: &Member| member.generation == generation && member.number == number;
        self.members.values().any(|member| is_it(member) && member.state == State::Ready)
    }

    /// How many processes of a generation there are, leaving ones too.
    pub(super) fn count(&self, generation: Generation) -> usize {
        self.members.values().filter(|member| member.generation == generation).count()
    }

    /// Forgets the dead of other generations.
    pub(super) fn forget_all_but(&mut self, kept: &BTreeSet<Generation>) {
        self.graves.retain(|(generation, _), _| kept.contains(generation));
    }
}

impl Member {
    pub(super) const fn is_leaving(&self) -> bool {
        matches!(self.state, State::Leaving { .. } | State::Killed { .. })
    }

    /// Time since it was told to leave.
    pub(super) fn left_for(&self, now: Instant) -> Duration {
        match self.state {
            State::Leaving { told, .. } | State::Killed { told } => now.saturating_duration_since(told),
            State::Starting | State::StandsBy | State::Ready => Duration::ZERO,
        }
    }

    /// Marks it as leaving; `false` when it was before.
    pub(super) fn leave(&mut self, now: Instant, mercy: Duration) -> bool {
        let first = !self.is_leaving();
        if first {
            self.state = State::Leaving { told: now, until: now + mercy };
        }
        first
    }

    /// Marks it as leaving, with less time than before; `false` when it has been killed already.
    pub(super) fn hurry(&mut self, now: Instant, mercy: Duration) -> bool {
        match self.state {
            State::Killed { .. } => return false,
            State::Leaving { told, until } => self.state = State::Leaving { told, until: until.min(now + mercy) },
            State::Starting | State::StandsBy | State::Ready => {
                self.state = State::Leaving { told: now, until: now + mercy }
            }
        }
        true
    }

    /// Marks it as killed once its mercy is over; `true` at that moment.
    pub(super) fn is_late(&mut self, now: Instant) -> bool {
        match self.state {
            State::Leaving { told, until } if until <= now => {
                self.state = State::Killed { told };
                true
            }
            _ => false,
        }
    }
}
