//! `rsgi healthcheck`: whether an instance is ready to serve, as an exit code. What `health-ready` tells a client, without one: an image
//! with neither a shell nor curl can still be asked.

use serde_json::Value;

use super::instance::{Instance, InstanceError};
use super::words::Words;
use crate::control_socket::protocol::Request;
use crate::startup::Sources;

/// Why an instance is not healthy.
#[derive(Debug, thiserror::Error)]
pub enum HealthError {
    /// It cannot be asked.
    #[error(transparent)]
    Instance(#[from] InstanceError),
    /// It says so itself.
    #[error("{name}: not ready: {why}")]
    NotReady {
        /// The instance.
        name: String,
        /// `starting`, `paused`, `stopping`, `no worker`.
        why: String,
    },
}

/// Asks the instance; returns what to print when it is ready.
///
/// # Errors
/// When it is not, or does not answer.
pub fn run(words: &Words, sources: &Sources) -> Result<String, HealthError> {
    let mut instance = Instance::find(&words.target, sources)?;
    let answer = instance.tell(&Request::Status).map_err(InstanceError::Ask)?;
    let name = instance.name;
    match answer.get("ready").and_then(Value::as_str) {
        Some("ok") => Ok(format!("{name}: ready\n")),
        Some(why) => Err(HealthError::NotReady { name, why: why.to_owned() }),
        None => Err(HealthError::NotReady { name, why: "it is an older rsgi, which does not tell".into() }),
    }
}
