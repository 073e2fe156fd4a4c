//! Whether an instance lives, and whether it serves, asked at every door.

use nix::sys::signal::Signal;

use crate::support::{Kind, Running, Server, eventually};

const ARGUMENTS: &str = "--http {ip}:9090 --http-socket {ip}:8080 --wsgi-file {apps}/probe.py --metrics {ip}:9192 \
                         --health-live /live --health-ready /ready";

/// Status and body at the router, a worker and the metrics.
fn ask(server: &Running, of: [&str; 3]) -> [(u16, String); 3] {
    let doors = [9090, 8080, 9192];
    [0, 1, 2].map(|index| {
        let answer = server.get(doors[index], of[index]);
        (answer.status, String::from_utf8(answer.body).expect("text"))
    })
}

const LIVE: [&str; 3] = ["/live", "/live", "/healthz"];
const READY: [&str; 3] = ["/ready", "/ready", "/readyz"];

#[test]
fn every_door_tells() {
    let server = Server::of(Kind::Rsgi, ARGUMENTS).start();
    server.workers(1);
    eventually("readiness", || (ask(&server, READY) == [(); 3].map(|()| (200, "ok\n".into()))).then_some(()));
    assert_eq!(ask(&server, LIVE), [(); 3].map(|()| (200, "ok\n".into())));
    server.get(9090, "/hello").expect(200);
    server.request_line("/hello");
    let log = server.log.text();
    assert!(!log.contains("/live") && !log.contains("/ready"), "checks are not logged: {log}");
}

#[test]
fn a_pause_is_no_death() {
    let server = Server::of(Kind::Rsgi, ARGUMENTS).start();
    server.workers(1);
    // A paused worker accepts nobody, but answers on what is open.
    let mut kept = server.connect(8080);
    kept.get("/live").expect(200);
    server.signal(Signal::SIGTSTP);
    eventually("the pause", || (kept.get("/ready").status == 503).then_some(()));
    for (port, path) in [(9090, "/ready"), (9192, "/readyz")] {
        let answer = eventually("not ready", || Some(server.get(port, path)).filter(|answer| answer.status == 503));
        assert_eq!(answer.body, b"paused\n");
    }
    for (port, path) in [(9090, "/live"), (9192, "/healthz")] {
        server.get(port, path).expect(200);
    }
    server.signal(Signal::SIGTSTP);
    eventually("all goes on", || (ask(&server, READY).iter().all(|(status, _)| *status == 200)).then_some(()));
}

#[test]
fn a_start_is_not_ready_yet() {
    let slow = "import time, os\nwhile not os.path.exists('go'): time.sleep(0.01)\n\
                def application(environ, start_response):\n    start_response('200 OK', [])\n    return [b'x']\n";
    let arguments = "--http-socket {ip}:8080 --wsgi-file app.py --metrics {ip}:9192";
    let server = Server::of(Kind::Rsgi, arguments).file("app.py", slow).start();
    let answer = server.get(9192, "/readyz");
    assert_eq!((answer.status, answer.body.as_slice()), (503, &b"starting\n"[..]));
    server.get(9192, "/healthz").expect(200);
    std::fs::write(server.dir().join("go"), "").expect("a file");
    eventually("it serves", || (server.get(9192, "/readyz").status == 200).then_some(()));
}

#[test]
fn a_stop_is_not_ready_any_more() {
    let server = Server::of(Kind::Rsgi, ARGUMENTS).start();
    server.workers(1);
    let mut client = server.connect(9090);
    client.send("GET /sleep?2 HTTP/1.1\r\nHost: localhost\r\n\r\n");
    server.log.wait_for("asleep for 2");
    server.signal(Signal::SIGTERM);
    let answer = eventually("the stop", || Some(server.get(9192, "/readyz")).filter(|answer| answer.status == 503));
    assert_eq!(answer.body, b"stopping\n");
    server.get(9192, "/healthz").expect(200);
    client.response().expect(200);
    assert_eq!(server.wait().code, 0);
}
