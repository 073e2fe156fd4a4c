//! `spooler` and what belongs to it.

use std::io::Read;
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Kind, Running, Server, eventually};

const APP: &str = "--http-socket {ip}:3031 --wsgi-file {apps}/spoolers.py --master";

/// A server with tasks in the directory `spool` of a temporary folder.
fn start(kind: Kind, options: &str) -> (Running, TempDir) {
    let dir = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(spool(&dir)).expect("a folder");
    let server = Server::of(kind, &format!("{APP} --spooler {} {options}", spool(&dir).display())).start();
    (server, dir)
}

fn spool(dir: &TempDir) -> std::path::PathBuf {
    dir.path().canonicalize().expect("it is there").join("spool")
}

fn ask(server: &Running, path: &str) -> String {
    server.get(3031, path).expect(200).text().to_owned()
}

/// Names of tasks, those with a priority included.
fn tasks(directory: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(directory).expect("a folder") {
        let entry = entry.expect("an entry");
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("uwsgi_spoolfile_on_") {
            names.push(name);
        } else if entry.path().is_dir() {
            names.extend(tasks(&entry.path()));
        }
    }
    names
}

#[track_caller]
fn nothing_left(dir: &TempDir) {
    eventually("an empty spool", || tasks(&spool(dir)).is_empty().then_some(()));
}

#[track_caller]
fn stats(server: &Running) -> Value {
    let mut text = String::new();
    TcpStream::connect(server.address(9191)).expect("connected").read_to_string(&mut text).expect("a document");
    serde_json::from_str::<Value>(&text).expect("JSON")["spoolers"].clone()
}

/// What both servers answer and do.
fn tasks_run(kind: Kind) {
    let (server, dir) = start(kind, "--spooler-ordered --spooler-frequency 1 --stats {ip}:9191");
    let place = regex::escape(&spool(&dir).to_string_lossy());
    server.log.wait_for("said forked 0 0 True");
    let path = ask(&server, "/plain?word");
    assert!(path.starts_with(&format!("b'{}/uwsgi_spoolfile_on_", spool(&dir).display())), "{path}");
    server.log.wait_for(&format!(
        r"said plain \[\('key', 'word'\), \('other', 'x'\), \('ud_spool_func', 'plain'\), \('ud_spool_ret', '-2'\)\] in {place}"
    ));
    ask(&server, "/passed?word");
    server.log.wait_for(r"said passed \('word', \[1, 2\]\) \{'key': b'\\xff'\} worker 0 True");
    ask(&server, "/plain?large");
    server.log.wait_for(r"said plain \[\('body', 120000\), \('key', 'large'\)");
    ask(&server, "/raw?text");
    server.log.wait_for(r"said plain \[\('key', 'text'\), \('ud_spool_func', 'plain'\)");
    ask(&server, "/priority");
    server.log.wait_for(r"said plain \[\('key', 'urgent'\), \('priority', '3'\)");
    nothing_left(&dir);
    server.log.wait_for(&format!(r"\[spooler {place} pid: \d+\] managing request uwsgi_spoolfile_on_\S+ \.\.\."));
    server
        .log
        .wait_for(&format!(r"\[spooler {place} pid: \d+\] done with task uwsgi_spoolfile_on_\S+ after \d seconds"));
    let task = ask(&server, "/task");
    let at = task.find("b'at', b'").and_then(|start| task.get(start + 9..start + 19)).expect("a time").to_owned();
    let wanted = "[('spooler_task_name', NAME), (b'at', b'AT'), (b'key', b'x'), (b'ud_spool_func', b'plain'), \
        (b'ud_spool_ret', b'-2')]";
    let name = task.split_once("('spooler_task_name', ").and_then(|(_, rest)| rest.split_once(')')).expect("a name").0;
    assert_eq!(task.replace(&at, "AT").replace(&name.replace(&at, "AT"), "NAME"), wanted);
    assert_eq!(ask(&server, "/jobs"), "1");
    let pids = ask(&server, "/pids");
    let spooler = stats(&server)[0].clone();
    assert_eq!(pids, format!("[{0}, [{0}]]", spooler["pid"]));
    assert_eq!((&spooler["dir"], &spooler["running"]), (&spool(&dir).to_string_lossy().into(), &0.into()));
    assert_eq!(
        ask(&server, "/errors"),
        r#"['ValueError: spooler callable dictionary must contains only bytes', 'ValueError: unable to spool job', "TypeError: 'int' object is not iterable", 'None', 'True', 'None', [-2, -1, 0]]"#
    );
}

