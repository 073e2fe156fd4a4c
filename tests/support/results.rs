//! What the suites of attacks and hostile input have found, for the table in docs/security.md: one line of JSON for each part of
//! an area, in a file of its own below `target/tmp/results/`, so that tests of any process may write at the same time.
//!
//! `{"area": "http2", "part": "frames", "cases": 96, "failures": 0}`, and for attacks also what they cost the process that they
//! were made on: `"memory_before_kib"`, `"memory_most_kib"` (resident memory at its highest), `"processor_ms"`.
//! For faults of the system `"recovery_ms"`: how long after the end of the fault a request was answered.

use std::path::Path;

use serde_json::{Value, json};

/// Writes down that so many cases of a part were run, and how many of them failed.
pub(crate) fn record(area: &str, part: &str, cases: usize, failures: usize) {
    write(area, part, cases, failures, &Value::Null);
}

/// What an attack cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    /// Resident memory before, KiB.
    pub before: u64,
    /// Resident memory at its highest, KiB.
    pub most: u64,
    /// Processor time, milliseconds.
    pub processor: u64,
}

/// Writes down that an attack was endured, and what it cost.
pub(crate) fn record_attack(area: &str, part: &str, cases: usize, cost: Cost) {
    let Cost { before, most, processor } = cost;
    let cost = json!({ "memory_before_kib": before, "memory_most_kib": most, "processor_ms": processor });
    write(area, part, cases, 0, &cost);
}

/// Writes down that a fault was endured, and how long after its end a request was answered.
pub(crate) fn record_fault(fault: &str, recovery: std::time::Duration) {
    let millis = u64::try_from(recovery.as_millis()).expect("seconds");
    write("faults", fault, 1, 0, &json!({ "recovery_ms": millis }));
}

fn write(area: &str, part: &str, cases: usize, failures: usize, more: &Value) {
    let mut line = json!({ "area": area, "part": part, "cases": cases, "failures": failures });
    let more = more.as_object().cloned().unwrap_or_default();
    line.as_object_mut().expect("an object").extend(more);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("results");
    std::fs::create_dir_all(&folder).expect("a folder");
    let file = folder.join(format!("{area}.{part}.json").replace(['/', ' '], "-"));
    std::fs::write(&file, format!("{line}\n")).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
}
