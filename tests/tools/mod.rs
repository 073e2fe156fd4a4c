//! What an operator runs beside an instance, and what a shell makes of the completions.

mod completions;
mod healthcheck;
mod stats;
mod top;

use std::process::{Command, Output};

use crate::support::{Kind, Running, Server};

/// An instance without any option for tools.
fn shop() -> Running {
    let lines = "http-socket = {ip}:3031\npythonpath = {apps}\nmodule = slow\nprocesses = 2\nthreads = 2";
    let server = Server::of(Kind::Rsgi, "").ini(lines).start();
    server.workers(2);
    server
}

/// Runs `rsgi` with these words.
fn rsgi(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rsgi")).args(words).output().expect("rsgi")
}

/// What it has printed, when all went well.
#[track_caller]
fn printed(words: &[&str]) -> String {
    let output = rsgi(words);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{words:?}: {said}");
    String::from_utf8(output.stdout).expect("text")
}

/// What it has said against it.
#[track_caller]
fn refused(words: &[&str]) -> String {
    let output = rsgi(words);
    assert_eq!(output.status.code(), Some(1), "{words:?}");
    String::from_utf8(output.stderr).expect("text")
}