#[test]
fn tasks_run_on_rsgi() {
    tasks_run(Kind::Rsgi);
}

#[test]
fn tasks_run_on_uwsgi() {
    tasks_run(Kind::Uwsgi);
}

#[test]
fn either_server_runs_what_the_other_has_written() {
    for (writes, runs) in [(Kind::Uwsgi, Kind::Rsgi), (Kind::Rsgi, Kind::Uwsgi)] {
        let dir = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(spool(&dir)).expect("a folder");
        let place = spool(&dir).display().to_string();
        let other = dir.path().join("other");
        std::fs::create_dir(&other).expect("a folder");
        // uWSGI's decorators want a spooler of its own; tasks go to the first directory.
        let options = format!("--spooler-external {place} --spooler {}", other.display());
        let writer = Server::of(writes, &format!("{APP} {options}")).start();
        for path in ["/plain?word", "/passed?word", "/plain?large"] {
            let answer = ask(&writer, path);
            assert!(answer.starts_with(&format!("b'{place}/uwsgi_spoolfile_on_")), "{writes:?}: {answer}");
        }
        assert_eq!(tasks(&spool(&dir)).len(), 3, "nobody runs them here");
        drop(writer);
        let runner = Server::of(runs, &format!("{APP} --spooler {place}")).start();
        runner.log.wait_for(r"said plain \[\('key', 'word'\), \('other', 'x'\)");
        runner.log.wait_for(r"said passed \('word', \[1, 2\]\) \{'key': b'\\xff'\}");
        runner.log.wait_for(r"said plain \[\('body', 120000\), \('key', 'large'\)");
        nothing_left(&dir);
    }
}

