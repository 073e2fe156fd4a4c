//! Files that are touched.

use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::support::{Kind, Server, eventually};

/// Sets the time of a file, which need not exist, to a later one.
fn touch(path: &Path) {
    let file = std::fs::OpenOptions::new().append(true).create(true).open(path).expect("a file");
    file.set_modified(SystemTime::now() + Duration::from_secs(60)).expect("a time");
}

#[test]
fn reloads() {
    for kind in [Kind::Uwsgi, Kind::Rsgi] {
        let arguments = "--master --http-socket {ip}:3031 --wsgi-file {dir}/app.py --touch-reload {dir}/touched";
        let app = |text: &str| format!("def application(e, s):\n    s('200 OK', [])\n    return [b'{text}']\n");
        let server = Server::of(kind, arguments).file("app.py", &app("before")).file("touched", "").start();
        assert_eq!(server.get(3031, "/").expect(200).text(), "before");
        std::fs::write(server.dir().join("app.py"), app("after, and longer")).expect("an application");
        touch(&server.dir().join("touched"));
        eventually("the new application", || {
            (server.get(3031, "/").expect(200).text() == "after, and longer").then_some(())
        });
        server.log.wait_for("touched has been touched");
    }
}

#[test]
fn a_file_that_comes_to_be_is_touched() {
    let arguments = "--http-socket {ip}:3031 --wsgi-file {lab}/hello/foobar.py --touch-workers-reload {dir}/touched";
    let server = Server::of(Kind::Rsgi, arguments).start();
    touch(&server.dir().join("touched"));
    server.log.wait_for("gracefully reloading: generation 1");
    server.log.wait_for("worker 1 killed successfully");
}

#[test]
fn runs_a_command() {
    let arguments = "--http-socket {ip}:3031 --wsgi-file {lab}/hello/foobar.py";
    let server =
        Server::of(Kind::Rsgi, arguments).arg("--touch-exec").arg("{dir}/touched echo done > {dir}/proof").start();
    touch(&server.dir().join("touched"));
    eventually("the proof", || (std::fs::read_to_string(server.dir().join("proof")).ok()? == "done\n").then_some(()));
}

#[test]
fn rotates_and_opens_the_log() {
    let arguments = "--http-socket {ip}:3031 --wsgi-file {lab}/hello/foobar.py --logto {dir}/log --log-master \
                     --log-backupname {dir}/old --touch-logrotate {dir}/rotate --touch-logreopen {dir}/reopen";
    let server = Server::of(Kind::Rsgi, arguments).start();
    let path = |name: &str| server.dir().join(name);
    touch(&path("rotate"));
    eventually("a rotated log", || path("old").exists().then_some(()));
    std::fs::rename(path("log"), path("moved")).expect("a log");
    touch(&path("reopen"));
    eventually("a new log", || path("log").exists().then_some(()));
}

#[test]
fn reloads_mules_and_spoolers() {
    for (option, title) in [("--touch-mules-reload", "rsgi mule 1"), ("--touch-spoolers-reload", "rsgi spooler 1")] {
        let arguments =
            "--http-socket {ip}:3031 --wsgi-file {lab}/hello/foobar.py --mule --spooler {dir}/tasks --master";
        let server =
            Server::of(Kind::Rsgi, arguments).arg(option).arg("{dir}/touched").file("tasks/README", "").start();
        let one = || server.processes().iter().find(|process| process.title == title).map(|found| found.pid);
        let before = eventually("it runs", one);
        touch(&server.dir().join("touched"));
        server.log.wait_for("touched has been touched");
        eventually("another", || one().filter(|now| *now != before));
        server.get(3031, "/").expect(200);
    }
}

#[test]
fn reloads_one_worker_after_the_other() {
    let arguments = "--http-socket {ip}:3031 --wsgi-file {lab}/hello/foobar.py --processes 2 \
                     --touch-chain-reload {dir}/chain --touch-reload {dir}/all";
    let server = Server::of(Kind::Rsgi, arguments).start();
    server.workers(2);
    for (file, in_turn) in [("chain", true), ("all", false)] {
        let seen = server.log.len();
        touch(&server.dir().join(file));
        server.log.wait_for_count(seen, r"worker \d killed successfully", 2);
        let text = server.log.text();
        let lines: Vec<_> = text.lines().collect();
        let new = lines.get(seen..).expect("lines");
        let first_end = new.iter().position(|line| line.contains("killed successfully")).expect("an end");
        let ready = new.get(..first_end).expect("lines").iter().filter(|line| line.ends_with(" ready")).count();
        assert_eq!(ready == 1, in_turn, "{file}: {text}");
    }
}
