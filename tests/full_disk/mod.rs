//! A file system without room: what was to be written there is lost, and no request with it.

use std::path::PathBuf;
use std::time::Duration;

use nix::sys::signal::Signal;
use nix::unistd::geteuid;

use crate::support::{Kind, Running, Server, eventually};

const APP: &str = "def application(environ, start_response):
    length = len(environ['wsgi.input'].read())
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [b'%d bytes' % length]
";

/// A server in whose folder `small` is a file system of 64 KiB that only the server sees.
fn server(options: &str) -> Server {
    assert!(geteuid().is_root(), "a file system of its own: run the tests as root");
    let arguments = format!("--http {{ip}}:9090 --http-socket {{ip}}:3031 --wsgi-file {{dir}}/app.py {options}");
    Server::of(Kind::Rsgi, &arguments)
        .file("app.py", APP)
        .mounts("mkdir {dir}/small; mount -t tmpfs -o size=64k none {dir}/small")
}

/// A file of the small file system, as the server sees it.
fn small(server: &Running, name: &str) -> PathBuf {
    let seen = server.dir().join("small").join(name);
    let root = PathBuf::from(format!("/proc/{}/root", server.pid()));
    root.join(seen.strip_prefix("/").expect("an absolute path"))
}

#[test]
fn an_upload_that_finds_no_room_is_to_come_back() {
    let server = server("--post-buffering 4096").env("TMPDIR", "{dir}/small").start();
    for port in [9090, 3031] {
        let before = server.log.matching("cannot buffer").len();
        let response = server.post(port, "/", "text/plain", &vec![b'x'; 200 << 10]).expect(503);
        assert_eq!(response.header("retry-after"), Some("5"), "{port}");
        let lines = || server.log.matching("cannot buffer").len() - before;
        eventually("a line in the log", || (lines() > 0).then_some(()));
        // What has room is served, so the other has left nothing behind.
        let response = server.post(port, "/", "text/plain", &vec![b'x'; 40 << 10]).expect(200);
        assert_eq!(response.text(), format!("{} bytes", 40 << 10), "{port}");
        assert_eq!(lines(), 1, "{}", server.log.text());
        assert_eq!(server.log.matching(r"\(503\)").len(), before + 1, "the same line says what was answered");
    }
}

/// Processor time of all processes, in clock ticks.
fn ticks(server: &Running) -> u64 {
    let of = |pid: i32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
        fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum::<u64>()
    };
    server.processes().iter().map(|process| of(process.pid)).sum()
}

#[test]
fn a_log_without_room_costs_lines_and_nothing_else() {
    for master in ["", "--log-master"] {
        let server = server(&format!("--logto {{dir}}/small/log {master}")).start();
        let log = small(&server, "log");
        let read = || std::fs::read_to_string(&log).unwrap_or_default();
        server.get(3031, "/first").expect(200);
        eventually("a line", || read().contains("/first").then_some(()));
        let filler = small(&server, "filler");
        let full = std::fs::write(&filler, vec![0; 64 << 10]);
        assert!(full.is_err_and(|error| error.kind() == std::io::ErrorKind::StorageFull));
        let long = format!("/lost?{}", "x".repeat(2000));
        for _ in 0..40 {
            server.get(9090, &long).expect(200);
            server.get(3031, &long).expect(200);
        }
        let whole = read().matches("/lost").count();
        assert!(whole < 80, "{whole} lines had room");

        let worker =
            || server.processes().iter().find(|process| process.title == "rsgi worker 1").map(|found| found.pid);
        let before = worker().expect("a worker");
        server.signal(Signal::SIGHUP);
        eventually("a reload without a line", || worker().filter(|now| *now != before));
        server.get(9090, "/").expect(200);
        let spent = ticks(&server);
        std::thread::sleep(Duration::from_secs(1));
        assert!(ticks(&server) - spent < 30, "nobody tries again and again");

        std::fs::remove_file(&filler).expect("room");
        server.get(9090, "/later").expect(200);
        server.get(3031, "/later").expect(200);
        eventually("the log goes on", || (read().matches("/later").count() == 2).then_some(()));
    }
}
