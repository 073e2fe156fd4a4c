//! What came of every behaviour of every cell, in `.rsgi-dev/lab-results.json`.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use serde::Serialize;

use crate::images::place;

/// How one behaviour went.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verdict {
    /// On both servers.
    Both,
    /// On rsgi; uWSGI does something else that docs/differences.md lists.
    RsgiAlone,
    Failed,
}

/// By framework and Python, door, behaviour.
type Cells = BTreeMap<String, BTreeMap<String, BTreeMap<String, Verdict>>>;

#[derive(Debug, Default)]
pub(crate) struct Results(Mutex<Cells>);

#[derive(Serialize)]
struct File<'a> {
    /// Seconds since 1970.
    time: u64,
    /// The version of web2py's upstream tree, where that was asked.
    web2py: Option<&'a str>,
    cells: &'a Cells,
}

impl Results {
    pub(crate) fn add(&self, framework: &str, release: &str, door: &str, behaviour: &str, verdict: Verdict) {
        let mut cells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let doors = cells.entry(format!("{framework}/{release}")).or_default();
        doors.entry(door.to_owned()).or_default().insert(behaviour.to_owned(), verdict);
    }

    /// Writes the file, if anything was asked.
    pub(crate) fn write(&self, web2py: Option<&str>) -> Result<()> {
        let cells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if cells.is_empty() {
            return Ok(());
        }
        let time = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let file = place().join("lab-results.json");
        let text = serde_json::to_string_pretty(&File { time, web2py, cells: &cells })?;
        std::fs::write(&file, text).with_context(|| file.display().to_string())
    }
}
