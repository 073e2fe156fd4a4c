//! Successors: a worker that has served enough stays until another one has loaded the application and stands by.
//!
//! Where the zygote has loaded it, a successor is there within milliseconds of the end of the one before, and no ceremony is
//! needed. With `lazy-apps` that would be as long as the import. Two workers with one number must not serve at once: they
//! would share a place on the scoreboard. So the successor begins when the one before it has ended, and if it dies before,
//! that one serves on and another one is tried.

use std::collections::BTreeSet;
use std::time::Instant;

use super::crew::{Member, State};
use super::settle::BIRTHS;
use super::{Action, Fleet, Who, name, respawned};
use crate::control::Order;

impl Fleet {
    /// Somebody wants this worker to make room for another one.
    pub(super) fn relieve(&mut self, who: Who, out: &mut Vec<Action>) {
        let (crew, serial) = self.crew(who);
        let Some(&Member { generation, state, .. }) = crew.get_mut(serial).map(|member| &*member) else { return };
        let stays = state == State::Ready && matches!(who, Who::Worker(_)) && !self.is_opaque(generation);
        if stays && self.plan(generation).lazy && self.wanted().contains(&generation) {
            let (crew, serial) = self.crew(who);
            crew.get_mut(serial).into_iter().for_each(|member| member.is_weary = true);
        } else if !matches!(state, State::Leaving { .. } | State::Killed { .. }) {
            out.push(Action::Tell(who, Order::Retire));
        }
    }

    /// Takes the steps that are due between workers and their successors.
    pub(super) fn relay(&mut self, now: Instant, out: &mut Vec<Action>) {
        let wanted = self.wanted();
        let members: Vec<(u64, Member)> = self.workers.iter().map(|(serial, member)| (*serial, *member)).collect();
        let succeeded: BTreeSet<u64> = members.iter().filter_map(|(_, member)| member.succeeds).collect();
        for (serial, member) in members.iter().filter(|(_, member)| wanted.contains(&member.generation)) {
            if member.state == State::StandsBy {
                self.follow(*serial, member, now, out);
            }
            if member.is_weary && member.state == State::Ready && !succeeded.contains(serial) {
                self.fork_successor(*serial, member, now, out);
            }
        }
    }

    /// Lets one that stands by take its place, or makes room for it.
    fn follow(&mut self, serial: u64, member: &Member, now: Instant, out: &mut Vec<Action>) {
        let mercy = self.plan(member.generation).mercy;
        let Some(before) = member.succeeds else { return };
        match self.workers.get_mut(before) {
            Some(worker) => {
                if worker.leave(now, mercy) {
                    out.push(Action::Tell(Who::Worker(before), Order::Retire));
                }
            }
            None => {
                if let Some(successor) = self.workers.get_mut(serial) {
                    (successor.succeeds, successor.state) = (None, State::Starting);
                }
                out.push(Action::Say(respawned(&name(Who::Worker(serial), member.number), member.pid)));
                out.push(Action::Tell(Who::Worker(serial), Order::Begin));
            }
        }
    }

    fn fork_successor(&mut self, before: u64, member: &Member, now: Instant, out: &mut Vec<Action>) {
        let Member { generation, number, .. } = *member;
        let ready = |zygote: &Member| zygote.generation == generation && zygote.state == State::Ready;
        let zygote = self.zygotes.iter().find(|(_, zygote)| ready(zygote)).map(|(serial, _)| Who::Zygote(*serial));
        let is_due = self.is_manned(generation, number)
            && self.workers.may_be_born(generation, number, now)
            && self.unborn_of(generation) < BIRTHS;
        let Some(zygote) = zygote.filter(|_| is_due) else { return };
        self.serial += 1;
        let who = Who::Worker(self.serial);
        self.workers.join(self.serial, generation, number, now);
        if let Some(successor) = self.workers.get_mut(self.serial) {
            successor.succeeds = Some(before);
        }
        out.push(Action::Fork { who, generation, number, zygote, stands_by: true });
    }
}
