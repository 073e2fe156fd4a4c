//! `--http-socket 127.0.0.1:3031`: HTTP/1.1 spoken by the worker itself.

use std::time::{Duration, Instant};

use crate::support::{Framing, Kind, Running, Server, processes};

fn start(options: &str) -> Running {
    Server::new(&format!("--http-socket {{ip}}:3031 --wsgi-file {{apps}}/probe.py {options}")).start()
}

#[test]
fn as_the_quickstart_says() {
    for kind in Kind::each() {
        let server = Server::of(kind, "--http-socket {ip}:3031 --wsgi-file {lab}/hello/foobar.py").start();
        assert_eq!(server.get(3031, "/").expect(200).text(), "Hello World");
        assert!(server.processes().iter().all(|process| !process.title.ends_with("http 1")), "no router");
        let server = Server::of(kind, "--http-socket {ip}:3031 --wsgi-file {apps}/probe.py").start();
        let environ = server.get(3031, "/environ").expect(200).json();
        assert_eq!((&environ["SERVER_PORT"], &environ["wsgi.url_scheme"]), (&"3031".into(), &"http".into()));
        assert!(environ.get("UWSGI_ROUTER").is_none(), "{environ:#}");
    }
}

#[test]
fn the_worker_itself_holds_the_connection() {
    let server = start("");
    let worker = server.get(3031, "/process").expect(200).json()["pid"].as_i64().expect("a pid");
    let mut client = server.connect(3031);
    client.send("GET /sleep?3 HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let holders = crate::support::eventually("the worker accepts", || {
        let holders = processes::holders(server.address(3031), client.local());
        (!holders.is_empty()).then_some(holders)
    });
    assert_eq!(holders, [i32::try_from(worker).expect("a pid")]);
    client.response().expect(200);
}

#[test]
fn environ_tells_of_the_socket_and_of_no_router() {
    let environ = start("").get(3031, "/environ").expect(200).json();
    assert_eq!(environ["SERVER_PORT"], "3031");
    assert_eq!(environ["REMOTE_ADDR"], "127.0.0.1");
    assert_eq!(environ["SCRIPT_NAME"], "");
    assert!(environ.get("UWSGI_ROUTER").is_none(), "{environ:#}");
}

#[test]
fn keep_alive() {
    let server = start("");
    let mut client = server.connect(3031);
    for _ in 0..5 {
        let response = client.get("/hello").expect(200);
        assert_eq!((response.text(), response.framing), ("hello", Framing::Length));
    }
    let streamed = client.get("/stream").expect(200);
    assert_eq!((streamed.text(), streamed.framing), ("one two three", Framing::Chunked));
    assert_eq!(client.get("/empty").expect(204).framing, Framing::None);
    let last =
        client.send("GET /hello HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").response().expect(200);
    assert_eq!(last.header("connection"), Some("close"));
    assert!(client.closed());
}

#[test]
fn http_1_0_closes_unless_asked_to_keep() {
    let server = start("");
    let mut client = server.connect(3031);
    let kept = client.send("GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").response().expect(200);
    assert_eq!(kept.header("connection").map(str::to_lowercase).as_deref(), Some("keep-alive"));
    let streamed = client.send("GET /stream HTTP/1.0\r\n\r\n").response().expect(200);
    assert_eq!((streamed.text(), streamed.framing), ("one two three", Framing::Close));
}

