//! What may never happen, whatever comes in: each module is a target, a function that takes any bytes and panics when a promise
//! is broken.
//!
//! `cargo dev fuzz` runs them under libFuzzer (`driver/`) for as long as one likes; the tests of this crate run each over what is
//! committed in `corpus/` and `regressions/`, and over seeded changes of it. The input is nothing but the bytes on the wire,
//! or the text of a file: where it is cut, for instance, follows from its content.
#![forbid(unsafe_code)]
#![allow(clippy::indexing_slicing, reason = "what fails here is found")]

mod config;
mod cut;
#[cfg(test)]
mod short_run;

/// One thing to fuzz.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its module, its folder in `corpus/` and `regressions/`, its file in `words/`.
    pub name: &'static str,
    /// Takes any input; panics when a promise is broken.
    pub run: fn(&[u8]),
    /// Changed inputs in the short run: fewer where one takes longer.
    pub changes: u64,
}

/// Lists the targets: a module, an entry of [`TARGETS`] and a test for each.
macro_rules! targets {
    ($($name:ident: $changes:literal),* $(,)?) => {
        $(mod $name;)*

        /// All targets.
        pub const TARGETS: &[Target] =
            &[$(Target { name: stringify!($name), run: $name::run, changes: $changes }),*];

        #[cfg(test)]
        mod short {
            $(#[test]
            fn $name() {
                let target = crate::TARGETS.iter().find(|target| target.name == stringify!($name));
                crate::short_run::run(target.expect("it is in the list"));
            })*
        }
    };
}

targets! {
    arguments: 500,
    chunked: 3000,
    chunked_plain: 3000,
    conditions: 2000,
    fastcgi: 3000,
    formats: 500,
    gateways: 3000,
    http1: 3000,
    http1_httparse: 3000,
    http1_hyper: 2000,
    ini: 500,
    json: 500,
    link: 3000,
    log_format: 3000,
    log_records: 3000,
    logic: 500,
    named_file: 2000,
    placeholders: 500,
    proxy: 3000,
    response_head: 3000,
    scgi: 3000,
    spool_task: 3000,
    static_path: 2000,
    target: 3000,
    toml: 500,
    trace: 3000,
    uploads: 3000,
    uwsgi: 3000,
    values: 500,
    websocket: 3000,
    xml: 500,
    yaml: 500,
}
