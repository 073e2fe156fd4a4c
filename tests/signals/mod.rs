//! SIGTERM and SIGINT stop, SIGHUP reloads; exit codes.

use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::{Kind, Running, Server, eventually};

const MASTER: &str = "--http-socket {ip}:3031 --wsgi-file {apps}/probe.py --master --processes 2";

/// A server in the middle of a request, and the client that waits for the answer.
fn busy(arguments: &str, request: &str) -> (Running, crate::support::Client) {
    let server = Server::new(arguments).start();
    server.get(3031, "/hello").expect(200);
    let mut client = server.connect(3031);
    client.send(format!("GET {request} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"));
    server.log.wait_for("^asleep for ");
    (server, client)
}

#[test]
fn exit_on_reload_ends_instead() {
    let arguments = "--master --http-socket {ip}:3031 --wsgi-file {lab}/hello/foobar.py --exit-on-reload --touch-reload {dir}/touched";
    for by_file in [false, true] {
        let [theirs, ours] = [Kind::Uwsgi, Kind::Rsgi].map(|kind| {
            let server = Server::of(kind, arguments).file("touched", "").start();
            server.get(3031, "/").expect(200);
            if by_file {
                let file = std::fs::File::options().append(true).open(server.dir().join("touched")).expect("the file");
                let later = std::time::SystemTime::now() + std::time::Duration::from_secs(60);
                file.set_modified(later).expect("a time");
            } else {
                server.signal(Signal::SIGHUP);
            }
            server.wait().code
        });
        assert_eq!(ours, 0);
        assert_eq!(theirs, 0, "uWSGI");
    }
}

#[test]
fn sigint_stops_with_code_0() {
    let server = Server::new(MASTER).start();
    server.get(3031, "/hello").expect(200);
    assert_eq!(server.stop().code, 0);
}

#[test]
fn sigint_stops_a_server_with_router() {
    let server = Server::new("--http {ip}:9090 --wsgi-file {apps}/probe.py --master --processes 2 --threads 2").start();
    server.get(9090, "/hello").expect(200);
    let mut idle = server.connect(9090);
    idle.send("GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n").response().expect(200);
    assert_eq!(server.stop().code, 0);
}

#[test]
fn sigterm_stops_with_code_0() {
    let server = Server::new(&format!("{MASTER} --die-on-term")).start();
    server.get(3031, "/hello").expect(200);
    server.signal(Signal::SIGTERM);
    assert_eq!(server.wait().code, 0);
}

/// uWSGI reloads here; rsgi stops (listed in docs/differences.md).
#[test]
fn sigterm_stops_without_die_on_term_too() {
    let server = Server::new(MASTER).start();
    server.get(3031, "/hello").expect(200);
    server.signal(Signal::SIGTERM);
    assert_eq!(server.wait().code, 0);
}

/// uWSGI drops the request (listed in docs/differences.md).
#[test]
fn a_stop_finishes_the_requests_in_hand() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let (server, mut client) = busy(MASTER, "/sleep?1");
        server.signal(signal);
        client.response().expect(200);
        assert_eq!(server.wait().code, 0);
    }
}

#[test]
fn a_stop_does_not_wait_for_idle_connections() {
    let server = Server::new(MASTER).start();
    let mut idle = server.connect(3031);
    idle.send("GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n").response().expect(200);
    let silent = server.connect(3031);
    let began = Instant::now();
    assert_eq!(server.stop().code, 0);
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    drop(silent);
}

#[test]
fn a_second_signal_does_not_wait_any_longer() {
    let (server, mut client) = busy(MASTER, "/sleep?60");
    server.signal(Signal::SIGTERM);
    server.log.wait_for("(?i)stopp|killing workers");
    let began = Instant::now();
    server.signal(Signal::SIGTERM);
    server.wait();
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    client.rest();
}

#[test]
fn the_worker_that_does_not_end_is_killed_after_its_mercy() {
    let (server, mut client) = busy(&format!("{MASTER} --worker-reload-mercy 1"), "/sleep?60");
    let began = Instant::now();
    assert_eq!(server.stop().code, 0);
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    client.rest();
}

#[test]
fn without_master_the_exit_code_is_as_uwsgis() {
    let server = Server::new("--http-socket {ip}:3031 --wsgi-file {apps}/probe.py").start();
    server.get(3031, "/hello").expect(200);
    let code = server.stop().code;
    // rsgi always has a supervisor, so its stop is the ordinary one (listed in docs/differences.md).
    assert_eq!(code, if Kind::under_test() == Kind::Rsgi { 0 } else { 30 });
}

#[test]
fn sighup_reloads_the_application() {
    let app = "import os\ndef application(e, s):\n    s('200 OK', [])\n    return [b'VERSION %d' % os.getpid()]\n";
    let server = Server::new("--http-socket {ip}:3031 --wsgi-file {dir}/app.py --master --processes 2");
    let server = server.file("app.py", &app.replace("VERSION", "old")).start();
    assert!(server.get(3031, "/").expect(200).text().starts_with("old"));
    std::fs::write(server.dir().join("app.py"), app.replace("VERSION", "new")).expect("written");
    server.signal(Signal::SIGHUP);
    eventually("the new application answers", || {
        let response = server.get(3031, "/").expect(200);
        response.text().starts_with("new").then_some(())
    });
    assert_eq!(server.processes().iter().filter(|process| process.pid == server.pid()).count(), 1, "the same master");
    assert_eq!(server.stop().code, 0);
}

