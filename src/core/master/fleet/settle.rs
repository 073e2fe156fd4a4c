//! The steps that are due: derived from what is there and what should be, whatever happened before.

use std::collections::BTreeSet;
use std::time::Instant;

use super::crew::{Member, State};
use super::{Action, Fleet, Generation, Phase, Who, name};
use crate::control::Order;

impl Fleet {
    /// Takes every step that is due.
    pub(super) fn settle(&mut self, now: Instant, out: &mut Vec<Action>) {
        self.settled = now;
        if let Some(next) = self.next().filter(|&next| self.is_complete(next)) {
            self.serving = next;
            self.phase = Phase::Serving;
            out.push(Action::Say(format!("generation {next} serves")));
            out.push(Action::Serving(next));
        }
        if self.phase == Phase::Serving && std::mem::take(&mut self.reload_again) {
            self.want_reload(out);
        }
        for generation in self.wanted() {
            self.fill(generation, now, out);
        }
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
        for number in self.workers.vacant(generation, plan.workers, now) {
            self.serial += 1;
            self.workers.join(self.serial, generation, number, now);
            out.push(Action::Fork { who: Who::Worker(self.serial), generation, number, zygote });
        }
        // Those of a generation that may yet fail would do the work of the serving one's.
        if generation == self.serving {
            for number in self.mules.vacant(generation, plan.mules, now) {
                self.serial += 1;
                self.mules.join(self.serial, generation, number, now);
                out.push(Action::Fork { who: Who::Mule(self.serial), generation, number, zygote });
            }
            for number in self.spoolers.vacant(generation, plan.spoolers, now) {
                self.serial += 1;
                self.spoolers.join(self.serial, generation, number, now);
                out.push(Action::Fork { who: Who::Spooler(self.serial), generation, number, zygote });
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

    /// Sends away what no wanted generation needs: routers first, and the workers behind them when they have gone.
    fn retire(&mut self, now: Instant, out: &mut Vec<Action>) {
        let wanted: BTreeSet<_> = self.wanted().into_iter().collect();
        let routing: BTreeSet<_> = wanted.iter().map(|&generation| self.plan(generation).routed_by).collect();
        let mut unrouted = BTreeSet::new();
        for (who, member) in self.everyone() {
            let plan = self.plan(member.generation);
            let due = match who {
                Who::Zygote(_) | Who::Mule(_) | Who::Spooler(_) => !wanted.contains(&member.generation),
                Who::Router(_) => !routing.contains(&member.generation),
                Who::Worker(_) => {
                    let needed = |router: &Member| router.generation == plan.routed_by;
                    let is_routed =
                        !routing.contains(&plan.routed_by) && self.routers.iter().any(|(_, router)| needed(router));
                    !wanted.contains(&member.generation) && !is_routed
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
                    Who::Worker(_) if !wanted.is_empty() => Action::Tell(who, Order::Retire),
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
        let others = [&mut self.routers, &mut self.workers, &mut self.mules, &mut self.spoolers];
        for crew in std::iter::once(&mut self.zygotes).chain(others) {
            crew.forget_all_but(&kept);
        }
        self.plans.retain(|generation, _| {
            let keep = kept.contains(generation);
            if !keep {
                out.push(Action::Forget(*generation));
            }
            keep
        });
    }
}