#[test]
fn idle_connections_do_not_hold_the_only_core() {
    let server = start("");
    let mut idle: Vec<_> = (0..20).map(|_| server.connect(3031)).collect();
    for client in &mut idle {
        client.get("/hello").expect(200);
    }
    server.get(3031, "/hello").expect(200);
    idle[3].get("/hello").expect(200);
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let server = start("--threads 4");
    let mut client = server.connect(3031);
    let one = |size| format!("GET /big?{size} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    client.send((1..=50).map(one).collect::<String>());
    for size in 1..=50 {
        assert_eq!(client.response().expect(200).body.len(), size);
    }
    // A body in the middle is not taken for a request.
    client.send("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nGET /GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(client.response().expect(200).text(), "GET /");
    assert_eq!(client.response().expect(200).text(), "hello");
}

#[test]
fn a_body_that_the_application_does_not_read_is_never_taken_for_a_request() {
    let server = start("");
    let mut client = server.connect(3031);
    let smuggled = "GET /big?9 HTTP/1.1\r\nHost: localhost\r\n\r\n";
    client.send(format!(
        "POST /hello HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{smuggled}",
        smuggled.len()
    ));
    assert_eq!(client.response().expect(200).text(), "hello");
    client.try_send("GET /stream HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").expect("sent");
    // Drained and kept, or closed: both are right. An answer of nine bytes is not.
    let rest = String::from_utf8(client.rest()).expect("text");
    assert!(rest.is_empty() || rest.contains("one "), "{rest}");
    assert!(!rest.contains("xxxxxxxxx"), "{rest}");
}

#[test]
fn chunked_request_bodies_are_decoded() {
    let server = start("");
    let mut client = server.connect(3031);
    client.send("POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
    for byte in "5\r\nhello\r\n7;note=x\r\n, world\r\n0\r\nX-Trailer: 1\r\n\r\n".bytes() {
        client.send([byte]);
    }
    assert_eq!(client.response().expect(200).text(), "hello, world");
    client.get("/hello").expect(200);
}

#[test]
fn a_large_chunked_body_is_streamed() {
    let server = start("");
    let mut client = server.connect(3031);
    client.send("POST /count HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
    let chunk = [b"10000\r\n".as_slice(), &[b'c'; 65536], b"\r\n"].concat();
    for _ in 0..64 {
        client.send(&chunk);
    }
    client.send("0\r\n\r\n");
    assert_eq!(client.response().expect(200).text(), (64 * 65536).to_string());
    client.get("/hello").expect(200);
}

#[test]
fn expect_100_continue_is_answered_when_the_application_reads() {
    let server = start("");
    let mut client = server.connect(3031);
    client.send("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
    assert!(client.peek(12).starts_with(b"HTTP/1.1 100"));
    let response = client.send("body").response().expect(200);
    assert_eq!((response.text(), response.interim.as_slice()), ("body", [100].as_slice()));
    // An answer without a look at the body: nothing invites the client to send it.
    let mut client = server.connect(3031);
    client.send("POST /hello HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
    assert_eq!(client.response().expect(200).interim, [0_u16; 0]);
}

#[test]
fn another_expectation_fails() {
    let server = start("");
    server.ask(3031, "GET /hello HTTP/1.1\r\nHost: localhost\r\nExpect: 42\r\n\r\n").expect(417);
}

#[test]
fn head_has_the_headers_and_no_body() {
    let server = start("");
    let mut client = server.connect(3031);
    client.send("HEAD /big?10000 HTTP/1.1\r\nHost: localhost\r\n\r\nHEAD /stream HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(client.response_to_head().expect(200).header("content-length"), Some("10000"));
    assert_eq!(client.response_to_head().expect(200).header("content-length"), None);
    assert_eq!(client.get("/hello").expect(200).text(), "hello");
}

#[test]
fn a_large_head_fits_and_a_huge_one_is_refused() {
    let server = start("");
    let head = |size| format!("GET /hello HTTP/1.1\r\nHost: localhost\r\nCookie: {}\r\n\r\n", "c".repeat(size));
    server.ask(3031, head(30_000)).expect(200);
    let mut client = server.connect(3031);
    // The server may close before it has read everything.
    let _ = client.try_send(head(100_000));
    assert_eq!(client.response().expect(431).framing, Framing::Length);
}

#[test]
fn buffer_size_limits_the_head() {
    let server = start("--buffer-size 8192");
    let head = |size| format!("GET /hello HTTP/1.1\r\nHost: localhost\r\nCookie: {}\r\n\r\n", "c".repeat(size));
    server.ask(3031, head(7000)).expect(200);
    server.ask(3031, head(9000)).expect(431);
}

#[test]
fn limit_post_refuses_larger_bodies() {
    let server = start("--limit-post 1000");
    assert_eq!(server.post(3031, "/count", "text/plain", &[b'x'; 1000]).expect(200).text(), "1000");
    let mut client = server.connect(3031);
    client.send("POST /count HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1001\r\n\r\n");
    client.response().expect(413);
}

#[test]
fn a_slow_head_is_given_up_after_socket_timeout() {
    let server = start("--socket-timeout 1");
    let began = Instant::now();
    let mut client = server.connect(3031);
    client.send("GET /hello HTTP/1.1\r\nHost: loc");
    client.response().expect(408);
    assert!(client.closed());
    assert!(began.elapsed() >= Duration::from_millis(900), "too early: {:?}", began.elapsed());
    assert!(began.elapsed() < Duration::from_secs(4), "too late: {:?}", began.elapsed());
}

#[test]
fn a_slow_body_does_not_hold_a_core() {
    let server = start("--socket-timeout 10");
    let mut slow = server.connect(3031);
    slow.send("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nab");
    // The only core is free for others meanwhile.
    server.get(3031, "/hello").expect(200);
    assert_eq!(slow.send("cd").response().expect(200).text(), "abcd");
}

#[test]
fn a_body_that_never_arrives_times_out() {
    let server = start("--socket-timeout 1");
    let mut client = server.connect(3031);
    client.send("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nab");
    client.response().expect(408);
    assert!(client.closed());
    server.get(3031, "/hello").expect(200);
}
