//! Processes that somebody else started and that came to the emperor, because it is the first one of a container: when a vassal's
//! master has died, what it has left ends as the emperor's child.
//!
//! Whoever started a child here waits for it as soon as it has ended. So who is dead at one look and still at the next is nobody's.

use std::collections::BTreeSet;

use nix::errno::Errno;
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::Pid;

/// Children that were dead, and not waited for, at the last look.
#[derive(Debug, Default)]
pub(super) struct Orphans(BTreeSet<i32>);

impl Orphans {
    /// Waits for those that were there at the last look already, and for nobody who is `ours`.
    pub(super) fn bury(&mut self, ours: impl Fn(i32) -> bool) {
        let dead: BTreeSet<i32> = dead_children().into_iter().filter(|&pid| !ours(pid)).collect();
        let (buried, kept) = dead.into_iter().partition(|pid| self.0.contains(pid));
        self.0 = kept;
        let buried: BTreeSet<i32> = buried;
        for pid in buried {
            let _ = waitpid(Pid::from_raw(pid), Some(WaitPidFlag::WNOHANG));
        }
    }
}

fn dead_children() -> Vec<i32> {
    // Mostly there is none, and then one call is all.
    if !is_dead(Id::All) {
        return Vec::new();
    }
    let Ok(threads) = std::fs::read_dir("/proc/self/task") else { return Vec::new() };
    let lists = threads.filter_map(|thread| std::fs::read_to_string(thread.ok()?.path().join("children")).ok());
    let pids: Vec<i32> =
        lists.flat_map(|list| list.split_whitespace().flat_map(str::parse).collect::<Vec<_>>()).collect();
    pids.into_iter().filter(|&pid| is_dead(Id::Pid(Pid::from_raw(pid)))).collect()
}

/// Whether there is one that can be waited for. Nobody is waited for here.
fn is_dead(who: Id<'_>) -> bool {
    let look = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    // Any other error is an end that has no name here: by a real-time signal.
    !matches!(waitid(who, look), Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD | Errno::EINTR))
}

#[cfg(test)]
mod tests {
    use rsgi_sys::fork::{Fork, exit_now, fork};

    use super::*;

    /// Leaves this process a dead child that it has not started.
    fn inherit() -> Pid {
        nix::sys::prctl::set_child_subreaper(true).unwrap();
        if let Fork::Parent(parent) = fork().unwrap() {
            waitpid(parent, None).unwrap();
        } else {
            if fork().unwrap() == Fork::Child {
                exit_now(0);
            }
            exit_now(0);
        }
        waitid(Id::All, WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT).unwrap().pid().unwrap()
    }

    /// In a process of its own: it waits for all that there are.
    #[test]
    fn the_dead_of_others_are_buried_at_the_second_look() {
        if let Fork::Parent(pid) = fork().unwrap() {
            assert_eq!(waitpid(pid, None), Ok(WaitStatus::Exited(pid, 0)));
            return;
        }
        let orphan = inherit();
        let is_there = || is_dead(Id::Pid(orphan));
        let mut orphans = Orphans::default();
        orphans.bury(|pid| pid == orphan.as_raw());
        orphans.bury(|pid| pid == orphan.as_raw());
        let ours_stays = is_there();
        orphans.bury(|_| false);
        let first = is_there();
        orphans.bury(|_| false);
        exit_now(i32::from(!ours_stays || !first || is_there()));
    }
}
