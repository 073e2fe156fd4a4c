//! Workers that are replaced: after so many requests, at an age, at a size.

use crate::support::{Kind, Server, eventually};

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
        let server = server(kind, "--evil-reload-on-rss 80").start();
        server.get(3031, "/grow").expect(200);
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
