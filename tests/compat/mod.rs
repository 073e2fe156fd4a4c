//! One case on the real uWSGI and on rsgi: status, headers, body, request line and exit code must agree.
//!
//! What differs on purpose is named here case by case and listed in docs/differences.md.

mod answers;
mod configuration;
mod endings;
mod environ;

use crate::support::{Kind, Running, Server};

/// Starts both servers with the same arguments and files.
fn both(make: impl Fn(Kind) -> Server) -> [Running; 2] {
    [Kind::Uwsgi, Kind::Rsgi].map(|kind| make(kind).start())
}
