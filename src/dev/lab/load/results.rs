//! What was measured, as it is stored.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One run.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Results {
    pub(super) date: String,
    pub(super) machine: Machine,
    /// By the name of the part.
    pub(super) versions: BTreeMap<String, String>,
    pub(super) groups: Vec<Group>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Machine {
    pub(super) processor: String,
    pub(super) processors: usize,
    pub(super) gigabytes: f64,
    pub(super) kernel: String,
    pub(super) docker: String,
    /// The load average of a minute before and after the run.
    pub(super) load: [f64; 2],
    pub(super) minutes: f64,
}

/// Servers that were loaded in turn.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Group {
    pub(super) app: String,
    pub(super) door: String,
    /// Requests a second where the rate is fixed.
    pub(super) rate: f64,
    pub(super) servers: Vec<Row>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Row {
    pub(super) server: String,
    pub(super) command: String,
    pub(super) memory: Memory,
    pub(super) closed: Vec<Sample>,
    pub(super) fixed: Vec<Sample>,
    pub(super) reload: Vec<Sample>,
    pub(super) slow: Vec<Sample>,
}

/// Kilobytes after the closed loop.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub(super) struct Memory {
    pub(super) workers: u64,
    /// Of a worker, on average.
    pub(super) rss: u64,
    /// Of a worker, and of nobody else, on average.
    pub(super) private: u64,
    /// Of all processes of the server; what some share counts once.
    pub(super) whole: u64,
}

/// What came of one load.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Sample {
    pub(super) seconds: f64,
    pub(super) answered: u64,
    pub(super) failed: BTreeMap<String, u64>,
    pub(super) retried: u64,
    /// Microseconds.
    pub(super) p50: u64,
    pub(super) p99: u64,
    pub(super) p999: u64,
    /// CPU time of the server's container for an answered request, microseconds.
    #[serde(default)]
    pub(super) cpu: f64,
    /// The same of nginx.
    #[serde(default)]
    pub(super) nginx_cpu: Option<f64>,
}

impl Sample {
    pub(super) fn rate(&self) -> f64 {
        self.answered as f64 / self.seconds
    }

    pub(super) fn failures(&self) -> u64 {
        self.failed.values().sum()
    }
}

/// The middle of what rounds have given; nothing when there were none.
pub(super) fn median(samples: &[Sample], field: impl Fn(&Sample) -> f64) -> Option<f64> {
    let mut values: Vec<f64> = samples.iter().map(field).collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = *values.get(middle)?;
    Some(if values.len() % 2 == 1 { upper } else { f64::midpoint(upper, *values.get(middle - 1)?) })
}

impl Row {
    /// Requests that failed, in all loads.
    pub(super) fn failures(&self) -> u64 {
        [&self.closed, &self.fixed, &self.reload, &self.slow].into_iter().flatten().map(Sample::failures).sum()
    }
}
