//! One target: its folders, and a run of libFuzzer over it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::{Pid, SysconfVar, sysconf};

use super::ledger::Run;
use crate::setup;

/// Bounds of a run: longest input, memory, and time of one input.
const BOUNDS: [&str; 3] = ["-max_len=4096", "-rss_limit_mb=1500", "-timeout=60"];

/// A target, by the name of its folder in `tests/fuzz/corpus`.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) name: String,
}

impl Target {
    /// All of them, by name.
    pub(super) fn all() -> Result<Vec<Self>> {
        let folder = setup::root().join("tests/fuzz/corpus");
        let entries = fs::read_dir(&folder).with_context(|| folder.display().to_string())?;
        let mut names: Vec<_> =
            entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect::<Result<_>>()?;
        names.sort();
        Ok(names.into_iter().map(|name| Self { name }).collect())
    }

    /// What is committed: `corpus`, `regressions` or `words`.
    pub(super) fn committed(&self, kind: &str) -> PathBuf {
        setup::root().join("tests/fuzz").join(kind).join(&self.name)
    }

    /// What is found: `corpus`, `crashes` or `logs`.
    pub(super) fn found(&self, kind: &str) -> Result<PathBuf> {
        let folder = setup::root().join(".rsgi-dev/fuzz").join(kind).join(&self.name);
        fs::create_dir_all(&folder)?;
        Ok(folder)
    }

    /// libFuzzer for this target, at the lowest priority, with its words to a file of their own. It ends without tidying up, so its
    /// temporary files have a folder of their own too.
    pub(super) fn command(&self, driver: &Path, log: &Path, scratch: &Path) -> Result<Command> {
        let file = File::create(log)?;
        let mut command = Command::new("nice");
        command.args(["-n", "19"]).arg(driver).args(BOUNDS).env("RSGI_FUZZ_TARGET", &self.name).env("TMPDIR", scratch);
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        Ok(command)
    }

    /// Runs it for so many seconds, or until an input breaks a promise.
    pub(super) fn fuzz(&self, driver: &Path, seconds: u64) -> Result<Run> {
        let (log, crashes) = (self.found("logs")?.join("run"), self.found("crashes")?);
        let scratch = tempfile::tempdir()?;
        let mut command = self.command(driver, &log, scratch.path())?;
        command.arg(format!("-max_total_time={seconds}")).arg("-print_final_stats=1");
        command.arg(format!("-artifact_prefix={}/", crashes.display()));
        if self.committed("words").exists() {
            command.arg(format!("-dict={}", self.committed("words").display()));
        }
        command.arg(self.found("corpus")?).arg(self.committed("corpus"));
        command.args(Some(self.committed("regressions")).filter(|folder| folder.exists()));
        let mut child = command.spawn().context("nice")?;
        // Its times are there to be read until somebody has taken its end.
        let pid = Pid::from_raw(i32::try_from(child.id())?);
        waitid(Id::Pid(pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT)?;
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"));
        let status = child.wait().context("nice")?;
        let said = String::from_utf8_lossy(&fs::read(&log)?).into_owned();
        Ok(Run { crashes: u64::from(!status.success()), ..Run::read(&said, spent(&stat?)?) })
    }
}

/// Processor time of a process in seconds, of its line in /proc (proc_pid_stat(5)): how long a run took says little where others work
/// as well.
fn spent(stat: &str) -> Result<u64> {
    let (_, fields) = stat.rsplit_once(") ").context("/proc/PID/stat has a name in brackets")?;
    let times = fields.split(' ').skip(11).take(2);
    let ticks = times.map(|field| field.parse::<u64>()).sum::<Result<u64, _>>()?;
    let each = u64::try_from(sysconf(SysconfVar::CLK_TCK)?.context("CLK_TCK")?)?;
    Ok(ticks / each.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_what_the_user_and_the_system_took() {
        let each = sysconf(SysconfVar::CLK_TCK).unwrap().unwrap();
        let stat = format!("7 (a) b) Z 1 7 7 0 -1 4 0 0 0 0 {} {} 0 0 39 19 1 0 9\n", 3 * each, 2 * each);
        assert_eq!(spent(&stat).unwrap(), 5);
        assert!(spent("").is_err());
    }
}
