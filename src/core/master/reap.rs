//! Ends of processes: of the master's own children, and of workers whose zygote died first.

use std::os::fd::AsFd;
use std::time::Instant;

use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::Pid;
use tokio::sync::mpsc::UnboundedReceiver;

use super::Master;
use super::daemons::Verdict;
use super::fleet::{Event, Who};
use super::minute::Now;
use crate::control::Report;
use crate::ending::Ending;
use crate::exit::Exit;
use crate::zygote::message::{self, Answer};

/// What an answer of zygote `who` means to the fleet.
pub(super) const fn event(who: Who, answer: Answer) -> Event {
    match answer {
        Answer::Loaded { .. } => Event::Said(who, Report::Ready),
        Answer::Born { kind, birth, pid } => Event::Born(kind.who(birth), pid),
        Answer::Unborn { kind, birth, .. } => Event::Gone(kind.who(birth), Ending::Unborn),
        Answer::Died { kind, birth, ending } => Event::Gone(kind.who(birth), ending),
    }
}

impl Master {
    /// Waits for every child that has ended.
    ///
    /// A zygote may have reported births and deaths just before its own. Those are heard first: a child is looked at
    /// (so its last words are in the channel), then the channels are emptied, and only then is it waited for.
    pub(super) fn reap(&mut self, events: &mut UnboundedReceiver<Event>) -> Option<Exit> {
        let look = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        loop {
            let pid = match waitid(Id::All, look) {
                Ok(WaitStatus::StillAlive) => return None,
                Ok(status) => status.pid()?,
                Err(nix::Error::EINTR) => continue,
                // Killed by a real-time signal, which has no name: the id has to be found by asking for each.
                Err(nix::Error::EINVAL) => match self.nameless() {
                    Some(pid) => pid,
                    // Somebody else's child that came to us. Others may have ended behind it.
                    None => match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                        Ok(WaitStatus::StillAlive) | Err(nix::Error::ECHILD) => return None,
                        Ok(_) | Err(_) => continue,
                    },
                },
                Err(_) => return None,
            };
            self.empty_channels();
            if let Some(exit) = self.settle(events) {
                return Some(exit);
            }
            let ending = waitpid(pid, None).ok().and_then(Ending::of).unwrap_or(Ending::Unknown);
            match self.who_is(pid) {
                Some(who) => self.queue.push_back(Event::Gone(who, ending)),
                None => self.command_ended(pid, ending),
            }
            if let Some(exit) = self.settle(events) {
                return Some(exit);
            }
        }
    }

    /// The end of a child that is no part of the fleet: a daemon, a command at a set time, or somebody else's.
    fn command_ended(&mut self, pid: Pid, ending: Ending) {
        let Ok(pid) = u32::try_from(pid.as_raw()) else { return };
        if self.succession.ended(pid) {
            return;
        }
        if self.crons.ended(pid, ending, Now::read()) {
            return;
        }
        if self.daemons.ended(pid, ending, Instant::now()) == Verdict::EndAll {
            self.queue.push_back(Event::End);
        }
    }

    /// The child of ours that ended in a way that cannot be named.
    fn nameless(&self) -> Option<Pid> {
        let zygotes = self.zygotes.values().map(|zygote| zygote.pid);
        let servers = self.servers.values().map(|server| server.pid);
        let commands = self.crons.runs().into_iter().map(|(_, pid, _)| pid);
        let daemons = self.daemons.heirs().into_iter().map(|daemon| daemon.pid);
        nameless(zygotes.chain(servers).chain(commands).chain(daemons))
    }

    fn empty_channels(&mut self) {
        for (serial, zygote) in self.zygotes.iter().filter(|(_, zygote)| !zygote.is_opaque) {
            let Some(channel) = &zygote.channel else { continue };
            while let Ok(Some((answer, _))) = message::receive::<Answer>(channel.as_fd()) {
                // Behind what the reading task has sent before.
                let _ = self.sender.send(event(Who::Zygote(*serial), answer));
            }
        }
    }

    fn who_is(&self, pid: Pid) -> Option<Who> {
        let pid = u32::try_from(pid.as_raw()).ok()?;
        let zygotes = self.zygotes.iter().map(|(serial, zygote)| (Who::Zygote(*serial), zygote.pid));
        let servers = self.servers.iter().map(|(who, server)| (*who, server.pid));
        zygotes.chain(servers).find(|(_, of)| *of == pid).map(|(who, _)| who)
    }

    /// After the death of a zygote its workers are the master's children. Those that are not had died before, and the
    /// zygote could not say so any more; those that were never born will not be.
    pub(super) fn find_orphans(&mut self, zygote: u64) {
        for (who, server) in &self.servers {
            if server.zygote != Some(zygote) {
                continue;
            }
            let pid = i32::try_from(server.pid).ok().filter(|&pid| pid > 0);
            let look = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
            let is_ours = pid.is_some_and(|pid| waitid(Id::Pid(Pid::from_raw(pid)), look).is_ok());
            if !is_ours {
                self.queue.push_back(Event::Gone(*who, Ending::Unknown));
            }
        }
    }
}

/// Which of these children has ended in a way that cannot be named.
fn nameless(mut pids: impl Iterator<Item = u32>) -> Option<Pid> {
    let look = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    pids.find_map(|pid| {
        let pid = i32::try_from(pid).ok().filter(|&pid| pid > 0).map(Pid::from_raw)?;
        (waitid(Id::Pid(pid), look) == Err(nix::Error::EINVAL)).then_some(pid)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_that_a_signal_without_a_name_has_killed_is_found() {
        let run = |command: &str| std::process::Command::new("sh").args(["-c", command]).spawn().unwrap();
        let (mut lives, mut killed) = (run("exec sleep 600"), run("kill -35 $$"));
        let pids = [lives.id(), 0, killed.id()];
        while nameless(pids.into_iter()).is_none() {
            std::thread::yield_now();
        }
        assert_eq!(nameless(pids.into_iter()).unwrap().as_raw().cast_unsigned(), killed.id());
        lives.kill().unwrap();
        lives.wait().unwrap();
        killed.wait().unwrap();
    }
}
