//! Builds `tests/fuzz/driver` with the instruments that libFuzzer looks at. A stable compiler will do: these are flags of LLVM, the same
//! that cargo-fuzz gives. No sanitizer: nothing that is fuzzed here has unsafe code of its own.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::{command, setup};

const FLAGS: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Cllvm-args=-simplifycfg-branch-fold-threshold=0";

/// What the driver is built for. Named, so that build scripts and macros are built without the instruments.
fn machine() -> String {
    format!("{}-unknown-linux-gnu", std::env::consts::ARCH)
}

/// Builds it; returns the program.
pub(super) fn driver() -> Result<PathBuf> {
    let target = setup::root().join(".rsgi-dev/fuzz/target");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(setup::root().join("tests/fuzz/driver")).env("RUSTFLAGS", FLAGS);
    cargo.args(["build", "--release", "--locked", "--target", &machine()]).arg("--target-dir").arg(&target);
    command::run(&mut cargo)?;
    Ok(target.join(machine()).join("release/fuzz"))
}
