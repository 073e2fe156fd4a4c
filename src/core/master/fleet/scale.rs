//! How many workers a generation is to have, and which numbers they bear. What is due follows from that like anything else.

use std::collections::BTreeSet;

use super::crew::State;
use super::{Fleet, Generation, Plan};

/// Another number of workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// So many more, as far as there are numbers for them.
    Grow(u32),
    /// The worker with this number leaves.
    Shrink(u32),
    /// All leave, until there is something to do.
    Rest,
}

/// A number of workers that changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Elastic {
    /// Fewest workers, but for a rest.
    pub least: u32,
    /// Workers at the start of the instance.
    pub first: u32,
    /// All workers may be away when nobody asks.
    pub may_rest: bool,
}

/// A worker that is to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seat {
    /// Its number.
    pub number: u32,
    /// It serves; else it is on its way.
    pub serves: bool,
}

impl Fleet {
    /// The workers that the serving generation is to have, by number.
    #[must_use]
    pub fn seats(&self) -> Vec<Seat> {
        let serves = |number| {
            let is_it = |generation, other| generation == self.serving && other == number;
            let mut members = self.workers.iter().map(|(_, worker)| worker);
            members.any(|worker| is_it(worker.generation, worker.number) && worker.state == State::Ready)
        };
        self.manned
            .get(&self.serving)
            .into_iter()
            .flatten()
            .map(|&number| Seat { number, serves: serves(number) })
            .collect()
    }

    /// How many workers the generation is to have.
    pub(super) fn strength(&self, generation: Generation) -> u32 {
        self.manned.get(&generation).map_or(0, |numbers| u32::try_from(numbers.len()).unwrap_or(u32::MAX))
    }

    /// The numbers of the workers that a generation is to have, in their order.
    pub(super) fn manned(&self, generation: Generation) -> impl Iterator<Item = u32> {
        self.manned.get(&generation).into_iter().flatten().copied()
    }

    /// Whether there is to be a worker with that number.
    pub(super) fn is_manned(&self, generation: Generation, number: u32) -> bool {
        self.manned.get(&generation).is_some_and(|numbers| numbers.contains(&number))
    }

    /// Settles how many workers a new generation begins with: as many as the serving one has, where it may.
    pub(super) fn man(&mut self, generation: Generation, plan: Plan) {
        let before = (generation != self.serving).then(|| self.strength(self.serving));
        let count = match (plan.elastic, before) {
            (None, _) => plan.workers,
            (Some(elastic), None) => elastic.first,
            (Some(elastic), Some(0)) if elastic.may_rest => 0,
            (Some(elastic), Some(before)) => before.clamp(elastic.least.min(plan.workers), plan.workers),
        };
        self.manned.insert(generation, (1..=count.min(plan.workers)).collect());
    }

    /// Another number of workers, in the serving generation and in the one that is to take over.
    pub(super) fn scale(&mut self, scale: Scale) {
        for generation in self.wanted() {
            let plan = self.plan(generation);
            let vacant = self.unmanned(generation, plan.workers);
            let is_serving = generation == self.serving;
            let numbers = self.manned.entry(generation).or_default();
            match scale {
                Scale::Grow(count) => numbers.extend(vacant.into_iter().take(count as usize)),
                Scale::Shrink(number) if is_serving => drop(numbers.remove(&number)),
                Scale::Shrink(_) => drop(numbers.pop_last()),
                Scale::Rest => numbers.clear(),
            }
        }
    }

    /// Numbers for further workers. One whose worker is still leaving comes last: the two would share a place on the scoreboard.
    fn unmanned(&self, generation: Generation, workers: u32) -> Vec<u32> {
        let ours = self.workers.iter().filter(|(_, worker)| worker.generation == generation);
        let taken: BTreeSet<_> = ours.map(|(_, worker)| worker.number).collect();
        let mut numbers: Vec<_> = (1..=workers).filter(|&number| !self.is_manned(generation, number)).collect();
        numbers.sort_by_key(|number| (taken.contains(number), *number));
        numbers
    }
}
