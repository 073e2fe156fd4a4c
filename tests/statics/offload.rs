//! `offload-threads`: files for slow clients hold no core, on uWSGI and on rsgi.

use std::sync::LazyLock;
use std::time::Duration;

use crate::support::{Kind, Running, Server, eventually};

const PORT: u16 = 3031;
/// More than two sockets buffer.
const LINES: usize = 2_000_000;

static TEXT: LazyLock<String> = LazyLock::new(|| (0..LINES).map(|line| format!("{line:09}\n")).collect());

fn text() -> &'static str {
    &TEXT
}

fn server(kind: Kind, options: &str) -> Server {
    Server::of(kind, &format!("--http-socket {{ip}}:3031 --wsgi-file {{apps}}/files.py --master {options}"))
        .file("root/large.txt", text())
        .file("root/small.txt", "small")
}

const OFFLOAD: &str = "--offload-threads 2 --static-map /static={dir}/root --stats {ip}:9191";

fn wrapped(server: &Running) -> String {
    format!("/wrapped?file={}/root/large.txt", server.dir().display())
}

fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
}

#[test]
fn the_start_the_log_and_the_stats_tell_of_it() {
    for kind in Kind::each() {
        let server = server(kind, &format!("{OFFLOAD} --processes 2 --threads 2")).start();
        for worker in 1..=2 {
            server.log.wait_for(&format!("^spawned 2 offload threads for uWSGI worker {worker}$"));
        }
        server.get(PORT, "/static/small.txt").expect(200);
        server.get(PORT, &wrapped(&server)).expect(200);
        server.get(PORT, "/plain").expect(200);
        for (uri, generated) in [("/static/small.txt", 5), (wrapped(&server).as_str(), 20_000_000)] {
            let line = server.request_line(uri);
            assert!(line.contains(&format!("=> generated {generated} bytes in ")), "{kind:?}: {line}");
            assert!(line.contains(" msecs via offload() (HTTP/1.1 200) "), "{kind:?}: {line}");
        }
        assert!(!server.request_line("/plain").contains(" via "), "{kind:?}");
        eventually("two offloaded requests", || {
            let stats: serde_json::Value = serde_json::from_slice(&server.connect(9191).rest()).expect("JSON");
            let cores = stats["workers"].as_array()?.iter().flat_map(|worker| worker["cores"].as_array().unwrap());
            let count: u64 = cores.map(|core| core["offloaded_requests"].as_u64().unwrap()).sum();
            assert_eq!(stats["sockets"][0]["can_offload"], 1, "{kind:?}");
            (count == 2).then_some(())
        });
    }
}

#[test]
fn without_the_option_nothing_is_offloaded() {
    for kind in Kind::each() {
        let server = server(kind, "--static-map /static={dir}/root --stats {ip}:9191").start();
        server.get(PORT, "/static/small.txt").expect(200);
        assert!(server.request_line("/static/small.txt").contains(" via sendfile() "), "{kind:?}");
        let stats: serde_json::Value = serde_json::from_slice(&server.connect(9191).rest()).expect("JSON");
        assert_eq!(stats["sockets"][0]["can_offload"], 0, "{kind:?}");
        assert_eq!(stats["workers"][0]["cores"][0]["offloaded_requests"], 0, "{kind:?}");
    }
}

/// One worker with one core: while clients take nothing, others are served, and harakiri has nobody to kill.
#[test]
fn slow_clients_hold_no_core_and_harakiri_lets_them_be() {
    for kind in Kind::each() {
        let server = server(kind, &format!("{OFFLOAD} --harakiri 1 --socket-timeout 60")).start();
        let mut slow = ["/static/large.txt".to_owned(), wrapped(&server)].map(|target| {
            let mut client = server.connect(PORT);
            client.send(get(&target)).peek(12);
            client
        });
        let until = std::time::Instant::now() + Duration::from_millis(2200);
        while std::time::Instant::now() < until {
            assert_eq!(server.get(PORT, "/plain").expect(200).text(), "hello", "{kind:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
        for client in &mut slow {
            assert!(client.response().expect(200).text() == text(), "{kind:?}");
        }
        assert!(!server.log.text().contains("HARAKIRI"), "{kind:?}");
    }
}

#[test]
fn a_kept_connection_asks_on_after_its_file() {
    let server = server(Kind::Rsgi, OFFLOAD).start();
    let mut client = server.connect(PORT);
    for _ in 0..3 {
        assert!(client.get("/static/large.txt").expect(200).text() == text());
        assert_eq!(client.get("/plain").expect(200).text(), "hello");
        assert_eq!(client.get("/static/small.txt").expect(200).text(), "small");
    }
}

/// A transfer outlives its worker's generation; what it does not outlive is `worker-reload-mercy`.
#[test]
fn a_reload_waits_for_transfers() {
    let server = server(Kind::Rsgi, OFFLOAD).start();
    let before = server.workers(1);
    let mut slow = server.connect(PORT);
    slow.send(get("/static/large.txt")).peek(12);
    server.signal(nix::sys::signal::Signal::SIGHUP);
    // The new worker serves, the old one is still there.
    server.log.wait_for_count(0, "^spawned 2 offload threads for uWSGI worker 1$", 2);
    assert_eq!(server.get(PORT, "/plain").expect(200).text(), "hello");
    assert!(server.processes().iter().any(|process| process.pid == before[0]), "it has left its client");
    assert!(slow.response().expect(200).text() == text());
    eventually("the old worker leaves", || {
        (!server.processes().iter().any(|process| process.pid == before[0])).then_some(())
    });
}
