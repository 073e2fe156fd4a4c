//! Reloads with a gate: what a new generation has to prove, how workers are changed, and what is told of it.

mod asked;
mod triggers;

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::support::{Kind, Running, Server, eventually};

const OPTIONS: &str =
    "--http {ip}:9090 --http-socket {ip}:3031 --wsgi-file {dir}/app.py --processes 2 --stats {ip}:9191";

/// An application that says `says`, and runs `check` for `/health`.
pub(super) fn app(says: &str, check: &str) -> String {
    format!(
        "import os, time\n\
         def check():\n    {check}\n\
         def application(environ, start_response):\n    \
             if environ['PATH_INFO'] == '/health':\n        \
                 start_response(check() or '200 OK', [])\n        \
                 return [b'fine']\n    \
             start_response('200 OK', [])\n    \
             return [b'{says}']\n"
    )
}

pub(super) fn server(options: &str) -> Running {
    let server = Server::of(Kind::Rsgi, &format!("{OPTIONS} {options}")).file("app.py", &app("old", "pass")).start();
    server.workers(2);
    server
}

pub(super) fn deploy(server: &Running, text: &str) {
    std::fs::write(server.dir().join("app.py"), text).expect("written");
}

pub(super) fn stats(server: &Running) -> Value {
    serde_json::from_slice(&server.connect(9191).rest()).expect("JSON")
}

/// Reloads, and returns what the stats say of it.
fn reload(server: &Running) -> Value {
    let before = stats(server)["reloads"]["last"].clone();
    server.signal(Signal::SIGHUP);
    eventually("the end of the reload", || {
        let last = stats(server)["reloads"]["last"].clone();
        (last != before).then_some(last)
    })
}

pub(super) fn says(server: &Running, text: &str) {
    for port in [3031, 9090] {
        eventually("the application", || (server.get(port, "/").expect(200).text() == text).then_some(()));
    }
}

#[test]
fn a_generation_that_passes_its_check_serves() {
    for options in ["--reload-check /health", "--reload-check /health?deep=1 --lazy-apps --threads 2"] {
        let server = server(options);
        deploy(&server, &app("new", "assert os.environ.get('X') is None"));
        let last = reload(&server);
        assert_eq!((&last["result"], &last["generation"], &last["log"]), (&"succeeded".into(), &1.into(), &"".into()));
        server.log.wait_for("reload-check: /health(.deep=1)? answered 200 OK");
        says(&server, "new");
        assert_eq!(stats(&server)["generation"], 1);
        assert_eq!(server.stop().code, 0);
    }
}

#[test]
fn one_that_does_not_pass_never_serves_and_the_traceback_is_told() {
    let server = server("--reload-check /health");
    let workers = server.workers(2);
    deploy(&server, &app("bad", "raise RuntimeError('no database')"));
    let last = reload(&server);
    assert_eq!((&last["result"], &last["reason"]), (&"failed".into(), &"the check was not passed".into()));
    let log = last["log"].as_str().expect("a text");
    assert!(log.contains("Traceback") && log.contains("RuntimeError: no database"), "{log}");
    assert!(log.contains("reload-check: /health answered 500 Internal Server Error"), "{log}");
    server.log.wait_for("reload failed: the check was not passed; generation 0 goes on serving");
    assert_eq!(server.workers(2), workers, "the same workers");
    says(&server, "old");
    // What is mended serves.
    deploy(&server, &app("new", "pass"));
    assert_eq!(reload(&server)["result"], "succeeded");
    says(&server, "new");
    let reloads = &stats(&server)["reloads"];
    assert_eq!((&reloads["succeeded"], &reloads["failed"]), (&1.into(), &1.into()));
}

#[test]
fn an_answer_other_than_success_is_none() {
    let server = server("--reload-check /health");
    for status in ["302 Found", "404 Not Found", "503 Service Unavailable"] {
        deploy(&server, &app("bad", &format!("return '{status}'")));
        let log = reload(&server)["log"].clone();
        assert!(log.as_str().is_some_and(|log| log.contains(&format!("answered {status}"))), "{log}");
    }
    says(&server, "old");
}

