//! `cargo dev check`: what has to hold before a commit and takes no lab: format, lints, unit tests.

use std::process::Command;

use anyhow::Result;

use crate::{command, lab};

/// Runs the checks, cheapest first.
///
/// # Errors
/// At the first check that fails.
pub(crate) fn run() -> Result<()> {
    let steps: [&[&str]; 3] = [
        &["fmt", "--all", "--check"],
        &["clippy", "--workspace", "--all-targets", "--", "--deny", "warnings"],
        &["test", "--workspace", "--lib", "--bins"],
    ];
    for step in steps {
        command::run(Command::new(env!("CARGO")).args(step).current_dir(lab::root()))?;
    }
    Ok(())
}
