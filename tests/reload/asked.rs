//! `rsgi reload`: asked for by an operator or a deployment, and waited for.

use std::process::{Command, Output};

use super::{app, deploy, says, server};
use crate::support::Running;

/// Runs `rsgi reload` for this server.
fn reload(server: &Running, options: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rsgi"));
    command.arg("reload").args(options).args(["--pid", &server.pid().to_string()]).output().expect("it runs")
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn one_that_is_waited_for_has_ended_when_the_command_ends() {
    let server = server("--reload-check /health");
    deploy(&server, &app("new", "pass"));
    let output = reload(&server, &["--wait"]);
    let pid = server.pid().to_string();
    assert_eq!(
        (output.status.code(), told(&output).replace(&pid, "N")),
        (Some(0), "pid N: generation 1 serves\n".into())
    );
    says(&server, "new");
    deploy(&server, &app("newer", "pass"));
    assert_eq!(reload(&server, &["--wait", "--rolling"]).status.code(), Some(0));
    says(&server, "newer");
}

#[test]
fn one_that_fails_fails_the_command_with_the_traceback() {
    let server = server("--reload-check /health");
    for (text, words) in [
        (
            app("bad", "raise RuntimeError('no database')"),
            &["the check was not passed", "RuntimeError: no database"][..],
        ),
        (
            "import no_such_module\n".into(),
            &["the application could not be loaded", "No module named 'no_such_module'"],
        ),
    ] {
        deploy(&server, &text);
        let output = reload(&server, &["--wait"]);
        assert_eq!(output.status.code(), Some(1));
        let told = told(&output);
        assert!(words.iter().all(|words| told.contains(words)), "{told}");
        says(&server, "old");
    }
}

#[test]
fn one_that_is_not_waited_for_begins() {
    let server = server("");
    deploy(&server, &app("new", "pass"));
    let output = reload(&server, &[]);
    assert!(output.status.success() && told(&output).contains("begins to reload"), "{}", told(&output));
    says(&server, "new");
}

#[test]
fn several_that_ask_at_once_all_get_an_answer() {
    let server = server("");
    deploy(&server, &app("new", "pass"));
    std::thread::scope(|scope| {
        let asked: Vec<_> = (0..4).map(|_| scope.spawn(|| reload(&server, &["--wait"]))).collect();
        for output in asked {
            let output = output.join().expect("an answer");
            assert!(output.status.success(), "{}", told(&output));
        }
    });
    says(&server, "new");
}

#[test]
fn nobody_there_is_told() {
    let server = server("");
    let pid = server.pid().to_string();
    assert_eq!(server.stop().code, 0);
    let mut command = Command::new(env!("CARGO_BIN_EXE_rsgi"));
    let output = command.args(["reload", "--wait", "--pid", &pid]).output().expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    assert!(told(&output).contains("no instance of rsgi listens"), "{}", told(&output));
}
