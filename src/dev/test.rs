//! `cargo dev test [--no-containers] [FILTER…]`: makes what tests need, then runs every test of the workspace, proves the packaging
//! and asks the lab, or runs the tests whose names contain a filter.

use std::process::Command;

use anyhow::Result;

use crate::{command, lab, packaging, setup, web2py};

/// Runs the tests.
///
/// # Errors
/// When what they need cannot be made or a test fails.
pub(crate) fn run(words: &[String]) -> Result<()> {
    let no_containers = words.iter().any(|word| word == "--no-containers");
    let filters: Vec<&String> = words.iter().filter(|word| *word != "--no-containers").collect();
    setup::ensure()?;
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(setup::root());
    // The ignored tests are those of web2py's source tree, which only some machines have.
    let tree = web2py::tree()?;
    let all = tree.is_some();
    cargo.envs(tree.map(|tree| ("WEB2PY_SRC", tree)));
    if command::found("cargo-nextest") {
        cargo
            .args(["nextest", "run", "--workspace", "--no-fail-fast"])
            .args(all.then_some("--run-ignored=all"))
            .args(&filters);
    } else {
        // Most of a test's time is spent waiting for a server, so more of them run than there are processors.
        cargo.args(["test", "--workspace", "--no-fail-fast", "--", "--test-threads=4"]);
        cargo.args(all.then_some("--include-ignored")).args(&filters);
    }
    command::run(&mut cargo)?;
    if filters.is_empty() {
        packaging::run(&[])?;
    }
    if no_containers {
        eprintln!(
            "The lab is left out (--no-containers): `cargo dev lab test` asks frameworks in containers, behind nginx."
        );
        return Ok(());
    }
    // A filter chooses among the tests above; the lab has its own: cargo dev lab test FILTER.
    if filters.is_empty() { lab::test(&[]) } else { Ok(()) }
}
