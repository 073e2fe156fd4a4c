//! `rsgi healthcheck`: what a container's health check is told.

use nix::sys::signal::Signal;

use super::{printed, refused, rsgi, shop};
use crate::support::{Kind, Server, eventually};

#[test]
fn who_serves_is_ready_and_who_is_paused_is_not() {
    let server = shop();
    let pid = server.pid().to_string();
    assert_eq!(printed(&["healthcheck", "--pid", &pid]), format!("pid {pid}: ready\n"));
    server.signal(Signal::SIGTSTP);
    let paused = format!("error: pid {pid}: not ready: paused\n");
    eventually("it is paused", || (said(&pid) == paused).then_some(()));
    server.signal(Signal::SIGTSTP);
    eventually("it serves again", || said(&pid).is_empty().then_some(()));
}

#[test]
fn who_starts_is_not_ready_yet() {
    let slow = "import time, os\nwhile not os.path.exists('go'): time.sleep(0.01)\n\
                def application(environ, start_response):\n    start_response('200 OK', [])\n    return [b'x']\n";
    let server = Server::of(Kind::Rsgi, "--http-socket {ip}:8080 --wsgi-file app.py").file("app.py", slow).start();
    let pid = server.pid().to_string();
    assert_eq!(refused(&["healthcheck", "--pid", &pid]), format!("error: pid {pid}: not ready: starting\n"));
    std::fs::write(server.dir().join("go"), "").expect("a file");
    eventually("it serves", || said(&pid).is_empty().then_some(()));
}

#[test]
fn who_is_not_there_is_an_error() {
    assert!(refused(&["healthcheck", "--pid", "1"]).starts_with("error: no instance of rsgi listens"));
    let said = refused(&["healthcheck", "--json"]);
    assert_eq!(said, "error: --json is not understood; write rsgi healthcheck [--pid PID|FILE] [FILE]\n");
}

/// What is said against it; nothing when all is well.
fn said(pid: &str) -> String {
    String::from_utf8(rsgi(&["healthcheck", "--pid", pid]).stderr).expect("text")
}