#[test]
fn a_check_that_hangs_is_given_up_with_its_stacks() {
    let server = server("--reload-check /health --reload-check-timeout 1");
    deploy(&server, &app("bad", "time.sleep(3600)"));
    let last = reload(&server);
    let log = last["log"].as_str().expect("a text");
    assert!(log.contains("reload-check: /health was not answered within 1 seconds"), "{log}");
    server.log.wait_for(r#"File ".*app.py", line \d+ in check"#);
    says(&server, "old");
}

#[test]
fn a_check_that_kills_its_process_is_told_as_such() {
    let server = server("--reload-check /health");
    deploy(&server, &app("bad", "os.abort()"));
    assert_eq!(reload(&server)["reason"], "the process of the check died, killed by signal 6");
    deploy(&server, &app("bad", "os._exit(0)"));
    assert_eq!(reload(&server)["reason"], "the process of the check died, exit code 0");
    says(&server, "old");
}

#[test]
fn an_import_that_fails_is_told() {
    for options in ["", "--lazy-apps"] {
        let server = server(options);
        deploy(&server, "import no_such_module\n");
        let log = reload(&server)["log"].clone();
        assert!(
            log.as_str().is_some_and(|log| log.contains("ModuleNotFoundError: No module named 'no_such_module'")),
            "{log}"
        );
        says(&server, "old");
    }
}

#[test]
fn a_configuration_that_is_broken_is_told() {
    let ini = "http-socket = {ip}:3031\nhttp = {ip}:9090\nstats = {ip}:9191\nwsgi-file = {dir}/app.py\n";
    let server = Server::of(Kind::Rsgi, "").file("app.py", &app("old", "pass")).ini(ini).start();
    let file = server.dir().join("app.ini");
    let good = std::fs::read_to_string(&file).expect("the file");
    std::fs::write(&file, format!("{good}threads = many\n")).expect("written");
    let last = reload(&server);
    assert_eq!(last["reason"], "the new configuration cannot be used");
    assert!(last["log"].as_str().is_some_and(|log| log.contains("threads: expected a number")), "{last}");
    says(&server, "old");
}

/// Most workers that there are at once while the instance reloads; `act` begins it.
fn most_workers(server: &Running, act: impl FnOnce()) -> usize {
    act();
    let mut most = 0;
    eventually("the end of the reload", || {
        // As the kernel shows them at one moment; a process is a worker as soon as it has the title.
        let count = server.processes().iter().filter(|process| process.title.starts_with("rsgi worker")).count();
        most = most.max(count);
        (!server.log.matching("generation 1 serves").is_empty()).then_some(())
    });
    most
}

#[test]
fn a_rolling_reload_never_has_two_workers_too_many() {
    let by_signal: fn(&Running) = |server| server.signal(Signal::SIGHUP);
    let by_fifo: fn(&Running) = |server| std::fs::write(server.dir().join("fifo"), "c").expect("written");
    for (options, act) in [("--reload-mode rolling", by_signal), ("--master-fifo {dir}/fifo", by_fifo)] {
        let server = server(&format!("--processes 4 --reload-check /health {options}"));
        server.workers(4);
        deploy(&server, &app("new", "pass"));
        let most = most_workers(&server, || act(&server));
        assert!(most <= 5, "{most} workers at once");
        says(&server, "new");
    }
}

#[test]
fn an_application_that_hangs_while_it_is_imported_holds_up_no_later_reload() {
    for options in ["", "--lazy-apps --worker-reload-mercy 1"] {
        let server = server(options);
        deploy(&server, "import time\nprint('it hangs', flush=True)\ntime.sleep(1e9)\n");
        server.signal(Signal::SIGHUP);
        server.log.wait_for("it hangs");
        says(&server, "old");
        deploy(&server, &app("new", "pass"));
        server.signal(Signal::SIGHUP);
        server.log.wait_for("reload failed: another reload was asked for; generation 0 goes on serving");
        server.log.wait_for("^generation 2 serves");
        says(&server, "new");
        assert_eq!(server.stop().code, 0);
    }
}
