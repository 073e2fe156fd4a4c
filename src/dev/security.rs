//! `cargo dev security`: writes docs/security.md from what the last run of the tests has found, and from what was fuzzed.
//!
//! Tests write a line for each part of an area (`tests/support/results.rs`); `cargo dev fuzz` keeps `docs/generated/fuzz.json`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::setup;

/// What was found about a part of an area.
#[derive(Debug, Deserialize)]
struct Found {
    area: String,
    part: String,
    cases: u64,
    failures: u64,
    #[serde(default)]
    memory_before_kib: Option<u64>,
    #[serde(default)]
    memory_most_kib: Option<u64>,
    #[serde(default)]
    processor_ms: u64,
    #[serde(default)]
    recovery_ms: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct Fuzzed {
    targets: Vec<Target>,
}

#[derive(Debug, Deserialize)]
struct Target {
    target: String,
    since: String,
    date: String,
    seconds: u64,
    executions: u64,
    coverage: u64,
    crashes: u64,
}

/// The area whose parts are attacks: each is shown with what it cost.
const ATTACKS: &str = "attacks";

/// Writes the page.
///
/// # Errors
/// When the tests have not left anything, or the page cannot be written.
pub(crate) fn write() -> Result<()> {
    let folder = setup::root().join("target/tmp/results");
    let found = read(&folder)?;
    ensure!(!found.is_empty(), "{} is empty: run cargo dev test first", folder.display());
    let fuzzed =
        fs::read_to_string(setup::root().join("docs/generated/fuzz.json")).context("docs/generated/fuzz.json")?;
    let fuzzed: Fuzzed = serde_json::from_str(&fuzzed).context("docs/generated/fuzz.json")?;
    let path = setup::root().join("docs/security.md");
    fs::write(&path, page(&found, &fuzzed)).with_context(|| path.display().to_string())?;
    eprintln!("wrote docs/security.md");
    Ok(())
}

fn read(folder: &Path) -> Result<Vec<Found>> {
    let mut found: Vec<Found> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .map(|file| {
            let path = file?.path();
            serde_json::from_str(&fs::read_to_string(&path)?).with_context(|| path.display().to_string())
        })
        .collect::<Result<_>>()?;
    found.sort_by(|one, other| (&one.area, &one.part).cmp(&(&other.area, &other.part)));
    Ok(found)
}

fn page(found: &[Found], fuzzed: &Fuzzed) -> String {
    let mut page = "<!-- Written by `cargo dev security`. -->\n\n\
        # What was tried against it\n\n\
        The numbers of a whole run of the tests (`cargo dev test`), and of the fuzzing before it (`cargo dev fuzz`). Who may do what, and how to \
        report a hole, is in [SECURITY.md](../SECURITY.md); what each behaviour is, in the tests themselves.\n\n\
        ## Cases\n\n| area | cases | failures |\n|---|---|---|\n"
        .to_owned();
    let mut areas: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for part in found {
        let sum = areas.entry(&part.area).or_default();
        (sum.0, sum.1) = (sum.0 + part.cases, sum.1 + part.failures);
    }
    for (area, (cases, failures)) in &areas {
        let _ = writeln!(page, "| {area} | {cases} | {failures} |");
    }
    page.push_str("\n## Attacks, and what they cost the process\n\n| area | attack | memory before, MiB | at most, MiB | processor, ms |\n|---|---|---|---|---|\n");
    for part in found.iter().filter(|part| part.area.ends_with(ATTACKS)) {
        let memory = [part.memory_before_kib, part.memory_most_kib].map(mebibytes);
        let _ =
            writeln!(page, "| {} | {} | {} | {} | {} |", part.area, part.part, memory[0], memory[1], part.processor_ms);
    }
    page.push_str("\nHostile input at the doors of packets, by what took the most memory:\n\n| door | input | at most, MiB |\n|---|---|---|\n");
    for area in areas.keys().filter(|area| !area.ends_with(ATTACKS)) {
        let parts = found.iter().filter(|part| part.area == **area && part.memory_most_kib.is_some());
        if let Some(most) = parts.max_by_key(|part| part.memory_most_kib) {
            let door = area.strip_prefix("protocols ").unwrap_or(area);
            let _ = writeln!(page, "| {door} | {} | {} |", most.part, mebibytes(most.memory_most_kib));
        }
    }
    page.push_str(
        "\n## Faults of the system\n\nSystem calls that fail in one process, mostly for half a second. Meanwhile nothing spins and the other processes serve; \
         *well after* is the time from the end of the fault to an answer, or to the process that was missing.\n\n\
         | process, fault | well after, ms |\n|---|---|\n",
    );
    for part in found {
        if let Some(recovery) = part.recovery_ms {
            let _ = writeln!(page, "| {} | {recovery} |", part.part);
        }
    }
    page.push_str(
        "\n## Fuzzing\n\n| target | since | last day | minutes | executions | edges | broke |\n|---|---|---|---|---|---|---|\n",
    );
    for target in &fuzzed.targets {
        let Target { target, since, date, seconds, executions, coverage, crashes } = target;
        let _ = writeln!(
            page,
            "| {target} | {since} | {date} | {} | {executions} | {coverage} | {crashes} |",
            seconds / 60
        );
    }
    page.push_str("\n*Minutes* and *executions* are those of all runs since the first; *edges* are places in the program that were reached. What broke before and was mended is in \
        `tests/fuzz/regressions`, and runs with every test.\n");
    page
}

fn mebibytes(kibibytes: Option<u64>) -> String {
    kibibytes.map_or_else(|| "–".to_owned(), |kibibytes| kibibytes.div_ceil(1024).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page() {
        let part = |area: &str, part: &str, cases, memory: Option<(u64, u64)>| Found {
            area: area.into(),
            part: part.into(),
            cases,
            failures: 0,
            memory_before_kib: memory.map(|memory| memory.0),
            memory_most_kib: memory.map(|memory| memory.1),
            processor_ms: 20,
            recovery_ms: None,
        };
        let fault = Found { recovery_ms: Some(110), ..part("faults", "rsgi http 1, accept4 EMFILE", 1, None) };
        let found = [
            part("HTTP/1.1", "01-line-ends", 40, None),
            part("HTTP/1.1", "02-controls", 33, None),
            fault,
            part("http2 attacks", "rapid reset", 1, Some((27_000, 28_000))),
            part("protocols scgi", "cut at every byte", 200, Some((30_000, 31_000))),
            part("protocols scgi", "garbage", 10_000, Some((30_000, 33_000))),
        ];
        let targets = vec![Target {
            target: "chunked".into(),
            since: "2026-11-01".into(),
            date: "2026-11-29".into(),
            seconds: 1830,
            executions: 4_000_000,
            coverage: 812,
            crashes: 0,
        }];
        insta::assert_snapshot!(page(&found, &Fuzzed { targets }));
    }
}
