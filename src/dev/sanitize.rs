//! `cargo dev sanitize [FILTER…]`: tests of the bridge to Python on a server that AddressSanitizer and LeakSanitizer watch: memory that is
//! used after it was freed, or beyond its end, ends the test; memory that nobody holds and nobody has freed does too,
//! when there is more of it after many requests.
//!
//! The flags are unstable, but a stable compiler has all they need. Python is told to take each object from `malloc`, where it is seen.

use std::process::Command;

use anyhow::Result;

use crate::{command, setup};

/// Tests that go through all of the bridge and need no more address space than a sanitizer leaves.
const FILTERS: &[&str] = &["memory::references", "pep3333::behaviours", "api::", "websockets::doors", "threads::"];

/// Applications of the tests ask for leaks, so the function is to be found from outside.
const FLAGS: &str = "-Zsanitizer=address -Cforce-frame-pointers=yes \
    -Clink-arg=-Wl,--export-dynamic-symbol=__lsan_do_recoverable_leak_check";

/// Signals are the application's business, and workers are ended without their exit handlers.
const OPTIONS: &str = "detect_leaks=1:leak_check_at_exit=0:abort_on_error=1:allow_user_segv_handler=1:handle_segv=0:\
    allocator_may_return_null=1:detect_odr_violation=0";

/// Builds it and runs the tests whose names contain a filter.
///
/// # Errors
/// When a test fails, or something was found.
pub(crate) fn run(filters: &[String]) -> Result<()> {
    setup::ensure()?;
    let filters: Vec<&str> =
        if filters.is_empty() { FILTERS.to_vec() } else { filters.iter().map(String::as_str).collect() };
    let machine = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(setup::root());
    cargo.args(["test", "--package", "rsgi", "--test", "tests", "--target", &machine]);
    cargo.arg("--target-dir").arg(setup::root().join(".rsgi-dev/sanitize/target"));
    // They wait for one another's processors less than for the clock of a slow server.
    cargo.args(["--", "--test-threads=2"]).args(filters);
    cargo.env("RUSTC_BOOTSTRAP", "1").env("RUSTFLAGS", FLAGS).env("RSGI_SANITIZED", "1");
    cargo.env("ASAN_OPTIONS", OPTIONS).env("PYTHONMALLOC", "malloc");
    command::run(&mut cargo)
}
