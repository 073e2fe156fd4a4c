//! The steps that are due: derived from what is there and what should be, whatever happened before.

use std::collections::BTreeSet;
use std::time::Instant;

use super::crew::{Member, State};
use super::{Action, Fleet, Generation, Opening, Phase, Who, name};
use crate::control::Order;

/// Forks that a zygote is asked for before it has told of the first. Its channel holds some more messages, and one that is
/// full refuses them.
pub(super) const BIRTHS: usize = 64;

impl Fleet {
    /// Takes every step that is due.
    pub(super) fn settle(&mut self, now: Instant, out: &mut Vec<Action>) {
        self.settled = now;
        if self.phase == Phase::Starting && self.is_complete(self.serving) {
            (self.phase, self.opening) = (Phase::Serving, Opening::Over);
            out.push(Action::Serving(self.serving));
        }
        if let Some(next) = self.next().filter(|&next| self.is_complete(next)) {
            self.serving = next;
            (self.phase, self.opening) = (Phase::Serving, Opening::Over);
            out.push(Action::Say(format!("generation {next} serves")));
            out.push(Action::Serving(next));
        }
        if let Some(next) = self.next().filter(|_| self.patience().is_some_and(|end| end <= now)) {
            // What is wished for may be the cure.
            self.give_up(next, "another reload was asked for", out);
        }
        let is_resumed = self.phase == Phase::Starting && self.opening == Opening::Resumed;
        if (self.phase == Phase::Serving || is_resumed)
            && let Some(rolling) = self.reload_again.take()
        {
            self.want_reload(rolling, out);
        }
        self.roll();
        for generation in self.wanted() {
            if !self.is_opaque(generation) {
                self.fill(generation, now, out);
            }
        }
        self.relay(now, out);
        self.retire(now, out);
        self.kill_the_late(now, out);
        self.forget(out);
        if let Phase::Stopping(exit) = self.phase
            && self.crews().iter().all(|crew| crew.is_empty())
        {
            out.push(Action::Leave(exit));
        }
    }

    /// Starts what the generation lacks.
    fn fill(&mut self, generation: Generation, now: Instant, out: &mut Vec<Action>) {
        let plan = self.plan(generation);
        for _ in self.zygotes.vacant(generation, 1, now) {
            self.serial += 1;
            self.zygotes.join(self.serial, generation, 1, now);
            out.push(Action::StartZygote(Who::Zygote(self.serial), generation));
        }
        let zygote =
            self.zygotes.iter().find(|(_, zygote)| zygote.generation == generation && zygote.state == State::Ready);
        let Some(zygote) = zygote.map(|(serial, _)| Who::Zygote(*serial)) else { return };
        if self.next() == Some(generation) && plan.check && !self.passed {
            for number in self.probes.vacant(generation, 1, now) {
                self.serial += 1;
                self.probes.join(self.serial, generation, number, now);
                out.push(Action::Fork { who: Who::Probe(self.serial), generation, number, zygote, stands_by: false });
            }
            return;
        }
        let due = self.due_workers(generation);
        let vacant = self.workers.vacant(generation, plan.workers, now);
        let vacant = vacant.into_iter().filter(|number| due.contains(number));
        for number in vacant.take(BIRTHS.saturating_sub(self.unborn_of(generation))) {
            self.serial += 1;
            self.workers.join(self.serial, generation, number, now);
            out.push(Action::Fork { who: Who::Worker(self.serial), generation, number, zygote, stands_by: false });
        }
        // Those of a generation that may yet fail would do the work of the serving one's.
        if generation == self.serving {
            let mules = self.mules.vacant(generation, plan.mules, now);
            for number in mules.into_iter().take(BIRTHS.saturating_sub(self.unborn_of(generation))) {
                self.serial += 1;
                self.mules.join(self.serial, generation, number, now);
                out.push(Action::Fork { who: Who::Mule(self.serial), generation, number, zygote, stands_by: false });
            }
            let spoolers = self.spoolers.vacant(generation, plan.spoolers, now);
            for number in spoolers.into_iter().take(BIRTHS.saturating_sub(self.unborn_of(generation))) {
                self.serial += 1;
                self.spoolers.join(self.serial, generation, number, now);
                out.push(Action::Fork { who: Who::Spooler(self.serial), generation, number, zygote, stands_by: false });
            }
        }
        // A router without workers could only let its clients wait for a generation that may never come.
        let routers = if generation == self.serving || self.has_workers(generation) { plan.routers } else { 0 };
        for number in self.routers.vacant(plan.routed_by, routers, now) {
            self.serial += 1;
            self.routers.join(self.serial, plan.routed_by, number, now);
            out.push(Action::StartRouter(Who::Router(self.serial), plan.routed_by, number));
        }
    }

    /// Forks that the zygote of a generation was asked for and has not told of.
    pub(super) fn unborn_of(&self, generation: Generation) -> usize {
        let forked = [&self.workers, &self.mules, &self.spoolers, &self.probes];
        forked.into_iter().map(|crew| crew.unborn(generation)).sum()
    }

