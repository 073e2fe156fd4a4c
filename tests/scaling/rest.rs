//! `cheap`, `idle` and the letter `C`: no worker until somebody asks, and whoever asks is answered.

use std::io::Write;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{DOORS, both, hold, let_go, of, until_workers_are, workers};
use crate::support::{Kind, Running, eventually};

const RESTS: &str = "^cheap mode enabled: waiting for socket connection...$";
const WAKES: &str = "^new connection available: leaving cheap mode...$";

#[track_caller]
fn rests(server: &Running, times: usize) {
    server.log.wait_for_count(0, RESTS, times);
    until_workers_are(server, &[]);
}

#[test]
fn the_first_request_brings_the_workers_and_is_answered() {
    for kind in Kind::each() {
        let server = of(kind, "--cheap --processes 2").start();
        server.log.wait_for(RESTS);
        server.get(3031, "/").expect(200);
        server.workers(2);
    }
    for port in DOORS {
        let server = both("--cheap --processes 3 --cheaper 2 --cheaper-algo manual").start();
        rests(&server, 1);
        // Not even a POST on a connection that is to be kept is turned away.
        let mut client = server.connect(port);
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
        client.response().expect(200);
        server.log.wait_for(WAKES);
        until_workers_are(&server, &[1, 2]);
        client.get("/").expect(200);
    }
}

#[test]
fn many_first_requests_are_answered_too() {
    let server = both("--cheap --processes 2 --threads 2").start();
    rests(&server, 1);
    std::thread::scope(|scope| {
        for number in 0..20 {
            let server = &server;
            scope.spawn(move || server.get(DOORS[number % 2], "/").expect(200));
        }
    });
    assert_eq!(server.log.matching(WAKES).len(), 1);
}

#[test]
fn an_idle_instance_rests_and_wakes_again() {
    let server = both("--idle 1 --processes 2 --stats {ip}:9191").start();
    server.workers(2);
    for round in 1..=2 {
        server.log.wait_for_count(0, "^workers have been inactive for more than 1 seconds$", round);
        rests(&server, round);
        // The last one may just be leaving.
        eventually("workers that are away", || {
            let stats: serde_json::Value = serde_json::from_slice(&server.connect(9191).rest()).expect("JSON");
            (0..2).all(|worker| stats["workers"][worker]["status"] == "cheap").then_some(())
        });
        server.get(DOORS[round % 2], "/").expect(200);
        server.workers(2 + 2 * round);
    }
}

#[test]
fn an_instance_with_a_request_is_not_idle() {
    let server = both("--idle 1 --processes 2").start();
    server.workers(2);
    let mut held = hold(&server, 9090);
    let before = server.log.matching(RESTS);
    // As many looks as would do, as another clock counts them.
    let other = both("--idle 3 --processes 1").start();
    other.log.wait_for(RESTS);
    assert_eq!(server.log.matching(RESTS), before);
    let_go(&server);
    held.response().expect(200);
    rests(&server, before.len() + 1);
}

#[test]
fn an_operator_lets_them_rest_and_they_finish_first() {
    let server = both("--processes 2 --master-fifo {dir}/fifo").start();
    server.workers(2);
    let held = DOORS.map(|port| hold(&server, port));
    let mut pipe = std::fs::OpenOptions::new().write(true).open(server.dir().join("fifo")).expect("a pipe");
    pipe.write_all(b"C").expect("a reader");
    server.log.wait_for("^going cheap...");
    server.log.wait_for(RESTS);
    let_go(&server);
    for mut client in held {
        client.response().expect(200);
    }
    rests(&server, 1);
    DOORS.into_iter().for_each(|port| drop(server.get(port, "/").expect(200)));
}

#[test]
fn a_reload_of_an_instance_at_rest_brings_no_worker_and_the_new_code() {
    let server = both("--cheap --processes 2").start();
    rests(&server, 1);
    let app = "def application(e, s):\n    s('200 OK', [])\n    return [b'new']\n";
    std::fs::write(server.dir().join("app.py"), app).expect("written");
    server.signal(Signal::SIGHUP);
    server.log.wait_for("^generation 1 serves");
    rests(&server, 2);
    assert_eq!(server.get(9090, "/").expect(200).text(), "new");
    until_workers_are(&server, &[1, 2]);
}

#[test]
fn a_pause_lets_them_rest_in_peace() {
    let server = both("--cheap --processes 1").start();
    rests(&server, 1);
    server.signal(Signal::SIGTSTP);
    server.log.wait_for("PAUSE");
    let clients = DOORS.map(|port| {
        let mut client = server.connect(port);
        client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        client
    });
    // Whether somebody is still to come cannot be awaited: what counts is that all are answered afterwards.
    server.signal(Signal::SIGUSR2);
    server.log.wait_for("0 of 0 workers ready");
    assert_eq!((workers(&server), server.log.matching(WAKES).len()), (vec![], 0));
    server.signal(Signal::SIGTSTP);
    for mut client in clients {
        client.response().expect(200);
    }
}

#[test]
fn a_new_router_knows_of_the_rest() {
    let server = both("--cheap --processes 1").start();
    rests(&server, 1);
    let router = || server.processes().iter().find(|process| process.title.trim() == "rsgi http 1").map(|one| one.pid);
    let first = eventually("a router", router);
    kill(Pid::from_raw(first), Signal::SIGKILL).expect("it lives");
    eventually("another router", || router().filter(|pid| *pid != first));
    server.get(9090, "/").expect(200);
}
