//! `cargo dev test [FILTER…]`: makes the lab, then runs every test of the workspace, or those whose names contain a filter.

use std::process::Command;

use anyhow::Result;

use crate::{command, lab};

/// Runs the tests.
///
/// # Errors
/// When the lab cannot be made or a test fails.
pub(crate) fn run(filters: &[String]) -> Result<()> {
    lab::ensure()?;
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(lab::root());
    // The ignored tests are those of web2py's source tree, which only some machines have.
    let all = std::env::var_os("WEB2PY_SRC").is_some();
    if command::found("cargo-nextest") {
        cargo
            .args(["nextest", "run", "--workspace", "--no-fail-fast"])
            .args(all.then_some("--run-ignored=all"))
            .args(filters);
    } else {
        // Most of a test's time is spent waiting for a server, so more of them run than there are processors.
        cargo.args(["test", "--workspace", "--no-fail-fast", "--", "--test-threads=4"]);
        cargo.args(all.then_some("--include-ignored")).args(filters);
    }
    command::run(&mut cargo)
}