    /// Whether workers are being replaced one after the other, by those of this generation.
    fn rolls_to(&self) -> Option<Generation> {
        self.next().filter(|&next| self.plan(next).rolling)
    }

    /// Counts the workers that a rolling reload has replaced. One that fails later is replaced as any other.
    fn roll(&mut self) {
        let Some(next) = self.rolls_to() else { return };
        let ready = |number: &u32| self.workers.is_ready(next, *number);
        let further = self.manned(next).skip(self.rolled as usize).take_while(ready).count();
        self.rolled = self.rolled.saturating_add(u32::try_from(further).unwrap_or(u32::MAX));
    }

    /// The numbers of the workers that a generation is to have at this moment.
    fn due_workers(&self, generation: Generation) -> BTreeSet<u32> {
        let numbers = self.manned(generation);
        let rolled = self.rolled as usize;
        match self.rolls_to() {
            None => numbers.collect(),
            Some(next) if next != generation => numbers.skip(rolled).collect(),
            Some(_) => {
                // The one before makes room first.
                let (before, kept) = (self.workers.count(self.serving), self.manned(self.serving).skip(rolled).count());
                numbers.take(if before > kept { rolled } else { rolled + 1 }).collect()
            }
        }
    }

    /// Sends away what no wanted generation needs: routers first, and the workers behind them when they have gone.
    fn retire(&mut self, now: Instant, out: &mut Vec<Action>) {
        let wanted: BTreeSet<_> = self.wanted().into_iter().collect();
        let routing: BTreeSet<_> = wanted.iter().map(|&generation| self.plan(generation).routed_by).collect();
        let mut unrouted = BTreeSet::new();
        // What a rolling reload has started stays, whatever makes room at the moment.
        let due_now = self.due_workers(self.serving);
        for (who, member) in self.everyone() {
            let plan = self.plan(member.generation);
            let due = match who {
                Who::Zygote(_) | Who::Mule(_) | Who::Spooler(_) => !wanted.contains(&member.generation),
                Who::Probe(_) => self.next() != Some(member.generation),
                Who::Router(_) => !routing.contains(&member.generation),
                Who::Worker(_) => {
                    let needed = |router: &Member| router.generation == plan.routed_by;
                    let is_routed =
                        !routing.contains(&plan.routed_by) && self.routers.iter().any(|(_, router)| needed(router));
                    if !wanted.contains(&member.generation) {
                        !is_routed
                    } else if member.generation == self.serving {
                        !due_now.contains(&member.number)
                    } else {
                        !self.is_manned(member.generation, member.number)
                    }
                }
            };
            let mercy = if matches!(who, Who::Mule(_)) { plan.mule_mercy } else { plan.mercy };
            let (crew, serial) = self.crew(who);
            if due && crew.get_mut(serial).is_some_and(|member| member.leave(now, mercy)) {
                if matches!(who, Who::Worker(_)) && !routing.contains(&plan.routed_by) {
                    unrouted.insert(plan.routed_by);
                }
                out.push(match who {
                    // It does not listen while it imports, and has nothing to finish.
                    Who::Zygote(_) if member.state == State::Starting => Action::Kill(who),
                    Who::Probe(_) => Action::Kill(who),
                    Who::Worker(_) | Who::Router(_) if !wanted.is_empty() => Action::Tell(who, Order::Retire),
                    _ => Action::Tell(who, Order::Drain),
                });
            }
        }
        // After the orders: a link that is cut is dialled again, unless its worker knows better.
        out.extend(unrouted.into_iter().map(Action::Unroute));
    }

    fn kill_the_late(&mut self, now: Instant, out: &mut Vec<Action>) {
        for (who, member) in self.everyone() {
            let (crew, serial) = self.crew(who);
            if crew.get_mut(serial).is_some_and(|member| member.is_late(now)) {
                let name = name(who, member.number);
                out.push(Action::Warn(format!(
                    "{name} (pid: {}) is taking too much time to die...NO MERCY !!!",
                    member.pid
                )));
                out.push(Action::Kill(who));
            }
        }
    }

    /// Drops plans of generations that have no member and are not wanted.
    fn forget(&mut self, out: &mut Vec<Action>) {
        let mut kept: BTreeSet<_> = self.wanted().into_iter().collect();
        kept.insert(self.serving);
        kept.extend(self.everyone().iter().map(|(_, member)| member.generation));
        let routing: Vec<_> =
            kept.iter().filter_map(|generation| self.plans.get(generation)).map(|p| p.routed_by).collect();
        kept.extend(routing);
        let others = [&mut self.routers, &mut self.workers, &mut self.mules, &mut self.spoolers, &mut self.probes];
        for crew in std::iter::once(&mut self.zygotes).chain(others) {
            crew.forget_all_but(&kept);
        }
        self.manned.retain(|generation, _| kept.contains(generation));
        self.plans.retain(|generation, _| {
            let keep = kept.contains(generation);
            if !keep {
                out.push(Action::Forget(*generation));
            }
            keep
        });
    }
}