#[test]
fn a_task_that_failed_is_tried_again_until_it_is_done() {
    let (server, dir) = start(Kind::Rsgi, "--spooler-frequency 1");
    let began = Instant::now();
    ask(&server, &format!("/twice?{}/count", dir.path().display()));
    server.log.wait_for("ValueError: on purpose");
    server.log.wait_for(r#"spoolers\.py", line \d+, in twice"#);
    server.log.wait_for("said try 3");
    assert!(began.elapsed() > Duration::from_millis(1900), "with a pause before each try");
    nothing_left(&dir);
    ask(&server, "/unknown");
    server.log.wait_for("unable to find the spooler function, have you loaded it into the spooler process");
    ask(&server, "/forever");
    server.log.wait_for_count(0, "said forever", 2);
    assert_eq!(tasks(&spool(&dir)).len(), 2);
}

#[test]
fn the_task_of_a_killed_spooler_is_run_again() {
    let (server, dir) = start(Kind::Rsgi, "--stats {ip}:9191");
    ask(&server, "/sleeps?3");
    let line = server.log.wait_for("said sleeps in");
    let pid: i32 = line.split(' ').nth(3).and_then(|pid| pid.parse().ok()).expect("a pid");
    assert_eq!(stats(&server)[0]["running"], 1);
    kill(Pid::from_raw(pid), Signal::SIGKILL).expect("it lives");
    server.log.wait_for(r"DAMN ! spooler 1 \(pid: \d+\) died, killed by signal 9 :\( trying respawn");
    server.log.wait_for_count(0, "said sleeps in", 2);
    server.log.wait_for("said has slept 3");
    nothing_left(&dir);
    assert_eq!(stats(&server)[0]["respawns"], 1);
}

#[test]
fn a_task_that_takes_too_long_ends_its_spooler_and_stays() {
    let (server, dir) = start(Kind::Rsgi, "--spooler-harakiri 1 --spooler-frequency 1");
    ask(&server, "/sleeps?60");
    for line in [
        r"^\*\*\* HARAKIRI ON SPOOLER 1 \(pid: \d+, try: 1, graceful: no\) \*\*\*$",
        r"^HARAKIRI \[task\] uwsgi_spoolfile_on_\S+ since \d{10}$",
        r"^HARAKIRI \[task\] seconds=60$",
        r"^HARAKIRI triggered by spooler 1 !!!$",
        r#"spoolers\.py", line \d+ in sleeps"#,
        r"DAMN ! spooler 1 \(pid: \d+\) died, killed by signal 9",
    ] {
        server.log.wait_for(line);
    }
    server.log.wait_for_count(0, "said sleeps in", 2);
    assert_eq!(tasks(&spool(&dir)).len(), 1);
    server.signal(Signal::SIGINT);
    server.log.wait_for("stopping gracefully");
    server.signal(Signal::SIGINT);
    assert_eq!(server.wait().code, 0);
}

#[test]
fn several_spoolers_share_a_directory_and_run_each_task_once() {
    let (server, dir) = start(Kind::Rsgi, "--spooler-processes 3 --spooler-max-tasks 7 --spooler-quiet");
    assert_eq!(ask(&server, "/many?40"), "40");
    server.log.wait_for_count(0, "said passed", 40);
    nothing_left(&dir);
    for number in 0..40 {
        let pattern = format!(r"said passed \({number},\)");
        assert_eq!(server.log.matching(&pattern).len(), 1, "{number}");
    }
    server.log.wait_for(r"maximum number of tasks reached \(7\) recycling");
    assert!(server.log.matching("managing request|done with task|written").is_empty());
    assert_eq!(server.stop().code, 0);
}

#[test]
fn a_task_that_reads_its_own_file_runs_once() {
    let (server, dir) = start(Kind::Rsgi, "--spooler-processes 2 --spooler-frequency 1");
    let count = dir.path().join("count");
    ask(&server, &format!("/alone?{}", count.display()));
    server.log.wait_for("said alone is done");
    nothing_left(&dir);
    let pids = std::fs::read_to_string(&count).expect("it has run");
    assert_eq!(pids.lines().count(), 1, "{pids}");
}

#[test]
fn a_task_waits_for_its_time() {
    let (server, dir) = start(Kind::Rsgi, "--spooler-frequency 60");
    let began = Instant::now();
    ask(&server, "/later?2");
    ask(&server, "/later?900");
    ask(&server, "/plain?now");
    server.log.wait_for(r"said plain \[\('key', 'now'\)");
    assert!(server.log.matching("'later'").is_empty());
    server.log.wait_for(r"said plain \[\('at', '\d+'\), \('key', 'later'\)");
    assert!(began.elapsed() > Duration::from_millis(900), "{:?}", began.elapsed());
    eventually("the other one is left", || (tasks(&spool(&dir)).len() == 1).then_some(()));
}

#[test]
fn a_reload_lets_a_task_finish_and_goes_on_with_new_spoolers() {
    let (server, dir) = start(Kind::Rsgi, "--spooler-import {apps}/counter.py");
    ask(&server, "/sleeps?10");
    server.log.wait_for("said sleeps in");
    server.signal(Signal::SIGHUP);
    server.log.wait_for("generation 1 serves");
    ask(&server, "/plain?after");
    // The new one is there at once, the old one finishes.
    server.log.wait_for(r"said plain \[\('key', 'after'\)");
    assert!(server.log.matching("has slept").is_empty());
    server.log.wait_for("said has slept 10");
    server.log.wait_for("spooler 1 killed successfully");
    nothing_left(&dir);
    assert_eq!(server.log.matching("said sleeps in").len(), 1);
    assert_eq!(server.stop().code, 0);
}

#[test]
fn a_directory_that_is_not_there_ends_the_start() {
    let ended = Server::of(Kind::Rsgi, &format!("{APP} --spooler {{dir}}/nowhere")).run();
    assert_eq!(ended.code, 1);
    assert!(ended.log.contains("nowhere cannot be used: No such file or directory"), "{}", ended.log);
}

#[test]
fn what_is_too_large_is_refused_and_broken_files_are_left_alone() {
    let (server, dir) = start(Kind::Rsgi, "--spooler-chdir /");
    let answer = ask(&server, "/large");
    assert!(answer.starts_with("ValueError: unable to spool job: its variables exceed 65535 bytes"), "{answer}");
    assert!(tasks(&spool(&dir)).is_empty());
    std::fs::write(spool(&dir).join("uwsgi_spoolfile_on_x_1_1"), b"\x11\xff\0\0short").expect("written");
    server.log.wait_for("uwsgi_spoolfile_on_x_1_1 alone: it is no task, or not whole");
    ask(&server, "/plain?next");
    server.log.wait_for(r"said plain .* in /$");
    eventually("only the broken one is left", || (tasks(&spool(&dir)).len() == 1).then_some(()));
}
