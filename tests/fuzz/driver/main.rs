//! libFuzzer around one target, which the variable `RSGI_FUZZ_TARGET` names. One program for all: to link the server once is enough.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;

static RUN: LazyLock<fn(&[u8])> = LazyLock::new(|| {
    let name = std::env::var("RSGI_FUZZ_TARGET").unwrap_or_default();
    let target = rsgi_fuzz::TARGETS.iter().find(|target| target.name == name);
    target.unwrap_or_else(|| panic!("RSGI_FUZZ_TARGET: there is no target \"{name}\"")).run
});

fuzz_target!(|input: &[u8]| RUN(input));
