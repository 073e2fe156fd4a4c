//! `rsgi reload`: has an instance reload, and with `--wait` says how that has ended.

use serde_json::Value;

use super::instance::{Instance, InstanceError};
use super::words::Words;
use crate::control_socket::protocol::Request;
use crate::startup::Sources;

/// Asks for it; returns what to print.
///
/// # Errors
/// When the instance cannot be asked, or the reload came to nothing: then with what its new processes had to say.
pub fn run(words: &Words, sources: &Sources) -> Result<String, InstanceError> {
    let mut instance = Instance::find(&words.target, sources)?;
    let Words { wait, rolling, .. } = *words;
    let answer = instance.wait_for(&Request::Reload { wait, rolling })?;
    let generation = answer.get("generation").and_then(Value::as_u64).unwrap_or(0);
    Ok(match wait {
        true => format!("{}: generation {generation} serves\n", instance.name),
        false => format!("{}: begins to reload; see its log, or write --wait\n", instance.name),
    })
}
