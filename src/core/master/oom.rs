//! Whether a process was killed by the kernel for want of memory. The kernel says so nowhere but in its counters.
//!
//! Source: cgroups(7); Linux Documentation/admin-guide/cgroup-v2.rst (`memory.events`) and cgroup-v1/memory.rst
//! (`memory.oom_control`); `oom_kill` of /proc/vmstat.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use nix::sys::signal::Signal;
use tracing::warn;

use super::Master;
use super::fleet::Event;
use crate::ending::Ending;
use crate::metrics::ledger;

/// SIGKILL, as it is reported.
const KILL: i32 = Signal::SIGKILL as i32;

impl Master {
    /// Says why a process was killed, when it was the kernel that did it.
    pub(super) fn explain(&mut self, event: Event) {
        let Event::Gone(who, Ending::Killed(KILL)) = event else { return };
        let Some(cause) = self.oom.cause() else { return };
        let pid = self.servers.get(&who).map_or(0, |server| server.pid);
        self.ledger.condemn(pid, ledger::Cause::Memory);
        warn!("process {pid} was killed by the kernel, {cause} (see max-requests, reload-on-rss, processes)");
    }
}

/// What version 1 shows for no limit is a little below this.
const UNLIMITED: u64 = 1 << 62;

/// The counters, as they were at the last look.
#[derive(Debug)]
pub(super) struct Oom {
    vmstat: PathBuf,
    /// The cgroup of this process; `None` where none limits memory.
    cgroup: Option<Cgroup>,
    seen: Counts,
}

/// The files of a cgroup that tell about memory.
#[derive(Debug)]
struct Cgroup {
    /// Has a line `oom_kill N`.
    events: PathBuf,
    limit: PathBuf,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Counts {
    machine: u64,
    cgroup: u64,
}

/// What the counters say of a killed process.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// The memory limit of our cgroup, bytes when it is here and not further up.
    Limit(Option<u64>),
    /// Something was killed for want of memory, on this machine and outside of our cgroup's count.
    Machine,
}

impl Oom {
    /// The counters of this machine and of this process's cgroup.
    pub(super) fn new() -> Self {
        let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        Self::at("/proc/vmstat".into(), Cgroup::find(&own, Path::new("/sys/fs/cgroup")))
    }

    fn at(vmstat: PathBuf, cgroup: Option<Cgroup>) -> Self {
        let mut oom = Self { vmstat, cgroup, seen: Counts::default() };
        oom.seen = oom.counts();
        oom
    }

    /// Why a process that has just been killed was killed, if it was for want of memory.
    pub(super) fn cause(&mut self) -> Option<Cause> {
        let now = self.counts();
        let before = std::mem::replace(&mut self.seen, now);
        if now.cgroup > before.cgroup {
            let limit = self.cgroup.as_ref().and_then(|cgroup| fs::read_to_string(&cgroup.limit).ok());
            let limit = limit.and_then(|limit| limit.trim().parse().ok()).filter(|&limit| limit < UNLIMITED);
            return Some(Cause::Limit(limit));
        }
        (now.machine > before.machine).then_some(Cause::Machine)
    }

    fn counts(&self) -> Counts {
        let cgroup = self.cgroup.as_ref().map_or(0, |cgroup| count(&cgroup.events));
        Counts { machine: count(&self.vmstat), cgroup }
    }
}

impl Cgroup {
    /// The cgroup that `own`, a /proc/PID/cgroup, names below `root`. In a container only its own part of the tree may be
    /// there, with the container's cgroup as the root.
    fn find(own: &str, root: &Path) -> Option<Self> {
        let named = |line: &str| {
            let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
            let is_first = controllers.split(',').any(|controller| controller == "memory");
            (is_first || controllers.is_empty()).then(|| (is_first, path.trim_start_matches('/').to_owned()))
        };
        own.lines().filter_map(named).find_map(|(is_first, path)| {
            let tree = if is_first { root.join("memory") } else { root.to_owned() };
            let files = if is_first {
                ["memory.oom_control", "memory.limit_in_bytes"]
            } else {
                ["memory.events", "memory.max"]
            };
            let places = [tree.join(path), tree];
            let place = places.into_iter().find(|place| place.join(files[0]).is_file())?;
            Some(Self { events: place.join(files[0]), limit: place.join(files[1]) })
        })
    }
}

/// The number behind `oom_kill`, 0 when nobody counts.
fn count(file: &Path) -> u64 {
    let text = fs::read_to_string(file).unwrap_or_default();
    text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok()).unwrap_or(0)
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Limit(Some(bytes)) => write!(f, "out of memory: the limit of its cgroup is {} MiB", bytes >> 20),
            Self::Limit(None) => f.write_str("out of memory: a cgroup above has reached its limit"),
            Self::Machine => f.write_str("probably out of memory: the kernel has just killed something for that"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_that_rises_tells_why() {
        let directory = tempfile::tempdir().unwrap();
        let (vmstat, cgroup) = (directory.path().join("vmstat"), directory.path().join("a/b"));
        fs::create_dir_all(&cgroup).unwrap();
        let write = |machine: u64, own: u64, limit: &str| {
            fs::write(&vmstat, format!("pgfault 7\noom_kill {machine}\n")).unwrap();
            fs::write(cgroup.join("memory.events"), format!("oom 9\noom_kill {own}\noom_group_kill 9\n")).unwrap();
            fs::write(cgroup.join("memory.max"), limit).unwrap();
        };
        write(3, 1, "max\n");
        let mut oom = Oom::at(vmstat.clone(), Cgroup::find("0::/a/b\n", directory.path()));
        assert_eq!(oom.cause(), None);
        write(4, 2, "268435456\n");
        insta::assert_snapshot!(oom.cause().unwrap(), @"out of memory: the limit of its cgroup is 256 MiB");
        write(5, 3, "max\n");
        insta::assert_snapshot!(oom.cause().unwrap(), @"out of memory: a cgroup above has reached its limit");
        write(6, 3, "max\n");
        insta::assert_snapshot!(oom.cause().unwrap(), @"probably out of memory: the kernel has just killed something for that");
        assert_eq!(oom.cause(), None);
        assert_eq!(Oom::at("/nowhere".into(), None).cause(), None);
    }

    #[test]
    fn both_versions_are_found_inside_and_outside_of_containers() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        let found = |own: &str| {
            let events = Cgroup::find(own, root)?.events;
            Some(events.strip_prefix(root).unwrap().to_str().unwrap().to_owned())
        };
        let both = "9:name=systemd:/\n4:cpu,memory:/docker/7\n0::/\n";
        assert_eq!(found(both), None);
        fs::create_dir_all(root.join("memory/docker/7")).unwrap();
        fs::write(root.join("memory/memory.oom_control"), "").unwrap();
        assert_eq!(found(both).as_deref(), Some("memory/memory.oom_control"));
        fs::write(root.join("memory/docker/7/memory.oom_control"), "").unwrap();
        assert_eq!(found(both).as_deref(), Some("memory/docker/7/memory.oom_control"));
        fs::write(root.join("memory.events"), "").unwrap();
        assert_eq!(found("0::/system.slice/x.service\n").as_deref(), Some("memory.events"));
    }
}
