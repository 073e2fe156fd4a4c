//! Workers that are replaced: after so many requests, at an age, at a size.

use crate::support::{Kind, Running, Server, eventually};

const APP: &str = "import os
kept = []
def application(environ, start_response):
    if environ['PATH_INFO'] == '/grow':
        kept.append(bytearray(os.urandom(1024)) * (64 << 10))
    start_response('200 OK', [('Content-Length', '1')])
    return [b'x']
";

fn server(kind: Kind, options: &str) -> Server {
    let arguments = format!("--master --http-socket {{ip}}:3031 --wsgi-file {{dir}}/app.py {options}");
    Server::of(kind, &arguments).file("app.py", APP)
}

#[test]
fn one_that_has_grown_leaves_after_the_request() {
    for kind in [Kind::Uwsgi, Kind::Rsgi] {
        for option in ["--reload-on-rss 80", "--reload-on-as 400"] {
            let option = if kind == Kind::Rsgi { option.replace("400", "600") } else { option.to_owned() };
            let server = server(kind, &format!("{option} --min-worker-lifetime 0")).start();
            let first = server.workers(1);
            eventually("a new worker", || {
                server.get(3031, "/grow").expect(200);
                (server.workers(1) != first).then_some(())
            });
            server.log.wait_for("The work of process");
        }
    }
}

#[test]
fn one_that_is_much_too_large_is_killed() {
    for kind in [Kind::Uwsgi, Kind::Rsgi] {
        let server = server(kind, "--evil-reload-on-rss 60").start();
        // Once is enough, and what is asked next may meet the worker's end.
        server.get(3031, "/grow").expect(200);
        server.log.wait_for(r"EVIL RELOAD ON WORKER 1 RSS: \d+ \(pid: \d+\)");
        server.log.wait_for("Respawned");
    }
}

#[test]
fn one_that_is_old_leaves() {
    for kind in [Kind::Uwsgi, Kind::Rsgi] {
        let server = server(kind, "--max-worker-lifetime 2 --min-worker-lifetime 1 --processes 2").start();
        server.log.wait_for("worker 1 lifetime reached, it was running for [23] second");
        server.log.wait_for("Respawned");
        server.get(3031, "/").expect(200);
    }
}

#[test]
fn a_kept_connection_gets_its_last_answer() {
    let server = server(Kind::Rsgi, "--max-requests 3 --min-worker-lifetime 0").start();
    let mut client = server.connect(3031);
    for number in 0..4 {
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx");
        let response = client.response().expect(200);
        // The third was one too many; what is asked on the same connection then is answered all the same.
        assert_eq!(response.header("connection") == Some("close"), number == 3, "request {number}");
    }
    assert!(client.closed());
}

/// An application whose import waits, or fails, when the test wants it.
const IMPORTS: &str = "import os
if os.path.exists(HERE + '/slow'):
    open(HERE + '/slow').read()
if os.path.exists(HERE + '/broken'):
    raise RuntimeError('a broken deploy')
def application(environ, start_response):
    start_response('200 OK', [])
    return [str(os.getpid()).encode()]
";

fn lazy(doors: &str) -> Running {
    let options = "--lazy-apps --max-requests 3 --min-worker-lifetime 0 --forkbomb-delay 1";
    let server = Server::new(&format!("--master {doors} --wsgi-file {{dir}}/app.py {options}"));
    let app = format!("HERE = {:?}\n{IMPORTS}", server.dir().display().to_string());
    let server = server.file("app.py", &app).start();
    // The listener is there before the application.
    server.log.wait_for(r"worker 1 \(pid \d+, 1 core\) ready");
    server
}

#[test]
fn a_worker_serves_until_its_successor_has_loaded_the_application() {
    for doors in ["--http-socket {ip}:3031", "--http {ip}:3031"] {
        let server = lazy(doors);
        let gate = server.dir().join("slow");
        nix::unistd::mkfifo(&gate, nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
        let ask = || server.get(3031, "/").expect(200).text().to_owned();
        let first = ask();
        (0..2).for_each(|_| assert_eq!(ask(), first));
        server.log.wait_for("The work of process");
        // The write end opens when the successor is at its import.
        let mut opened = std::fs::OpenOptions::new().write(true).open(&gate).expect("the successor reads");
        std::fs::remove_file(&gate).expect("the pipe");
        (0..20).for_each(|_| assert_eq!(ask(), first, "the successor is not ready"));
        std::io::Write::write_all(&mut opened, b"go").expect("written");
        drop(opened);
        let second = eventually("the successor", || Some(ask()).filter(|pid| *pid != first));
        server.log.wait_for(&format!(r"Respawned rsgi worker 1 \(new pid: {second}\)"));
        assert_eq!(server.stop().code, 0);
    }
}

#[test]
fn a_broken_successor_leaves_the_old_worker_in_its_place() {
    let server = lazy("--http-socket {ip}:3031");
    std::fs::write(server.dir().join("broken"), "").expect("written");
    let first = server.get(3031, "/").expect(200).text().to_owned();
    for _ in 0..10 {
        assert_eq!(server.get(3031, "/").expect(200).text(), first);
    }
    server.log.wait_for("RuntimeError: a broken deploy");
    server.log.wait_for("respawning too fast .* next try in 1 seconds");
    assert_eq!(server.get(3031, "/").expect(200).text(), first);
    std::fs::remove_file(server.dir().join("broken")).expect("there");
    eventually("a successor", || (server.get(3031, "/").expect(200).text() != first).then_some(()));
    assert_eq!(server.stop().code, 0);
}

#[test]
fn whoever_stands_by_leaves_with_the_instance() {
    let server = lazy("--http-socket {ip}:3031");
    let gate = server.dir().join("slow");
    nix::unistd::mkfifo(&gate, nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
    let first = server.connect(3031);
    (0..3).for_each(|_| drop(server.get(3031, "/").expect(200)));
    let opened = std::fs::OpenOptions::new().write(true).open(&gate).expect("the successor reads");
    std::fs::remove_file(&gate).expect("the pipe");
    drop(opened);
    drop(first);
    assert_eq!(server.stop().code, 0);
}
