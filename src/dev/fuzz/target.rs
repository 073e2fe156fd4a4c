//! One target: its folders, and a run of libFuzzer over it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result};

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

    /// Runs it for so many minutes, or until an input breaks a promise.
    pub(super) fn fuzz(&self, driver: &Path, minutes: u64) -> Result<Run> {
        let (log, crashes) = (self.found("logs")?.join("run"), self.found("crashes")?);
        let scratch = tempfile::tempdir()?;
        let mut command = self.command(driver, &log, scratch.path())?;
        command.arg(format!("-max_total_time={}", minutes * 60)).arg("-print_final_stats=1");
        command.arg(format!("-artifact_prefix={}/", crashes.display()));
        if self.committed("words").exists() {
            command.arg(format!("-dict={}", self.committed("words").display()));
        }
        command.arg(self.found("corpus")?).arg(self.committed("corpus"));
        command.args(Some(self.committed("regressions")).filter(|folder| folder.exists()));
        let began = Instant::now();
        let status = command.status().context("nice")?;
        let said = String::from_utf8_lossy(&fs::read(&log)?).into_owned();
        Ok(Run { crashes: u64::from(!status.success()), ..Run::read(&said, began.elapsed().as_secs()) })
    }
}
