//! `cheaper-algo`, limits of memory, and what a reload keeps.

use nix::sys::signal::Signal;

use super::{DOORS, ask_and_wait, both, hold, let_go, of, until_workers_are, workers};
use crate::support::Kind;

#[test]
fn workers_come_when_all_are_busy_and_go_when_they_are_idle() {
    for kind in Kind::each() {
        let server = of(kind, "--processes 3 --cheaper 1 --cheaper-overload 1").start();
        server.workers(1);
        let first = hold(&server, 3031);
        server.workers(2);
        let second = hold(&server, 3031);
        server.workers(3);
        server.get(3031, "/").expect(200);
        let_go(&server);
        for mut held in [first, second] {
            held.response().expect(200);
        }
        server.log.wait_for_count(0, r"^(uWSGI|rsgi) worker \d cheaped\.$", 2);
        server.get(3031, "/").expect(200);
    }
}

#[test]
fn who_waits_in_the_router_gets_a_worker_by_every_algorithm() {
    let algorithms = [
        "spare --cheaper-overload 1",
        "spare2 --cheaper-step 2",
        "backlog --cheaper-overload 0",
        "busyness --cheaper-overload 1 --cheaper-busyness-multiplier 1",
        "busyness --cheaper-overload 1000 --cheaper-busyness-backlog-alert 0 --cheaper-busyness-backlog-step 2",
        "busyness --cheaper-overload 1000 --cheaper-busyness-backlog-nonzero 1",
    ];
    for algorithm in algorithms {
        let options = format!("--processes 3 --cheaper 1 --cheaper-idle 1 --cheaper-algo {algorithm}");
        let server = both(&options).start();
        server.workers(1);
        let mut held = vec![hold(&server, 9090)];
        held.extend((0..2).map(|_| ask_and_wait(&server, 9090)));
        server.log.wait_for_count(0, "^holding", 3);
        assert_eq!(workers(&server), [1, 2, 3], "{algorithm}");
        let_go(&server);
        held.iter_mut().for_each(|held| drop(held.response().expect(200)));
        if !algorithm.contains("1000") {
            // The one that is left is not always the first.
            server.log.wait_for_count(0, r"^rsgi worker \d cheaped\.$", 2);
            DOORS.into_iter().for_each(|port| drop(server.get(port, "/").expect(200)));
        }
        assert_eq!(server.stop().code, 0);
    }
}

#[test]
fn memory_sets_limits() {
    let server = both("--processes 3 --cheaper 1 --cheaper-overload 1 --cheaper-rss-limit-soft 1").start();
    server.workers(1);
    let mut held = hold(&server, 9090);
    server.log.wait_for(r"^all workers together use \d+ bytes: none is added .cheaper-rss-limit-soft.$");
    let_go(&server);
    held.response().expect(200);
    assert_eq!(workers(&server), [1]);

    let limits = "--cheaper-rss-limit-soft 1 --cheaper-rss-limit-hard 2";
    let server = both(&format!("--processes 3 --cheaper 1 --cheaper-initial 3 {limits}")).start();
    server.workers(3);
    server.log.wait_for_count(0, r"bytes: one is stopped .cheaper-rss-limit-hard.$", 2);
    until_workers_are(&server, &[1]);
    server.get(9090, "/").expect(200);
}

#[test]
fn a_reload_keeps_what_has_grown() {
    let server = both("--processes 4 --cheaper 1 --cheaper-initial 2 --cheaper-algo manual").start();
    server.workers(2);
    server.signal(Signal::SIGTTIN);
    server.workers(3);
    server.signal(Signal::SIGHUP);
    server.log.wait_for("^generation 1 serves");
    server.log.wait_for_count(0, "killed successfully", 3);
    until_workers_are(&server, &[1, 2, 3]);
    DOORS.into_iter().for_each(|port| drop(server.get(port, "/").expect(200)));
}

#[test]
fn stats_show_a_stopped_worker_as_cheap() {
    let server = both("--processes 2 --cheaper 1 --cheaper-algo manual --stats {ip}:9191").start();
    server.workers(1);
    server.signal(Signal::SIGTTIN);
    server.workers(2);
    server.signal(Signal::SIGTTOU);
    server.log.wait_for("^rsgi worker 2 cheaped");
    let stats: serde_json::Value = serde_json::from_slice(&server.connect(9191).rest()).expect("JSON");
    let seen = |index: usize| {
        let worker = &stats["workers"][index];
        (worker["id"].clone(), worker["status"].clone(), worker["pid"] == 0, worker["respawn_count"].clone())
    };
    assert_eq!(seen(0), (1.into(), "idle".into(), false, 1.into()));
    assert_eq!(seen(1), (2.into(), "cheap".into(), true, 1.into()));
}

#[test]
fn the_names_can_be_asked_for() {
    let ended = crate::support::Server::of(Kind::Rsgi, "--cheaper-algos-list").run();
    assert_eq!((ended.code, ended.log.as_str()), (0, "spare\nspare2\nbacklog\nbusyness\nmanual"));
    let ended = of(Kind::Rsgi, "--processes 2 --cheaper 1 --cheaper-algo fast").run();
    assert!(ended.code == 1 && ended.log.contains("spare, spare2, backlog, busyness, manual"), "{}", ended.log);
}
