//! One target: its folders, and a run of libFuzzer over it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::{Pid, SysconfVar, sysconf};
use tempfile::TempDir;

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
        let scratch = scratch()?;
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
        let is_broken = !status.success() && !self.was_held_up(driver, &crashes)?;
        Ok(Run { crashes: u64::from(is_broken), ..Run::read(&said, spent(&stat?)?) })
    }

    /// Whether nothing was found but inputs that took too long, and take no time alone: others had the processor. These go.
    fn was_held_up(&self, driver: &Path, crashes: &Path) -> Result<bool> {
        let scratch = scratch()?;
        let found: Vec<_> =
            fs::read_dir(crashes)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
        for path in &found {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            // libFuzzer keeps what takes ten seconds too.
            let is_late = ["timeout-", "slow-unit-"].iter().any(|kind| name.starts_with(kind));
            let log = self.found("logs")?.join("again");
            if !is_late || !self.command(driver, &log, scratch.path())?.arg(path).status().context("nice")?.success() {
                return Ok(false);
            }
            fs::remove_file(path)?;
        }
        Ok(!found.is_empty())
    }
}

/// A folder for a run's temporary files: some targets write one for each input, so in memory where there is such a place.
fn scratch() -> Result<TempDir> {
    Ok(tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir())?)
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
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn processor_time_is_what_the_user_and_the_system_took() {
        let each = sysconf(SysconfVar::CLK_TCK).unwrap().unwrap();
        let stat = format!("7 (a) b) Z 1 7 7 0 -1 4 0 0 0 0 {} {} 0 0 39 19 1 0 9\n", 3 * each, 2 * each);
        assert_eq!(spent(&stat).unwrap(), 5);
        assert!(spent("").is_err());
    }

    #[test]
    fn an_input_that_was_late_and_is_not_alone_is_no_crash() {
        let folder = tempfile::tempdir().unwrap();
        let (crashes, driver) = (folder.path().join("crashes"), folder.path().join("driver"));
        let late = crashes.join("timeout-1");
        let found = |name: &str, script: &str| {
            fs::create_dir_all(&crashes).unwrap();
            fs::write(crashes.join(name), "").unwrap();
            fs::write(&driver, format!("#!/bin/sh\n{script}\n")).unwrap();
            fs::set_permissions(&driver, fs::Permissions::from_mode(0o700)).unwrap();
            Target { name: "xml".into() }.was_held_up(&driver, &crashes).unwrap()
        };
        assert!(found("timeout-1", "exit 0") && !late.exists());
        assert!(!found("timeout-1", "exit 1") && late.exists());
        assert!(found("slow-unit-1", "exit 0") && !late.exists());
        assert!(!found("crash-1", "exit 0"));
    }
}
