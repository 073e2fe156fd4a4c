//! A fleet that outlives its master: what one leaves to the next, and how that one goes on.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::crew::{Crew, Member, State};
use super::patience::Headway;
use super::{Action, Fleet, Generation, Opening, Phase, Plan, Who};
use crate::ending::Ending;

/// A process that changes its master.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heir {
    /// Which.
    pub who: Who,
    /// Its generation.
    pub generation: Generation,
    /// Number among its kind, 1 first.
    pub number: u32,
    /// Process id.
    pub pid: u32,
    /// Time since its birth.
    pub age: Duration,
}

/// A fleet, as one master leaves it to the next: one generation serves, and nothing is on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Legacy {
    /// The generation that serves.
    pub serving: Generation,
    /// The latest that there was, and be it one that failed.
    pub latest: Generation,
    /// The latest serial number.
    pub serial: u64,
    /// All processes.
    pub heirs: Vec<Heir>,
    /// Numbers of the workers that there are to be.
    pub manned: BTreeSet<u32>,
    /// Plans by generation: of the serving one, and of the one that has brought its routers.
    pub plans: BTreeMap<Generation, Plan>,
    /// They are of a program that the new master does not understand. It can have them drained; it cannot replace them.
    pub is_opaque: bool,
}

/// Why a fleet cannot be left to another master now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Obstacle {
    /// For long, perhaps.
    Lasting(&'static str),
    /// A moment later it can.
    Passing(&'static str),
}

impl Fleet {
    /// What there is to leave to another master.
    ///
    /// # Errors
    /// When it is not as simple as that.
    pub fn legacy(&self, now: Instant) -> Result<Legacy, Obstacle> {
        match self.phase {
            Phase::Serving => {}
            Phase::Starting => return Err(Obstacle::Lasting("it has not served yet")),
            Phase::Preparing | Phase::Reloading(_) => return Err(Obstacle::Lasting("a reload is under way")),
            Phase::Stopping(_) => return Err(Obstacle::Lasting("the instance is stopping")),
        }
        if self.reload_again.is_some() {
            return Err(Obstacle::Lasting("a reload is under way"));
        }
        let everyone = self.everyone();
        if everyone.iter().any(|(_, member)| member.is_leaving()) {
            return Err(Obstacle::Lasting("processes of the generation before are still leaving"));
        }
        if everyone.iter().any(|(_, member)| member.state != State::Ready || member.pid == 0) {
            return Err(Obstacle::Passing("a process is just being born"));
        }
        let heir = |(who, member): (Who, Member)| Heir {
            who,
            generation: member.generation,
            number: member.number,
            pid: member.pid,
            age: now.saturating_duration_since(member.since),
        };
        Ok(Legacy { heirs: everyone.into_iter().map(heir).collect(), ..self.outline() })
    }

    /// The same without processes.
    #[must_use]
    pub fn outline(&self) -> Legacy {
        Legacy {
            serving: self.serving,
            latest: self.latest,
            serial: self.serial,
            heirs: Vec::new(),
            manned: self.manned(self.serving).collect(),
            plans: self.plans.clone(),
            is_opaque: self.is_opaque(self.serving),
        }
    }

    /// A fleet that goes on where another has been left.
    #[must_use]
    pub fn resume(legacy: Legacy, now: Instant) -> Self {
        let mut fleet = Self {
            phase: Phase::Serving,
            opening: Opening::Over,
            lacks_app: false,
            told: false,
            serving: legacy.serving,
            latest: legacy.latest,
            plans: legacy.plans,
            zygotes: Crew::default(),
            routers: Crew::default(),
            workers: Crew::default(),
            mules: Crew::default(),
            spoolers: Crew::default(),
            probes: Crew::default(),
            serial: legacy.serial,
            reload_again: None,
            headway: Headway::new(now),
            asked_to_roll: false,
            passed: false,
            rolled: 0,
            manned: BTreeMap::new(),
            settled: now,
            opaque: legacy.is_opaque.then_some(legacy.latest),
        };
        fleet.manned.insert(fleet.serving, legacy.manned);
        for Heir { who, generation, number, pid, age } in legacy.heirs {
            let (crew, serial) = fleet.crew(who);
            crew.join(serial, generation, number, now);
            if let Some(member) = crew.get_mut(serial) {
                *member = Member { pid, state: State::Ready, since: now.checked_sub(age).unwrap_or(now), ..*member };
            }
        }
        fleet
    }

    /// Whether the processes of a generation cannot be understood, and so not be replaced.
    pub(super) fn is_opaque(&self, generation: Generation) -> bool {
        self.opaque.is_some_and(|last| generation <= last)
    }

    /// A process has ended that cannot be replaced: only a new generation helps.
    pub(super) fn opaque_gone(&mut self, name: &str, pid: u32, ending: Ending, out: &mut Vec<Action>) {
        out.push(Action::Warn(format!(
            "{name} (pid: {pid}) of the program before has ended, {ending}: it is not replaced before a new generation serves"
        )));
        if self.phase == Phase::Serving {
            self.want_reload(false, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::{Order, Report};
    use crate::master::fleet::{Event, Mood};

    const PLAN: Plan = Plan {
        workers: 2,
        cores: 1,
        routers: 1,
        mules: 1,
        spoolers: 0,
        routed_by: 0,
        mercy: Duration::from_secs(60),
        mule_mercy: Duration::from_secs(30),
        pause: Duration::ZERO,
        need_app: true,
        check: false,
        lazy: false,
        rolling: false,
        elastic: None,
    };

    /// Does all that is to be done as healthy processes would; returns what was said and what was told to processes.
    fn obey(fleet: &mut Fleet, actions: Vec<Action>, now: Instant) -> (Vec<String>, Vec<(Who, Order)>) {
        let (mut lines, mut told, mut todo) = (Vec::new(), Vec::new(), std::collections::VecDeque::from(actions));
        while let Some(action) = todo.pop_front() {
            let events = match action {
                Action::StartZygote(who, _) | Action::StartRouter(who, _, _) | Action::Fork { who, .. } => {
                    let (Who::Zygote(serial) | Who::Router(serial) | Who::Worker(serial) | Who::Mule(serial)) = who
                    else {
                        panic!("{who:?}")
                    };
                    vec![Event::Born(who, 100 + u32::try_from(serial).unwrap()), Event::Said(who, Report::Ready)]
                }
                Action::Tell(who, order) => {
                    told.push((who, order));
                    vec![Event::Gone(who, Ending::Exited(0))]
                }
                Action::Prepare(number) => vec![Event::Prepared(Some(Plan { routed_by: number, ..PLAN }))],
                Action::Say(line) | Action::Warn(line) | Action::Alarm(line) => {
                    lines.push(line);
                    Vec::new()
                }
                _ => Vec::new(),
            };
            todo.extend(events.into_iter().flat_map(|event| fleet.on(event, now)));
        }
        (lines, told)
    }

    fn serving(now: Instant) -> Fleet {
        let (mut fleet, actions) = Fleet::start(PLAN, now);
        obey(&mut fleet, actions, now);
        assert_eq!(fleet.mood(), Mood::Serving);
        fleet
    }

    #[test]
    fn it_goes_on_as_if_nothing_had_happened() {
        let now = Instant::now();
        let fleet = serving(now);
        let legacy = fleet.legacy(now + Duration::from_secs(5)).unwrap();
        assert_eq!((legacy.heirs.len(), legacy.serving, legacy.latest), (5, 0, 0));
        let mut next = Fleet::resume(legacy.clone(), now);
        assert_eq!(next.on(Event::Tick, now), [], "nothing is missing");
        assert_eq!(next.legacy(now).map(|found| found.heirs.len()), Ok(5));
        assert_eq!((next.status(), next.deadline()), (fleet.status(), None));
        // One that has ended meanwhile is replaced by the old zygote.
        let who = legacy.heirs.iter().map(|heir| heir.who).find(|who| matches!(who, Who::Worker(_))).unwrap();
        let actions = next.on(Event::Gone(who, Ending::Killed(9)), now);
        assert!(actions.iter().any(|action| matches!(action, Action::Fork { number: 1, .. })), "{actions:?}");
        let (_, told) = obey(&mut next, actions, now);
        assert_eq!((told, next.ready_workers()), (vec![], 2));
    }

    #[test]
    fn a_reload_replaces_everybody_and_serial_numbers_are_not_given_twice() {
        let now = Instant::now();
        let legacy = serving(now).legacy(now).unwrap();
        let mut next = Fleet::resume(legacy.clone(), now);
        let actions = next.on(Event::WantReload, now);
        let (_, told) = obey(&mut next, actions, now);
        let mut left: Vec<_> = told.iter().map(|(who, _)| *who).collect();
        left.sort();
        let mut heirs: Vec<_> = legacy.heirs.iter().map(|heir| heir.who).collect();
        heirs.sort();
        assert_eq!(left, heirs);
        let after = next.legacy(now).unwrap();
        assert_eq!((after.serving, after.is_opaque), (1, false));
        assert!(after.heirs.iter().all(|heir| !heirs.contains(&heir.who)));
    }

    #[test]
    fn an_opaque_generation_is_drained_and_nobody_of_it_is_replaced() {
        let now = Instant::now();
        let legacy = Legacy { is_opaque: true, ..serving(now).legacy(now).unwrap() };
        let mut next = Fleet::resume(legacy.clone(), now);
        assert_eq!(next.on(Event::Tick, now), []);
        let zygote = legacy.heirs.iter().map(|heir| heir.who).find(|who| matches!(who, Who::Zygote(_))).unwrap();
        let actions = next.on(Event::Gone(zygote, Ending::Killed(9)), now);
        insta::assert_debug_snapshot!(actions, @r#"
        [
            Warn(
                "zygote (pid: 101) of the program before has ended, killed by signal 9: it is not replaced before a new generation serves",
            ),
            Say(
                "...gracefully reloading: generation 1",
            ),
            Prepare(
                1,
            ),
        ]
        "#);
        // The new configuration does not do: what is left goes on.
        let actions = next.on(Event::Prepared(None), now);
        assert!(!actions.iter().any(|action| matches!(action, Action::StartZygote(..) | Action::Fork { .. })));
        assert_eq!((next.mood(), next.ready_workers()), (Mood::Serving, 2));
        let actions = next.on(Event::WantReload, now);
        let (_, told) = obey(&mut next, actions, now);
        assert_eq!(told.len(), 4, "{told:?}");
        // The new ones are replaced as ever.
        let worker =
            next.legacy(now).unwrap().heirs.into_iter().find(|heir| matches!(heir.who, Who::Worker(_))).unwrap();
        let actions = next.on(Event::Gone(worker.who, Ending::Killed(9)), now);
        assert!(actions.iter().any(|action| matches!(action, Action::Fork { .. })), "{actions:?}");
    }

    #[test]
    fn only_what_serves_plainly_is_left_to_others() {
        let now = Instant::now();
        let (mut fleet, _) = Fleet::start(PLAN, now);
        assert_eq!(fleet.legacy(now), Err(Obstacle::Lasting("it has not served yet")));
        fleet = serving(now);
        let worker =
            fleet.legacy(now).unwrap().heirs.into_iter().find(|heir| matches!(heir.who, Who::Worker(_))).unwrap();
        let _ = fleet.on(Event::Gone(worker.who, Ending::Killed(9)), now);
        assert_eq!(fleet.legacy(now), Err(Obstacle::Passing("a process is just being born")));
        fleet = serving(now);
        let _ = fleet.on(Event::WantReload, now);
        assert_eq!(fleet.legacy(now), Err(Obstacle::Lasting("a reload is under way")));
        fleet = serving(now);
        let _ = fleet.on(Event::Stop, now);
        assert_eq!(fleet.legacy(now), Err(Obstacle::Lasting("the instance is stopping")));
    }
}
