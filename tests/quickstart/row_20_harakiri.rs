//! `harakiri = 30`, scaled down.

use std::io::Read;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Kind, Running, Server, eventually, phrases};

const ACCUSED: &str = r"\*\*\* HARAKIRI ON WORKER \d+ \(pid: \d+, try: 1, graceful: \w+\) \*\*\*";

fn start(options: &str) -> Running {
    Server::new(&format!("--wsgi-file {{apps}}/slow.py --master {options}")).start()
}

#[track_caller]
fn worker(server: &Running) -> Value {
    let mut text = String::new();
    TcpStream::connect(server.address(9191)).expect("connected").read_to_string(&mut text).expect("a document");
    serde_json::from_str::<Value>(&text).expect("JSON")["workers"][0].clone()
}

#[test]
fn as_the_quickstart_says() {
    for kind in Kind::each() {
        let command = "--wsgi-file {apps}/slow.py --master --http-socket {ip}:3031 --harakiri 2 --stats {ip}:9191";
        the_stuck_request_is_killed_and_the_next_one_is_served(&Server::of(kind, command).start());
    }
}

fn the_stuck_request_is_killed_and_the_next_one_is_served(server: &Running) {
    server.log.wait_for("harakiri without post buffering");
    let before = server.get(3031, "/hello").expect(200).text().to_owned();
    let mut client = server.connect(3031);
    let began = Instant::now();
    client.send("GET /stuck?60 HTTP/1.1\r\nHost: localhost\r\nCookie: id=7\r\n\r\n");
    assert_eq!(client.rest(), b"", "nothing is answered");
    let took = began.elapsed();
    // uWSGI counts whole seconds of the clock.
    assert!(
        took > Duration::from_secs_f64(if server.kind == Kind::Uwsgi { 1.0 } else { 1.9 })
            && took < Duration::from_secs(8),
        "{took:?}"
    );
    for line in [
        ACCUSED,
        r"HARAKIRI !!! worker 1 status !!!$",
        r"HARAKIRI \[core 0\] 127\.\d+\.\d+\.\d+ - GET /stuck\?60 since \d{10}$",
        r"HARAKIRI !!! end of worker 1 status !!!$",
        r"HARAKIRI triggered by worker 1 core 0 !!!$",
        phrases::worker_died(server.kind),
    ] {
        server.log.wait_for(line);
    }
    assert_ne!(server.get(3031, "/hello").expect(200).text(), before, "another worker serves");
    let stats = worker(server);
    assert_eq!((&stats["harakiri_count"], &stats["respawn_count"]), (&1.into(), &2.into()));
    if server.kind == Kind::Rsgi {
        // What uWSGI does not tell: every variable, and what the thread was at.
        server.log.wait_for(r"^HARAKIRI \[core 0\] HTTP_COOKIE=\*\*\*$");
        server.log.wait_for(r#"slow\.py", line \d+ in answer_stuck"#);
        let thread = server.log.wait_for(r"^HARAKIRI \[core 0\] thread 0x[0-9a-f]{16}$");
        let thread = thread.rsplit(' ').next().expect("a thread");
        server.log.wait_for(&format!(r"[Tt]hread {thread} .*most recent call first"));
        assert!(!server.log.text().contains("id=7"), "a cookie in the log");
    }
}

#[test]
fn each_core_has_its_own_deadline_and_other_workers_never_notice() {
    let server = start("--http-socket {ip}:3031 --harakiri 2 --processes 2 --threads 2");
    let workers = server.workers(2);
    let mut stuck = server.connect(3031);
    stuck.send("GET /stuck?60 HTTP/1.1\r\nHost: localhost\r\n\r\n");
    // uWSGI would set the deadline of the worker anew with each of these, and never end the stuck one.
    let until = Instant::now() + Duration::from_secs(10);
    let mut answers = std::collections::BTreeSet::new();
    while server.log.matching(ACCUSED).is_empty() {
        assert!(Instant::now() < until, "no harakiri");
        answers.insert(server.get(3031, "/hello").expect(200).text().to_owned());
        std::thread::sleep(Duration::from_millis(20));
    }
    server.log.wait_for(phrases::worker_died(server.kind));
    server.workers(3);
    let answered = server.get(3031, "/hello").expect(200).text().to_owned();
    assert!(!answers.is_empty() && !answered.is_empty());
    let alive: Vec<_> =
        workers.iter().filter(|pid| server.processes().iter().any(|process| process.pid == **pid)).collect();
    assert_eq!(alive.len(), 1, "one of {workers:?} is still there");
}

#[test]
fn the_router_answers_504_and_does_not_try_the_request_again() {
    // With threads any core serves any link: the one that breaks has to be the one that is meant.
    let server = start("--http {ip}:9090 --harakiri 1 --processes 2 --threads 3");
    server.workers(2);
    let mut clients: Vec<_> = (0..2).map(|_| server.connect(9090)).collect();
    for client in &mut clients {
        client.send("GET /stuck?60 HTTP/1.1\r\nHost: localhost\r\n\r\n");
    }
    for client in clients {
        { client }.response().expect(504);
    }
    server.workers(4);
    server.get(9090, "/stuck?60").expect(504);
    server.get(9090, "/hello").expect(200);
    std::thread::sleep(Duration::from_millis(1500));
    assert_eq!(server.log.matching(ACCUSED).len(), 3);
}

#[test]
fn a_request_that_can_be_interrupted_ends_alone() {
    let server = start("--http-socket {ip}:3031 --http {ip}:9090 --harakiri 1 --harakiri-graceful 10 --threads 2");
    let pid = server.get(3031, "/hello").expect(200).text().to_owned();
    let mut other = server.connect(3031);
    let mut spinning = server.connect(3031);
    spinning.send("GET /spin?60 HTTP/1.1\r\nHost: localhost\r\n\r\n");
    std::thread::sleep(Duration::from_millis(700));
    other.send("GET /stuck?0.9 HTTP/1.1\r\nHost: localhost\r\n\r\n");
    spinning.response().expect(504);
    assert_eq!(other.response().expect(200).text(), "awake");
    server.log.wait_for(r"HARAKIRI \[core \d\] 127\.\d+\.\d+\.\d+ - GET /spin\?60 since \d+");
    server.log.wait_for(r#"slow\.py", line \d+ in answer_spin"#);
    server.get(9090, "/spin?60").expect(504);
    assert_eq!(server.get(3031, "/hello").expect(200).text(), pid, "the worker lives");
    assert!(server.log.matching(ACCUSED).is_empty());
}

#[test]
fn a_request_that_cannot_be_interrupted_is_killed_after_its_grace() {
    let server = start("--http {ip}:9090 --harakiri 1 --harakiri-graceful 1");
    let began = Instant::now();
    server.get(9090, "/stuck?60").expect(504);
    assert!(began.elapsed() > Duration::from_secs_f64(1.9), "{:?}", began.elapsed());
    server.log.wait_for("the request is interrupted");
    server.log.wait_for(ACCUSED);
    server.get(9090, "/hello").expect(200);
}

#[test]
fn a_graceful_timeout_lets_the_other_cores_finish() {
    let server = start("--http-socket {ip}:3031 --harakiri 1 --harakiri-graceful-timeout 2 --threads 2");
    server.get(3031, "/hello").expect(200);
    let mut stuck = server.connect(3031);
    stuck.send("GET /stuck?60 HTTP/1.1\r\nHost: localhost\r\n\r\n");
    std::thread::sleep(Duration::from_millis(700));
    let mut other = server.connect(3031);
    other.send("GET /stuck?0.9 HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(other.response().expect(200).text(), "awake");
    assert_eq!(stuck.rest(), b"");
    server.log.wait_for(r"\(pid: \d+, try: 1, graceful: yes\)");
    server.log.wait_for(r"\(pid: \d+, try: 2, graceful: no\)");
    eventually("a new worker", || (server.log.matching(phrases::worker_ready(server.kind)).len() == 2).then_some(()));
    server.get(3031, "/hello").expect(200);
}

#[test]
fn an_application_sets_a_deadline_itself() {
    let server = start("--http {ip}:9090 --stats {ip}:9191");
    assert_eq!(server.get(9090, "/taken_back?1.5").expect(200).text(), "awake");
    server.get(9090, "/own_deadline?10").expect(504);
    server.log.wait_for(r"HARAKIRI \(user\) triggered by worker 1 core 0 !!!");
    server.get(9090, "/hello").expect(200);
    assert_eq!(worker(&server)["harakiri_count"], 1);
}

#[test]
fn a_late_request_is_let_go_on_while_nobody_waits() {
    let server = start("--http {ip}:9090 --harakiri 1 --harakiri-queue-threshold 2");
    assert_eq!(server.get(9090, "/stuck?1.6").expect(200).text(), "awake");
    let ask = |target: &str| {
        let mut client = server.connect(9090);
        client.send(format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n"));
        client
    };
    let stuck = ask("/stuck?60");
    std::thread::sleep(Duration::from_millis(1500));
    let first = ask("/hello");
    std::thread::sleep(Duration::from_millis(500));
    assert!(server.log.matching(ACCUSED).is_empty(), "one may wait");
    let second = ask("/hello");
    { stuck }.response().expect(504);
    for waiting in [first, second] {
        { waiting }.response().expect(200);
    }
}

#[test]
fn the_queue_of_a_socket_counts_like_the_routers() {
    let server = start("--http-socket {ip}:3031 --harakiri 1 --harakiri-queue-threshold 2");
    let mut stuck = server.connect(3031);
    stuck.send("GET /stuck?60 HTTP/1.1\r\nHost: localhost\r\n\r\n");
    std::thread::sleep(Duration::from_millis(1500));
    assert!(server.log.matching(ACCUSED).is_empty());
    let _waiting: Vec<_> = (0..2).map(|_| server.connect(3031)).collect();
    assert_eq!(stuck.rest(), b"");
    server.log.wait_for(ACCUSED);
}

#[test]
fn the_router_ends_a_request_and_its_worker_lives() {
    let server = start("--http {ip}:9090 --http-harakiri 3");
    let pid = server.get(9090, "/hello").expect(200).text().to_owned();
    server.get(9090, "/stuck?4").expect(504);
    server.log.wait_for(r#"the request took longer than http-harakiri allows.*request="?GET /stuck\?4"#);
    // The core is busy for one more second, which is far from this request's own limit.
    assert_eq!(server.get(9090, "/hello").expect(200).text(), pid);
}
