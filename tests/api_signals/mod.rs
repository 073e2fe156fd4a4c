//! Signals of the application: `uwsgi.register_signal` and what stands on it, beside real uWSGI where both are to do the same.

use nix::sys::signal::Signal;

use crate::support::{Kind, Running, Server};

const APP: &str = "--http-socket {ip}:3031 --wsgi-file {apps}/signals.py --master --processes 2 --mules 2 --farm mails:2 \
    --spooler {dir}/spool --set watched={dir}/watched";

fn start(kind: Kind, options: &str) -> Running {
    start_with(kind, options, &[])
}

/// With arguments that have spaces in them.
fn start_with(kind: Kind, options: &str, further: &[&str]) -> Running {
    let server = Server::of(kind, &format!("{APP} {options}"));
    let server = further.iter().fold(server, |server, argument| server.arg(argument));
    let server = server.file("spool/.keep", "").file("watched", "").start();
    server.workers(2);
    server.log.wait_for(r"spawned uWSGI worker 2|spooler 1 \(pid \d+\) ready");
    server.log.wait_for_count(0, r"spawned uWSGI mule|mule \d \(pid \d+\) ready", 2);
    server
}

fn ask(server: &Running, path: &str) -> String {
    server.get(3031, path).expect(200).text().to_owned()
}

fn signals_reach_their_targets(kind: Kind) {
    let server = start(kind, "");
    assert_eq!(
        ask(&server, "/raise?n=1&n=2&n=3&n=4&n=5&n=6&n=7&n=255"),
        "[None, None, None, None, None, None, None, None]"
    );
    for line in [
        "anyone 1 worker [12] mule 0 spooler False",
        "workers 2 worker 1 mule 0 spooler False",
        "workers 2 worker 2 mule 0 spooler False",
        "mule 3 worker 0 mule [12] spooler False",
        "mules 4 worker 0 mule 1 spooler False",
        "mules 4 worker 0 mule 2 spooler False",
        "worker2 5 worker 2 mule 0 spooler False",
        "farm 6 worker 0 mule 2 spooler False",
        "spooler 7 worker 0 mule 0 spooler True",
        "mule2 255 worker 0 mule 2 spooler False",
    ] {
        server.log.wait_for(&format!("said {line}"));
    }
    ask(&server, "/raise?n=8");
    server.log.wait_for("ValueError: on purpose 8");
    server.log.wait_for("error managing signal 8 on worker 1");
    ask(&server, "/raise?n=99");
    ask(&server, "/raise?n=5");
    server.log.wait_for_count(0, "said worker2 5", 2);
}

fn time_and_files_raise_signals(kind: Kind) {
    let server = start(kind, "");
    server.log.wait_for_count(0, r"said timer 20 worker 0 mule \d", 2);
    server.log.wait_for_count(0, r"said rbtimer 0 worker 0 mule 2", 2);
    std::fs::write(server.dir().join("watched"), "new").expect("written");
    server.log.wait_for(r"said filemon \d+ worker 1 mule 0");
}

fn calls_answer_alike(kind: Kind) {
    let server = start(kind, "");
    let wanted = "['ValueError: unable to register signal', 'ValueError: unable to register signal', [True, True, None], \
        'None', 'None']";
    assert_eq!(ask(&server, "/facts"), wanted);
}

#[test]
fn signals_reach_their_targets_on_rsgi() {
    signals_reach_their_targets(Kind::Rsgi);
}

#[test]
fn signals_reach_their_targets_on_uwsgi() {
    signals_reach_their_targets(Kind::Uwsgi);
}

#[test]
fn time_and_files_raise_signals_on_rsgi() {
    time_and_files_raise_signals(Kind::Rsgi);
}

#[test]
fn time_and_files_raise_signals_on_uwsgi() {
    time_and_files_raise_signals(Kind::Uwsgi);
}

#[test]
fn calls_answer_alike_on_rsgi() {
    calls_answer_alike(Kind::Rsgi);
}

#[test]
fn calls_answer_alike_on_uwsgi() {
    calls_answer_alike(Kind::Uwsgi);
}

#[test]
fn what_is_registered_in_a_worker_works_there_and_may_be_begun_anew() {
    let arguments = "--http-socket {ip}:3031 --wsgi-file {apps}/signals.py --processes 1 --threads 3";
    let server = Server::of(Kind::Rsgi, arguments).start();
    for count in 1..=2 {
        assert_eq!(ask(&server, "/later?1"), "None");
        server.log.wait_for_count(0, "said later 40 worker 1 mule 0", count);
    }
    // A hundred numbers in one stream, however its cores cut it.
    let query: Vec<_> = (0..100).map(|_| "n=1").collect();
    ask(&server, &format!("/raise?{}", query.join("&")));
    server.log.wait_for_count(0, "said anyone 1 worker 1", 100);
    assert_eq!(server.stop().code, 0);
}

#[test]
fn signals_go_on_after_a_reload() {
    let server = start(Kind::Rsgi, "");
    server.signal(Signal::SIGHUP);
    server.log.wait_for("generation 1 serves");
    let seen = server.log.len();
    ask(&server, "/raise?n=5");
    server.log.wait_from(seen, "said worker2 5 worker 2");
    server.log.wait_from(seen, "said timer 20 worker 0 mule 1");
    std::fs::write(server.dir().join("watched"), "new").expect("written");
    server.log.wait_from(seen, r"said filemon \d+ worker 1");
    ask(&server, "/raise?n=99");
    server.log.wait_from(seen, "signal 99 is raised, but not registered");
    assert_eq!(server.stop().code, 0);
}

#[test]
fn a_touched_file_raises_a_signal() {
    for kind in [Kind::Uwsgi, Kind::Rsgi] {
        let server = start_with(kind, "", &["--touch-signal", "{dir}/touched 5"]);
        crate::support::eventually("the handler", || {
            std::fs::write(server.dir().join("touched"), "").expect("a file");
            server.log.text().contains("said worker2 5 worker 2").then_some(())
        });
    }
}
