//! More is asked than can be served: who waits, who is sent away, and that it passes.

use crate::support::{Client, Kind, Running, Server, eventually};

/// `/hold` is answered when the file `go` is there; `/file` is this program itself, which the worker hands to the router.
const APP: &str = "import os, time
here = os.path.dirname(__file__)
def application(environ, start_response):
    if environ['PATH_INFO'] == '/hold':
        print('held', flush=True)
        while not os.path.exists(os.path.join(here, 'go')):
            time.sleep(0.01)
    if environ['PATH_INFO'] == '/file':
        file = open(__file__, 'rb')
        start_response('200 OK', [('Content-Length', str(os.fstat(file.fileno()).st_size))])
        return environ['wsgi.file_wrapper'](file)
    start_response('200 OK', [('Content-Length', '2')])
    return [b'ok']
";

fn server(options: &str) -> Running {
    let arguments = format!("--http {{ip}}:9090 --http-socket {{ip}}:3031 --wsgi-file {{dir}}/app.py {options}");
    Server::of(Kind::Rsgi, &arguments).file("app.py", APP).start()
}

/// Sends a request and does not wait for its answer.
fn begin(server: &Running, path: &str) -> Client {
    let mut client = server.connect(9090);
    client.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
    client
}

/// Keeps the only core busy.
fn busy(server: &Running) -> Client {
    let client = begin(server, "/hold");
    server.log.wait_for("held");
    client
}

fn release(server: &Running) {
    std::fs::write(server.dir().join("go"), "").expect("written");
}

#[test]
fn who_would_wait_too_long_is_told_to_come_back() {
    let server = server("--queue-timeout 1");
    let mut first = busy(&server);
    let response = server.get(9090, "/").expect(503);
    let seconds: u32 = response.header("retry-after").expect("a hint").parse().expect("seconds");
    assert!((1..=60).contains(&seconds));
    server.log.wait_for("no core became idle within queue-timeout");
    release(&server);
    assert_eq!(first.response().expect(200).text(), "ok");
    server.get(9090, "/").expect(200);
}

#[test]
fn a_full_queue_sends_away_at_once_and_health_checks_pass() {
    let server = server("--queue-length 1 --queue-exempt /health");
    let mut first = busy(&server);
    let (sender, answers) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        // One of the two waits, the other finds the queue full.
        for _ in 0..2 {
            let (sender, mut client) = (sender.clone(), begin(&server, "/"));
            scope.spawn(move || sender.send(client.response()).expect("somebody listens"));
        }
        let turned_away = answers.recv().expect("an answer").expect(503);
        assert_eq!(turned_away.header("retry-after"), Some("5"));
        server.log.wait_for("the queue is full");
        let mut health = begin(&server, "/health");
        release(&server);
        answers.recv().expect("an answer").expect(200);
        health.response().expect(200);
        first.response().expect(200);
    });
}

#[test]
fn idle_connections_do_not_count() {
    let server = server("--queue-length 1 --queue-timeout 1");
    let mut kept: Vec<_> = (0..50).map(|_| server.connect(9090)).collect();
    for client in &mut kept {
        client.get("/").expect(200);
    }
    server.get(9090, "/").expect(200);
    for client in &mut kept {
        client.get("/").expect(200);
    }
}

#[test]
fn descriptors_that_run_out_come_back() {
    let server = server("--max-fd 80");
    for (port, complaint, end) in [
        (
            9090,
            "cannot accept connections for now",
            r"connections are accepted again: \d{2,} attempts have failed within",
        ),
        (
            3031,
            "cannot accept connections: .* trying again",
            r"worker 1 accepts connections again: \d+ attempts have failed",
        ),
    ] {
        // Who has begun to ask does not give way, as idle clients would.
        let mut busy: Vec<_> = (0..100).map(|_| server.connect(port)).collect();
        for client in &mut busy {
            client.send("GET / HT");
        }
        server.log.wait_for(complaint);
        std::thread::sleep(std::time::Duration::from_millis(1500));
        // Whoever has been accepted is served all the same; the others when there is room.
        drop(busy);
        eventually("an answer", || (server.get(port, "/").status == 200).then_some(()));
        // However often it was tried, that is told once, with a count at its end.
        server.log.wait_for(end);
        assert_eq!(server.log.matching(complaint).len(), 1);
    }
}

/// The kernel drops a descriptor that there is no number for: whoever has been accepted gets the file all the same.
#[test]
fn files_have_descriptors_when_clients_have_all_others() {
    let server = server("--max-fd 80");
    let mut busy: Vec<_> = (0..100).map(|_| server.connect(9090)).collect();
    for client in &mut busy {
        client.send("GET /file HT");
    }
    server.log.wait_for("cannot accept connections for now");
    for client in busy.iter_mut().take(20) {
        let response = client.send("TP/1.1\r\nHost: a\r\n\r\n").response().expect(200);
        assert_eq!(response.text(), APP);
    }
}
