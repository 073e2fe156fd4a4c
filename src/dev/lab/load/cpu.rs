//! How much CPU time a container has used, from its cgroup, which also counts processes that are no more.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use super::place::Container;

pub(super) struct Meter {
    file: PathBuf,
    is_first_version: bool,
}

impl Meter {
    pub(super) fn of(container: &Container) -> Result<Self> {
        let pid = container.inspect("{{.State.Pid}}")?;
        let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).with_context(|| {
            format!(
                "{} has no process {pid} here (it has ended, or Docker runs on another machine)\n{}",
                container.name,
                container.log()
            )
        })?;
        file(&groups).with_context(|| format!("no cgroup that counts CPU time in {groups:?}"))
    }

    /// Microseconds so far.
    pub(super) fn micros(&self) -> Result<f64> {
        let text = fs::read_to_string(&self.file).with_context(|| self.file.display().to_string())?;
        let number = if self.is_first_version {
            text.trim().parse().ok().map(|nanos: f64| nanos / 1e3)
        } else {
            text.lines().find_map(|line| line.strip_prefix("usage_usec ")?.parse().ok())
        };
        number.with_context(|| format!("{} says {text:?}", self.file.display()))
    }
}

/// From the lines of `/proc/PID/cgroup`.
fn file(groups: &str) -> Option<Meter> {
    let mut second = None;
    for line in groups.lines() {
        let mut parts = line.splitn(3, ':');
        let (_, controllers, path) = (parts.next()?, parts.next()?, parts.next()?.trim_start_matches('/'));
        if controllers.split(',').any(|controller| controller == "cpuacct") {
            let file = PathBuf::from("/sys/fs/cgroup/cpuacct").join(path).join("cpuacct.usage");
            return Some(Meter { file, is_first_version: true });
        }
        if controllers.is_empty() {
            let file = PathBuf::from("/sys/fs/cgroup").join(path).join("cpu.stat");
            second = Some(Meter { file, is_first_version: false });
        }
    }
    second
}

#[cfg(test)]
mod tests {
    use super::file;

    fn path(groups: &str) -> Option<String> {
        file(groups).map(|meter| meter.file.display().to_string())
    }

    #[test]
    fn both_versions() {
        let second = "0::/system.slice/docker-ab.scope\n";
        assert_eq!(path(second).as_deref(), Some("/sys/fs/cgroup/system.slice/docker-ab.scope/cpu.stat"));
        let first = "5:cpuacct,cpu:/docker/ab\n4:memory:/docker/ab\n0::/\n";
        assert_eq!(path(first).as_deref(), Some("/sys/fs/cgroup/cpuacct/docker/ab/cpuacct.usage"));
        assert_eq!(path("4:memory:/docker/ab\n"), None);
    }
}
