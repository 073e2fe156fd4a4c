//! HTTP that breaks the rules, at the worker's own socket and at the router.

use crate::support::{Kind, Running, Server};

fn start(options: &str) -> Running {
    Server::of(
        Kind::Rsgi,
        &format!("--http {{ip}}:9090 --http-socket {{ip}}:3031 --wsgi-file {{apps}}/probe.py {options}"),
    )
    .start()
}

const PORTS: [u16; 2] = [3031, 9090];

/// Sends bytes and expects one answer with one of these statuses, then the end of the connection.
#[track_caller]
fn refused(server: &Running, what: &str, request: &[u8], statuses: &[u16]) {
    for port in PORTS {
        let mut client = server.connect(port);
        // What follows a broken request must not be taken for another one.
        let after = b"GET /big?7 HTTP/1.1\r\nHost: localhost\r\n\r\n";
        client.send([request, after].concat());
        let response = client.response();
        assert!(statuses.contains(&response.status), "{what} on port {port}: {} {}", response.status, response.reason);
        let rest = client.rest();
        assert!(rest.is_empty(), "{what} on port {port}: more follows: {}", String::from_utf8_lossy(&rest));
    }
}

/// The server still answers, with the same worker.
#[track_caller]
fn goes_on(server: &Running, worker: &serde_json::Value) {
    for port in PORTS {
        assert_eq!(server.get(port, "/process").expect(200).json()["pid"], *worker);
    }
}

fn worker(server: &Running) -> serde_json::Value {
    server.get(3031, "/process").expect(200).json()["pid"].clone()
}

#[test]
fn request_lines() {
    let server = start("");
    let worker = worker(&server);
    for (what, line, statuses) in [
        ("no version", "GET /hello", [400, 505].as_slice()),
        ("version 0.9", "GET /hello HTTP/0.9", &[400, 505]),
        ("version 1.10", "GET /hello HTTP/1.10", &[400, 505]),
        ("version 2.0", "GET /hello HTTP/2.0", &[400, 505]),
        ("version of another protocol", "GET /hello FOO/9", &[400, 505]),
        ("small letters in the version", "GET /hello http/1.1", &[400, 505]),
        ("four words", "GET /hello world HTTP/1.1", &[400]),
        ("two blanks", "GET  /hello HTTP/1.1", &[400]),
        ("a method that is no token", "G@T /hello HTTP/1.1", &[400, 501]),
        ("an empty method", " /hello HTTP/1.1", &[400]),
        ("a target without a slash", "GET hello HTTP/1.1", &[400]),
        ("a control character in the target", "GET /he\u{1}llo HTTP/1.1", &[400]),
        ("an asterisk for GET", "GET * HTTP/1.1", &[400]),
        ("nothing but noise", "\u{1}\u{2}\u{3}\u{4}", &[400]),
    ] {
        refused(&server, what, format!("{line}\r\nHost: localhost\r\n\r\n").as_bytes(), statuses);
    }
    goes_on(&server, &worker);
}

#[test]
fn headers() {
    let server = start("");
    let worker = worker(&server);
    for (what, headers) in [
        ("no Host", "X: 1\r\n"),
        ("two Hosts", "Host: localhost\r\nHost: localhost\r\n"),
        ("a Host with a blank", "Host: local host\r\n"),
        ("a Host with a slash", "Host: localhost/evil\r\n"),
        ("a blank before the colon", "Host: localhost\r\nX-A : 1\r\n"),
        ("no colon", "Host: localhost\r\nX-A\r\n"),
        ("no name", "Host: localhost\r\n: 1\r\n"),
        ("a name that is no token", "Host: localhost\r\nX(A): 1\r\n"),
        ("a folded line", "Host: localhost\r\nX-A: 1\r\n 2\r\n"),
        ("a first line that is folded", " Host: localhost\r\n"),
        ("a bare line feed", "Host: localhost\nX-A: 1\r\n"),
        ("a bare carriage return", "Host: localhost\r\nX-A: 1\r2\r\n"),
        ("a NUL in a value", "Host: localhost\r\nX-A: 1\u{0}2\r\n"),
        ("a control character in a value", "Host: localhost\r\nX-A: 1\u{7f}2\r\n"),
    ] {
        refused(&server, what, format!("GET /hello HTTP/1.1\r\n{headers}\r\n").as_bytes(), &[400]);
    }
    goes_on(&server, &worker);
}

