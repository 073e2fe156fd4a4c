//! What has been fuzzed, in `docs/generated/fuzz.json`: for each target from when to when, and what all runs came to.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::setup;

/// The whole file.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ledger {
    targets: Vec<Row>,
}

/// One target; its runs add up.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Row {
    target: String,
    /// Year, month and day of the first run, and of the last.
    since: String,
    date: String,
    /// The commit of the last run.
    commit: String,
    seconds: u64,
    executions: u64,
    /// Edges of the program that were reached, at most.
    coverage: u64,
    /// Inputs that broke a promise in the last run. What was mended is a file in `tests/fuzz/regressions`.
    crashes: u64,
}

/// What one run came to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) seconds: u64,
    pub(super) executions: u64,
    pub(super) coverage: u64,
    pub(super) crashes: u64,
}

impl Run {
    /// Reads what libFuzzer has said.
    pub(super) fn read(said: &str, seconds: u64) -> Self {
        let number = |text: &str| text.trim().split(' ').next().and_then(|word| word.parse().ok());
        let last = |what: &str| said.lines().rev().find_map(|line| number(line.split_once(what)?.1));
        // A run that broke off says no sum, but counts as it goes.
        let so_far = || said.lines().rev().find_map(|line| number(&line.strip_prefix('#')?.replace('\t', " ")));
        let executions = last("stat::number_of_executed_units:").or_else(so_far).unwrap_or(0);
        Self { seconds, executions, coverage: last("cov:").unwrap_or(0), crashes: 0 }
    }
}

impl Ledger {
    /// Reads the file; there may be none yet.
    pub(super) fn read() -> Result<Self> {
        match fs::read_to_string(path()) {
            Ok(text) => serde_json::from_str(&text).with_context(|| path().display().to_string()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error).with_context(|| path().display().to_string()),
        }
    }

    /// Writes the file.
    pub(super) fn write(&self) -> Result<()> {
        let text = serde_json::to_string_pretty(self)? + "\n";
        fs::write(path(), text).with_context(|| path().display().to_string())
    }

    /// Processor time that a target has had, in seconds.
    pub(super) fn seconds(&self, target: &str) -> u64 {
        self.targets.iter().find(|row| row.target == target).map_or(0, |row| row.seconds)
    }

    /// Adds a run of today.
    pub(super) fn add(&mut self, target: &str, run: &Run) {
        self.enter(target, run, said_by("date", &["-u", "+%F"]), said_by("git", &["rev-parse", "--short=12", "HEAD"]));
    }

    fn enter(&mut self, target: &str, run: &Run, date: String, commit: String) {
        let known = self.targets.iter().position(|row| row.target == target);
        let old = known.map(|index| self.targets.remove(index)).unwrap_or_default();
        self.targets.push(Row {
            target: target.to_owned(),
            since: if old.since.is_empty() { date.clone() } else { old.since },
            date,
            commit,
            seconds: old.seconds + run.seconds,
            executions: old.executions + run.executions,
            coverage: old.coverage.max(run.coverage),
            crashes: run.crashes,
        });
        self.targets.sort_by(|one, other| one.target.cmp(&other.target));
    }
}

fn path() -> PathBuf {
    setup::root().join("docs/generated/fuzz.json")
}

/// The line that a program prints, or nothing.
fn said_by(program: &str, words: &[&str]) -> String {
    let output = Command::new(program).args(words).current_dir(setup::root()).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_libfuzzer_says_is_read() {
        let said = "INFO: seed corpus\n#2\tINITED cov: 200 ft: 201 corp: 1/1b exec/s: 0 rss: 30Mb\n\
            #4096\tpulse  cov: 321 ft: 500 corp: 9/1Kb lim: 4 exec/s: 100 rss: 31Mb\nDone\n\
            stat::number_of_executed_units: 5000\nstat::average_exec_per_sec:     100\n";
        assert_eq!(Run::read(said, 60), Run { seconds: 60, executions: 5000, coverage: 321, crashes: 0 });
        let broken = said.split("Done").next().unwrap();
        assert_eq!(Run::read(broken, 9), Run { seconds: 9, executions: 4096, coverage: 321, crashes: 0 });
        assert_eq!(Run::read("no such file", 1), Run { seconds: 1, ..Run::default() });
    }

    #[test]
    fn runs_add_up() {
        let mut ledger = Ledger::default();
        let run = Run { seconds: 60, executions: 10, coverage: 7, crashes: 0 };
        ledger.enter("b", &run, "2026-01-01".into(), "1".into());
        ledger.enter("a", &run, "2026-01-01".into(), "1".into());
        ledger.enter("b", &Run { coverage: 5, crashes: 1, ..run }, "2026-01-01".into(), "2".into());
        let row = |ledger: &Ledger, index: usize| {
            let row = &ledger.targets[index];
            format!(
                "{} {} {}: {} s, {}, {}, {}",
                row.target, row.date, row.commit, row.seconds, row.executions, row.coverage, row.crashes
            )
        };
        assert_eq!(row(&ledger, 0), "a 2026-01-01 1: 60 s, 10, 7, 0");
        assert_eq!(row(&ledger, 1), "b 2026-01-01 2: 120 s, 20, 7, 1");
        ledger.enter(
            "b",
            &Run { seconds: 60, executions: 10, coverage: 7, crashes: 0 },
            "2026-01-02".into(),
            "3".into(),
        );
        assert_eq!(row(&ledger, 1), "b 2026-01-02 3: 180 s, 30, 7, 0");
        assert_eq!(ledger.targets[1].since, "2026-01-01");
    }
}
