//! What `look` answers beside the stats document.

use serde::{Deserialize, Serialize};

pub use crate::memory::core_slot::Phase;

/// A request that runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// Number of the worker.
    pub worker: u32,
    /// Its process.
    pub pid: u32,
    /// Its generation: an older one than the instance's is leaving.
    pub generation: u32,
    /// Number of the core.
    pub core: u32,
    /// Time that it runs, microseconds.
    pub age: u64,
    /// What the core is doing.
    pub phase: Phase,
    /// Where it is in the application, `FILE:LINE FUNCTION`; `None` when nobody has asked, or there was no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// Its variables as `KEY=value`; none while they are not written.
    #[serde(default)]
    pub vars: Vec<String>,
}
