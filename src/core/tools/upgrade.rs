//! `rsgi upgrade`: lets a running instance go on with the program that this command is, whatever it was started from.

use std::error::Error;

use serde_json::Value;

use super::instance::Instance;
use super::words::Words;
use crate::control_socket::protocol::Request;
use crate::program;
use crate::startup::Sources;

/// This command does not know where it is.
#[derive(Debug, thiserror::Error)]
#[error("upgrade: this program does not find itself: is /proc mounted?")]
pub struct Nowhere;

/// Asks, and waits until the new generation serves; returns what to print.
///
/// # Errors
/// When the instance cannot be asked, refuses, or its new generation comes to nothing.
pub fn run(words: &Words, sources: &Sources) -> Result<String, Box<dyn Error>> {
    let mut instance = Instance::find(&words.target, sources)?;
    let program = program::path().ok_or(Nowhere)?.to_owned();
    let answer = instance.wait_for(&Request::Upgrade { program })?;
    let version = answer.get("version").and_then(Value::as_str).unwrap_or_default();
    let generation = answer.get("generation").and_then(Value::as_u64).unwrap_or_default();
    Ok(format!("{}: is rsgi {version} now; generation {generation} serves\n", instance.name))
}
