//! `--stats 127.0.0.1:9191`

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::{Kind, Running, Server, eventually, lab::LAB};

pub(super) const COMMAND: &str =
    "--http {ip}:9090 --wsgi-file {apps}/probe.py --master --processes 4 --threads 2 --stats {ip}:9191";

/// What a client gets that only connects.
#[track_caller]
fn raw(server: &Running) -> String {
    let mut stream = TcpStream::connect(server.address(9191)).expect("connected");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("a document and its end");
    text
}

#[track_caller]
pub(super) fn stats(server: &Running) -> Value {
    let text = raw(server);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

pub(super) fn cores(stats: &Value) -> Vec<&Value> {
    let workers = stats["workers"].as_array().expect("workers");
    workers.iter().flat_map(|worker| worker["cores"].as_array().expect("cores")).collect()
}

#[test]
fn as_the_quickstart_says() {
    for kind in Kind::each() {
        let server = Server::of(kind, COMMAND).start();
        a_bare_connection_gets_the_document(&server);
        uwsgitop_shows_it(&server);
    }
}

fn a_bare_connection_gets_the_document(server: &Running) {
    let pids = server.workers(4);
    for _ in 0..3 {
        server.get(9090, "/hello").expect(200);
    }
    // uWSGI closes without a word.
    server.connect(9090).send("GET /raising HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").rest();
    let stats = eventually("all requests are counted, and every worker waits for the next", || {
        let stats = stats(server);
        let workers = stats["workers"].as_array().expect("workers");
        let requests = workers.iter().map(|worker| worker["requests"].as_u64().expect("a count")).sum::<u64>();
        let waits = |worker: &Value| worker["accepting"] == 1 && worker["status"] == "idle";
        (requests == 4 && workers.iter().all(waits)).then_some(stats)
    });
    let workers = stats["workers"].as_array().expect("workers");
    assert_eq!((workers.len(), cores(&stats).len()), (4, 8));
    let sum = |key: &str| workers.iter().map(|worker| worker[key].as_u64().expect(key)).sum::<u64>();
    assert_eq!((sum("delta_requests"), sum("exceptions"), sum("harakiri_count")), (4, 1, 0));
    assert!(sum("tx") > 15 && sum("running_time") > 0, "{stats:#}");
    for worker in workers {
        let pid = i32::try_from(worker["pid"].as_i64().expect("a pid")).expect("a pid");
        assert!(pids.contains(&pid), "{pid} of {pids:?}");
        assert_eq!(worker["respawn_count"], 1);
        assert!(worker["last_spawn"].as_u64().expect("a time") > 1_700_000_000);
        assert_eq!(worker["apps"][0]["mountpoint"], "");
    }
    let app = |key: &str| workers.iter().map(|worker| worker["apps"][0][key].as_u64().expect(key)).sum::<u64>();
    assert_eq!(app("exceptions"), 1);
    assert_eq!(stats["pid"], server.pid());
    assert_eq!(stats["cwd"].as_str(), server.dir().canonicalize().expect("a folder").to_str());
    for (key, text) in [("listen_queue", "\t\"listen_queue\":0,\n"), ("load", "\t\"load\":0,\n")] {
        assert_eq!(stats[key], 0);
        assert!(raw(server).contains(text), "uWSGI's form: {text:?}");
    }
}

#[test]
fn unix_socket_http_head_and_minified() {
    let command = "--http-socket {ip}:9090 --wsgi-file {apps}/probe.py --stats {dir}/stats.sock --stats-http \
                   --stats-minified --stats-no-cores --chmod-socket=600";
    let server = Server::new(command).unix("stats.sock").start();
    let path = server.dir().join("stats.sock");
    assert_eq!(path.metadata().expect("a socket").permissions().mode() & 0o777, 0o600);
    let mut text = String::new();
    UnixStream::connect(&path).expect("connected").read_to_string(&mut text).expect("a document");
    let (head, body) = text.split_once("\r\n\r\n").expect("a head");
    assert!(head.starts_with("HTTP/1.0 200 OK\r\n") && head.contains("Content-Type: application/json"), "{head}");
    assert!(!body.trim_end().contains(['\n', '\t']), "{body}");
    let stats: Value = serde_json::from_str(body).expect("JSON");
    assert!(stats["workers"][0].get("cores").is_none());
}

#[test]
fn crons_and_a_pause_are_told() {
    for kind in Kind::each() {
        let server = Server::of(kind, COMMAND)
            .arg("--cron")
            .arg("5 -1 -2 -1 -1 true")
            .arg("--cron2")
            .arg("hour=9-17,unique=1 echo hi")
            .start();
        server.workers(4);
        let cron = |minute, hour, day, command, unique| {
            serde_json::json!({
                "minute": minute, "hour": hour, "day": day, "month": -1, "week": -1,
                "command": command, "unique": unique, "legion": "", "pid": -1, "started_at": 0,
            })
        };
        let expected = serde_json::json!([cron(5, -1, -2, "true", 0), cron(-1, 9, -1, "echo hi", 1)]);
        assert_eq!(stats(&server)["crons"], expected, "{kind:?}");
        server.signal(nix::sys::signal::Signal::SIGTSTP);
        eventually("all workers pause", || {
            let stats = stats(&server);
            let workers = stats["workers"].as_array().expect("workers");
            workers.iter().all(|worker| worker["status"] == "pause").then_some(())
        });
        server.signal(nix::sys::signal::Signal::SIGTSTP);
        server.get(9090, "/hello").expect(200);
    }
}

#[test]
fn a_public_address_of_the_stats_is_warned_of() {
    for (address, warned) in [("0.0.0.0:0", true), ("{ip}:9191", false), ("{dir}/stats.sock", false)] {
        let server = Server::new(&format!("--http-socket {{ip}}:9090 --wsgi-file {{apps}}/probe.py --stats {address}"));
        let server = server.spawn();
        server.log.wait_for("worker 1 .* ready$");
        assert_eq!(server.log.text().contains("is open to other machines"), warned, "{address}");
    }
}

#[test]
fn a_stats_client_that_does_not_read_holds_nobody_up() {
    let server = Server::new(COMMAND).start();
    let victim = server.workers(4)[0];
    let _silent: Vec<_> = (0..20).map(|_| TcpStream::connect(server.address(9191)).expect("connected")).collect();
    let lines = server.log.len();
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(victim), nix::sys::signal::Signal::SIGKILL).expect("alive");
    server.log.wait_from(lines, crate::support::phrases::worker_ready(server.kind));
    assert!(stats(&server)["workers"].as_array().expect("workers").iter().any(|one| one["respawn_count"] == 2));
}

fn uwsgitop_shows_it(server: &Running) {
    let address = server.address(9191).to_string();
    // Its screen needs a terminal: script(1) makes one.
    let mut top = Command::new("script")
        .args(["--quiet", "--return", "--command", &format!("{}/bin/uwsgitop {address}", LAB.venv.display())])
        .arg("/dev/null")
        .envs([("TERM", "xterm"), ("LINES", "40"), ("COLUMNS", "160")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("script");
    let mut screen = String::new();
    let mut output = top.stdout.take().expect("a pipe");
    let mut piece = [0; 4096];
    while !(screen.contains("req: 4 ") && screen.contains("LastSpwn") && screen.matches("idle").count() >= 4) {
        let count = output.read(&mut piece).expect("output");
        assert!(count > 0, "uwsgitop ended: {screen}");
        screen.push_str(&String::from_utf8_lossy(&piece[..count]));
    }
    assert!(screen.contains(&format!("masterpid: {}", server.pid())), "{screen}");
    top.stdin.take().expect("a pipe").write_all(b"q").expect("uwsgitop listens");
    std::io::copy(&mut output, &mut std::io::sink()).expect("its last words");
    assert!(top.wait().expect("its end").success());
}
