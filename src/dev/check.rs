//! `cargo dev check`: what has to hold before a commit and takes no lab: format, lints, unit tests.

use std::process::Command;

use anyhow::Result;

use crate::{command, lab, setup};

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
        command::run(Command::new(env!("CARGO")).args(step).current_dir(setup::root()))?;
    }
    // The lab and the driver of fuzzing are workspaces of their own.
    let driver = ["fmt", "--check", "--manifest-path", "tests/fuzz/driver/Cargo.toml"];
    command::run(Command::new(env!("CARGO")).args(driver).current_dir(setup::root()))?;
    for step in [
        &["fmt", "--all", "--check"][..],
        &["clippy", "--quiet", "--workspace", "--all-targets", "--", "--deny", "warnings"],
    ] {
        command::run(&mut lab::cargo(step))?;
    }
    Ok(())
}