#[test]
fn a_reload_keeps_the_listener_and_loses_no_request() {
    let server = Server::new("--http-socket {ip}:3031 --wsgi-file {apps}/probe.py --master --processes 2").start();
    let first = server.get(3031, "/process").expect(200).json()["pid"].clone();
    let workers = server.workers(2);
    let lines = server.log.len();
    server.signal(Signal::SIGHUP);
    // Connections made while nobody accepts wait in the kernel's queue.
    for _ in 0..50 {
        server.get(3031, "/hello").expect(200);
    }
    server.log.wait_for_count(lines, crate::support::phrases::worker_ready(server.kind), 2);
    eventually("the old workers are gone", || {
        server.processes().iter().all(|process| !workers.contains(&process.pid)).then_some(())
    });
    assert_ne!(server.get(3031, "/process").expect(200).json()["pid"], first);
}

#[test]
fn sighup_reads_the_configuration_again() {
    let server =
        Server::new("").ini("http-socket = {ip}:3031\nwsgi-file = {apps}/probe.py\nmaster = true\nenv = TURN=first");
    let server = server.start();
    let turn = |server: &Running| server.get(3031, "/process").expect(200).json()["environment"]["TURN"].clone();
    assert_eq!(turn(&server), "first");
    let file = server.dir().join("app.ini");
    let text = std::fs::read_to_string(&file).expect("the file").replace("first", "second");
    std::fs::write(&file, text).expect("written");
    server.signal(Signal::SIGHUP);
    eventually("the second configuration", || (turn(&server) == "second").then_some(()));
}

#[test]
fn configuration_and_application_know_how_often_they_were_reloaded() {
    for kind in Kind::each() {
        let lines = "http-socket = {ip}:3031\nwsgi-file = {apps}/probe.py\nmaster = true\nenv = TURN=first\n\
                     if-reload =\nenv = TURN=$(UWSGI_RELOADS)\nendif =";
        let server = Server::of(kind, "").ini(lines).start();
        let seen = || {
            let environment = server.get(3031, "/process").expect(200).json()["environment"].clone();
            (environment["TURN"].clone(), environment["UWSGI_RELOADS"].clone())
        };
        assert_eq!(seen(), ("first".into(), "0".into()), "{kind:?}");
        let environment = server.get(3031, "/process").expect(200).json()["environment"].clone();
        let name = environment["UWSGI_ORIGINAL_PROC_NAME"].as_str().expect("how it was called").to_owned();
        assert!(name.ends_with(if kind == Kind::Uwsgi { "uwsgi" } else { "rsgi" }), "{name}");
        for turn in ["1", "2"] {
            let from = server.log.len();
            server.signal(Signal::SIGHUP);
            server.log.wait_from(from, crate::support::phrases::worker_ready(kind));
            eventually("the next turn", || (seen() == (turn.into(), turn.into())).then_some(()));
        }
    }
}

#[test]
fn a_worker_told_to_end_finishes_and_is_replaced() {
    let server = Server::new(MASTER).start();
    let worker = server.workers(2)[0];
    let lines = server.log.len();
    kill(Pid::from_raw(worker), Signal::SIGTERM).expect("alive");
    server.log.wait_from(lines, crate::support::phrases::worker_ready(server.kind));
    server.get(3031, "/hello").expect(200);
}

#[test]
fn the_death_of_the_master_takes_everybody_along() {
    if Kind::under_test() == Kind::Uwsgi {
        // There it needs an option.
        let server = Server::new(&format!("{MASTER} --no-orphans")).start();
        server.workers(2);
        server.signal(Signal::SIGKILL);
        assert_eq!(server.wait().code, -9);
        return;
    }
    let server =
        Server::new("--http {ip}:9090 --http-socket {ip}:3031 --wsgi-file {apps}/probe.py --processes 2").start();
    server.workers(2);
    server.signal(Signal::SIGKILL);
    assert_eq!(server.wait().code, -9);
}

#[test]
fn an_unknown_option_on_the_command_line_is_code_1() {
    let ended = Server::new("--http-socket 127.0.0.1:0 --nonsense").run();
    assert_eq!(ended.code, 1, "{}", ended.log);
    assert!(ended.log.contains("nonsense"), "{}", ended.log);
}

#[test]
fn no_socket_at_all_is_code_1() {
    let ended = Server::new("--wsgi-file {lab}/hello/foobar.py").run();
    assert_eq!(ended.code, 1, "{}", ended.log);
    assert!(ended.log.contains("socket"), "{}", ended.log);
}

#[test]
fn version_is_printed_and_nothing_else() {
    let ended = Server::new("--version").run();
    assert_eq!(ended.code, 0, "{}", ended.log);
    let expected = if Kind::under_test() == Kind::Rsgi { env!("CARGO_PKG_VERSION") } else { "2.0.31" };
    assert!(ended.log.trim().ends_with(expected) && ended.log.trim().lines().count() == 1, "{}", ended.log);
}
