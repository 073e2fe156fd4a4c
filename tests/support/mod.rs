//! What the tests are written with: a server to start, clients to talk to it, and a look at its processes.

pub(crate) mod address;
pub(crate) mod as_root;
pub(crate) mod browser;
pub(crate) mod client;
pub(crate) mod django;
pub(crate) mod fastcgi;
pub(crate) mod lab;
pub(crate) mod log;
pub(crate) mod nginx;
pub(crate) mod openssl;
pub(crate) mod phrases;
pub(crate) mod processes;
pub(crate) mod response;
pub(crate) mod results;
pub(crate) mod running;
pub(crate) mod server;
pub(crate) mod uwsgi;

pub(crate) use client::Client;
pub(crate) use response::{Framing, Response};
pub(crate) use running::{Ended, Running};
pub(crate) use server::{Kind, Server};

use std::time::{Duration, Instant};

/// Asks again and again, with short pauses, until the answer is `Some`; for state of the kernel that sends no event.
///
/// # Panics
/// After 20 seconds, naming what was awaited.
#[track_caller]
pub(crate) fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + log::SOON;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < until, "still waiting: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