#[test]
fn framing() {
    let server = start("");
    let worker = worker(&server);
    let lengths =
        ["+5", "-1", "5 5", "5,5", "", "0x5", "1e3", "5.", "\u{0665}", "123456789012345678901", "18446744073709551616"];
    for length in lengths {
        let request = format!("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\nhello");
        refused(&server, &format!("Content-Length {length:?}"), request.as_bytes(), &[400, 413]);
    }
    for (what, headers) in [
        ("two lengths that agree", "Content-Length: 5\r\nContent-Length: 5\r\n"),
        ("two lengths that differ", "Content-Length: 5\r\nContent-Length: 6\r\n"),
        ("length and coding", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"),
        ("coding and length", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"),
        ("another coding", "Transfer-Encoding: gzip\r\n"),
        ("two codings", "Transfer-Encoding: gzip, chunked\r\n"),
        ("chunked twice", "Transfer-Encoding: chunked, chunked\r\n"),
        ("chunked in two fields", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
        ("an empty list entry", "Transfer-Encoding: ,chunked\r\n"),
        ("a vertical tab", "Transfer-Encoding: \u{b}chunked\r\n"),
        ("identity", "Transfer-Encoding: identity\r\n"),
        ("an obscured name", "Transfer_Encoding: chunked\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n"),
    ] {
        let request = format!("POST /echo HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n5\r\nhello\r\n0\r\n\r\n");
        refused(&server, what, request.as_bytes(), &[400, 501]);
    }
    let old = "POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    refused(&server, "chunked in HTTP/1.0", old.as_bytes(), &[400]);
    goes_on(&server, &worker);
}

#[test]
fn chunks() {
    let server = start("");
    let worker = worker(&server);
    for (what, body) in [
        ("no hexadecimal digit", "g\r\nhello\r\n0\r\n\r\n"),
        ("a sign", "+5\r\nhello\r\n0\r\n\r\n"),
        ("a negative size", "-5\r\nhello\r\n0\r\n\r\n"),
        ("a prefix", "0x5\r\nhello\r\n0\r\n\r\n"),
        ("a blank before the size", " 5\r\nhello\r\n0\r\n\r\n"),
        ("no size", "\r\nhello\r\n0\r\n\r\n"),
        ("an enormous size", "fffffffffffffffff\r\nhello\r\n0\r\n\r\n"),
        ("a size line that ends in a line feed", "5\nhello\r\n0\r\n\r\n"),
        ("data longer than its size", "3\r\nhello\r\n0\r\n\r\n"),
        ("a control character in an extension", "5;a=\u{1}\r\nhello\r\n0\r\n\r\n"),
        ("a trailer without a colon", "5\r\nhello\r\n0\r\nTrailer\r\n\r\n"),
    ] {
        let request = format!("POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n{body}");
        refused(&server, what, request.as_bytes(), &[400, 413]);
    }
    goes_on(&server, &worker);
}

#[test]
fn trailers_never_reach_the_environ() {
    let server = start("");
    for port in PORTS {
        let body = "0\r\nX-Trailer: 1\r\nContent-Length: 5\r\n\r\n";
        let request = format!("POST /environ HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n{body}");
        let mut client = server.connect(port);
        client.send(request);
        let response = client.response();
        // A forbidden trailer may be refused as well.
        assert!([200, 400].contains(&response.status), "{}", response.status);
        assert!(!response.text().contains("TRAILER"), "{}", response.text());
    }
}

#[test]
fn sizes() {
    let server = start("");
    let worker = worker(&server);
    let long = format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "x".repeat(200_000));
    let fat = format!("GET /hello HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "x".repeat(200_000));
    let many = format!("GET /hello HTTP/1.1\r\nHost: localhost\r\n{}\r\n", "X-A: 1\r\n".repeat(20_000));
    for port in PORTS {
        for (what, request, statuses) in [
            ("a long target", &long, [414, 431]),
            ("a fat header", &fat, [431, 431]),
            ("many headers", &many, [431, 431]),
        ] {
            let mut client = server.connect(port);
            // The server may answer and close before it has read everything.
            let _ = client.try_send(request);
            let response = client.response();
            assert!(statuses.contains(&response.status), "{what} on port {port}: {}", response.status);
        }
    }
    goes_on(&server, &worker);
}

#[test]
fn names_with_underscores_and_the_proxy_header_do_not_pass() {
    let server = start("");
    for port in PORTS {
        let environ = server
            .ask(port, "GET /environ HTTP/1.1\r\nHost: localhost\r\nX_Forwarded_For: 6.6.6.6\r\nX-Real: 1\r\nProxy: http://evil\r\nConnection: close\r\n\r\n")
            .expect(200)
            .json();
        assert!(environ.get("HTTP_X_FORWARDED_FOR").is_none(), "{environ:#}");
        assert!(environ.get("HTTP_PROXY").is_none(), "{environ:#}");
        assert_eq!(environ["HTTP_X_REAL"], "1");
    }
}

#[test]
fn repeated_headers_are_joined() {
    let server = start("");
    for port in PORTS {
        let request = "GET /environ HTTP/1.1\r\nHost: localhost\r\nAccept: a\r\nCookie: x=1\r\nAccept: b\r\nCookie: y=2\r\nConnection: close\r\n\r\n";
        let environ = server.ask(port, request).expect(200).json();
        let list = environ["HTTP_ACCEPT"].as_str().expect("text").replace(", ", ",");
        assert_eq!(list, "a,b");
        assert_eq!(environ["HTTP_COOKIE"], "x=1; y=2");
    }
}

#[test]
fn the_host_of_an_absolute_target_wins() {
    let server = start("");
    for port in PORTS {
        let request =
            "GET http://real.example:81/environ?q HTTP/1.1\r\nHost: other.example\r\nConnection: close\r\n\r\n";
        let environ = server.ask(port, request).expect(200).json();
        assert_eq!((&environ["HTTP_HOST"], &environ["PATH_INFO"]), (&"real.example:81".into(), &"/environ".into()));
    }
}

#[test]
fn a_refusal_is_logged_with_the_client_as_its_cause() {
    let server = start("");
    for port in PORTS {
        let lines = server.log.len();
        server.connect(port).send("GET /hello HTTP/1.1\r\nX: 1\r\n\r\n").response().expect(400);
        let line = server.log.wait_from(lines, "(?i)client");
        assert!(line.contains("127.0.0.1"), "whose fault: {line}");
    }
}
