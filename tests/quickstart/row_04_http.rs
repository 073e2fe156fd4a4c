//! `--http :9090 --wsgi-file foobar.py`

use std::process::Command;

use crate::support::{Client, Framing, Kind, Server, processes};

#[test]
fn as_the_quickstart_says() {
    for kind in Kind::each() {
        let server = Server::of(kind, "--http {ip}:9090 --wsgi-file {lab}/hello/foobar.py").start();
        let response = server.get(9090, "/").expect(200);
        assert_eq!((response.version.as_str(), response.status, response.reason.as_str()), ("HTTP/1.1", 200, "OK"));
        assert_eq!(response.text(), "Hello World");
        assert_eq!(response.header("content-type"), Some("text/html"));
        let line = server.request_line("/");
        assert!(line.contains("GET / => generated 11 bytes in ") && line.contains("(HTTP/1.1 200)"), "{line}");
        assert!(server.processes().len() >= 2, "a router beside the worker: {:?}", server.processes());
    }
}

#[test]
fn curl_prints_it() {
    let server = Server::new("--http {ip}:9090 --wsgi-file {lab}/hello/foobar.py").start();
    let url = format!("http://{}/", server.address(9090));
    let output = Command::new("curl").args(["--silent", "--show-error", &url]).output().expect("curl");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "Hello World", "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn router_and_worker_are_separate_processes() {
    let server = Server::new("--http {ip}:9090 --wsgi-file {apps}/probe.py").start();
    let mut client = server.connect(9090);
    let worker = client.send("GET /process HTTP/1.1\r\nHost: localhost\r\n\r\n").response().json();
    let worker = i32::try_from(worker["pid"].as_i64().expect("a pid")).expect("a pid");

    let mut client = server.connect(9090);
    client.send("GET /sleep?3 HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let routers = crate::support::eventually("the router takes the connection", || {
        let holders = processes::holders(server.address(9090), client.local());
        (!holders.is_empty()).then_some(holders)
    });
    assert!(!routers.contains(&worker), "the worker {worker} holds the client's connection: {routers:?}");
    let all: Vec<i32> = server.processes().iter().map(|process| process.pid).collect();
    assert!(all.contains(&worker) && routers.iter().all(|router| all.contains(router)), "{all:?}");
    client.response().expect(200);
}

#[test]
fn the_application_sees_the_client_through_the_router() {
    let server = Server::new("--http {ip}:9090 --wsgi-file {apps}/probe.py").start();
    let mut client = server.connect(9090);
    let local = client.local();
    let environ = client
        .send("GET /environ/a%20b?q=1&q=2 HTTP/1.1\r\nHost: example.org:81\r\nX-One: 1\r\nConnection: close\r\n\r\n")
        .response()
        .expect(200)
        .json();
    for (key, value) in [
        ("REQUEST_METHOD", "GET"),
        ("REQUEST_URI", "/environ/a%20b?q=1&q=2"),
        ("PATH_INFO", "/environ/a b"),
        ("QUERY_STRING", "q=1&q=2"),
        ("SCRIPT_NAME", ""),
        ("SERVER_PROTOCOL", "HTTP/1.1"),
        ("SERVER_PORT", "9090"),
        ("REMOTE_ADDR", &local.ip().to_string()),
        ("REMOTE_PORT", &local.port().to_string()),
        ("HTTP_HOST", "example.org:81"),
        ("HTTP_X_ONE", "1"),
        ("UWSGI_ROUTER", "http"),
        ("wsgi.url_scheme", "http"),
    ] {
        assert_eq!(environ[key], value, "{key} in {environ:#}");
    }
}

#[test]
fn a_request_body_passes_the_router() {
    let server = Server::new("--http {ip}:9090 --wsgi-file {apps}/probe.py").start();
    let body: Vec<u8> = (0..3_000_000_u32).map(|n| n.to_le_bytes()[n as usize % 3]).collect();
    let response = server.post(9090, "/echo", "application/octet-stream", &body).expect(200);
    assert!(response.body == body, "{} of {} bytes came back", response.body.len(), body.len());
}

#[test]
fn a_stream_passes_the_router() {
    let server = Server::new("--http {ip}:9090 --wsgi-file {apps}/probe.py").start();
    let response = server.get(9090, "/stream").expect(200);
    assert_eq!(response.text(), "one two three");
    assert!(matches!(response.framing, Framing::Chunked | Framing::Close), "{:?}", response.framing);
}

/// The start-up line is the way to learn it.
#[test]
fn a_port_chosen_by_the_kernel_is_told_as_a_url_to_open() {
    for (address, host) in [("127.0.0.1:0", "127.0.0.1"), ("[::1]:0", "[::1]"), (":0", "")] {
        for option in ["http", "http-socket"] {
            let server =
                Server::of(Kind::Rsgi, &format!("--{option} {address} --wsgi-file {{lab}}/hello/foobar.py")).start();
            let line = server.log.wait_for(r"http://\S+:\d+/");
            let url = line.rsplit(' ').next().expect("the last word").to_owned();
            assert!(!url.contains(":0/") && url.contains(host), "{line}");
            let output = Command::new("curl").args(["--silent", "--show-error", &url]).output().expect("curl");
            assert_eq!(String::from_utf8_lossy(&output.stdout), "Hello World", "{line}");
        }
    }
}

#[test]
fn http_alone_serves_many_clients_at_a_time() {
    let server = Server::new("--http {ip}:9090 --wsgi-file {apps}/probe.py").start();
    let mut clients: Vec<Client> = (0..50).map(|_| server.connect(9090)).collect();
    for client in &mut clients {
        client.send("GET /hello HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    }
    for client in &mut clients {
        assert_eq!(client.response().expect(200).text(), "hello");
    }
}
