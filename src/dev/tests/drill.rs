//! Every scene of `cargo dev drill`, for a short time, on the server that was built for the tests.

use std::path::Path;
use std::process::Command;

/// Requests a second, where nothing else is said.
const RATE: u32 = 100;

/// Holds the scene whose name contains `words`, at `rate` requests a second; no request may fail.
fn hold(words: &str, rate: u32) {
    let dev = Path::new(env!("CARGO_BIN_EXE_rsgi-dev"));
    let server = dev.with_file_name("rsgi");
    assert!(server.is_file(), "the server is not built: run cargo build");
    let mut command = Command::new(dev);
    command.arg("drill").arg("--binary").arg(server).args(["--seconds", "4", "--rate", &rate.to_string(), words]);
    let output = command.output().expect("it runs");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    // A name that is no scene's would hold nothing.
    assert!(told.contains(" sent, ") && !told.contains(" 0 sent, "), "{told}");
}

macro_rules! scenes {
    ($($name:ident: $words:literal $(at $rate:literal)?,)*) => {
        $(#[test]
        fn $name() {
            // The first of what there is.
            hold($words, [$($rate,)? RATE][0]);
        })*
    };
}

// Where workers or routers leave at the moment of a request, it takes many of them to meet that moment.
scenes! {
    reloads: "reload x20",
    rolling_reload: "rolling reload",
    broken_reloads: "broken reloads",
    failed_checks: "failed checks",
    max_requests: "max-requests" at 1000,
    killed_workers: "kill -9 a worker",
    killed_zygote: "kill -9 the zygote",
    certificate_changed: "certificate changed",
    log_opened_anew: "log opened anew",
    log_rotated: "log rotated",
    pauses: "pauses",
    scaling: "cheaper up and down",
    resting: "going cheap",
    upgrades: "master upgraded" at 800,
}
