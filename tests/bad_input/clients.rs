//! Clients that are slow, silent, or gone.

use std::time::{Duration, Instant};

use crate::support::{Client, Kind, Running, Server, eventually};

fn start(options: &str) -> Running {
    Server::of(
        Kind::Rsgi,
        &format!("--http {{ip}}:9090 --http-socket {{ip}}:3031 --wsgi-file {{apps}}/probe.py {options}"),
    )
    .start()
}

const PORTS: [u16; 2] = [3031, 9090];

#[test]
fn a_client_that_has_finished_sending_still_gets_its_answer() {
    let server = start("");
    let mut client = server.connect(3031);
    client.send("GET /sleep?0.3 HTTP/1.1\r\nHost: localhost\r\n\r\n").finish();
    client.response().expect(200);
    assert!(client.closed());
    // The router may take the end of sending for the end of the client, as nginx does; it closes cleanly then.
    let mut client = server.connect(9090);
    client.send("GET /sleep?0.3 HTTP/1.1\r\nHost: localhost\r\n\r\n").finish();
    let answer = client.rest();
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&answer));
    server.get(9090, "/hello").expect(200);
}

#[test]
fn clients_that_leave_at_any_point_are_no_error() {
    let server = start("--threads 2");
    let request = "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n0123456789";
    for port in PORTS {
        for length in 0..request.len() {
            server.connect(port).send(&request[..length]);
        }
        server.get(port, "/hello").expect(200);
    }
    let text = server.log.text();
    assert!(!text.contains("panicked") && !text.contains("Traceback"), "{text}");
}

#[test]
fn a_client_that_leaves_before_its_answer_does_not_hurt_the_next() {
    let server = start("");
    for port in PORTS {
        for _ in 0..5 {
            server.connect(port).send("GET /big?5000000 HTTP/1.1\r\nHost: localhost\r\n\r\n").peek(1000);
        }
        assert_eq!(server.get(port, "/hello").expect(200).text(), "hello");
    }
}

/// uWSGI raises an OSError in the application and logs two lines for each (listed in docs/differences.md).
#[test]
fn a_client_that_leaves_is_not_the_servers_error() {
    let server = start("");
    server.connect(3031).send("GET /big?5000000 HTTP/1.1\r\nHost: localhost\r\n\r\n").peek(1000);
    server.get(3031, "/hello").expect(200);
    server.log.wait_for("GET /hello => generated");
    let text = server.log.text();
    assert!(!text.contains("Traceback") && !text.contains("OSError"), "{text}");
}

#[test]
fn many_silent_connections_hold_nobody() {
    let server = start("--listen 128 --socket-timeout 30");
    for port in PORTS {
        let silent: Vec<Client> = (0..300).map(|_| server.connect(port)).collect();
        assert_eq!(server.get(port, "/hello").expect(200).text(), "hello");
        drop(silent);
        assert_eq!(server.get(port, "/hello").expect(200).text(), "hello");
    }
}

#[test]
fn a_silent_connection_is_closed_after_socket_timeout() {
    let server = start("--socket-timeout 1 --http-timeout 1");
    for port in PORTS {
        let began = Instant::now();
        let mut client = server.connect(port);
        let said = client.rest();
        assert!(said.is_empty() || said.starts_with(b"HTTP/1.1 408"), "{}", String::from_utf8_lossy(&said));
        assert!((900..5000).contains(&began.elapsed().as_millis()), "port {port}: {:?}", began.elapsed());
    }
}

#[test]
fn a_client_that_never_reads_is_given_up() {
    let server = start("--socket-timeout 1");
    let mut client = server.connect(3031);
    client.send("GET /big?100000000 HTTP/1.1\r\nHost: localhost\r\n\r\n").peek(1);
    // The only core writes to nobody until it gives up; then others are served.
    let began = Instant::now();
    server.get(3031, "/hello").expect(200);
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    drop(client);
}

#[test]
fn a_slow_reader_gets_everything() {
    let server = start("--threads 2");
    for port in PORTS {
        let mut client = server.connect(port);
        client.send("GET /big?3000000 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        for step in 1..=10 {
            client.peek(step * 50_000);
            assert_eq!(server.get(port, "/hello").expect(200).text(), "hello");
        }
        assert_eq!(client.response().expect(200).body.len(), 3_000_000);
    }
}

#[test]
fn no_descriptor_is_lost() {
    let server = start("");
    let descriptors = |server: &Running| -> usize {
        let processes = server.processes();
        let count = |pid: i32| std::fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count);
        processes.iter().map(|process| count(process.pid)).sum()
    };
    for port in PORTS {
        server.get(port, "/hello").expect(200);
    }
    let before = descriptors(&server);
    for port in PORTS {
        for _ in 0..20 {
            server.connect(port).send("GET /hel");
            server.connect(port).send("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n1");
            server.connect(port).send("nonsense\r\n\r\n").rest();
            server.get(port, "/hello").expect(200);
        }
    }
    eventually("the descriptors are back", || (descriptors(&server) <= before + 1).then_some(()));
}
