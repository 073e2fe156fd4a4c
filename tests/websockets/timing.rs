//! Pings, silence, and deadlines.

use std::time::{Duration, Instant};

use super::socket::{Frame, Socket};
use super::{DOORS, serve};

#[test]
fn a_silent_client_is_pinged_and_given_up() {
    let server = serve("--threads 2 --websockets-ping-freq 1 --websockets-pong-tolerance 1");
    for port in DOORS {
        let mut socket = Socket::open(server.connect(port), "/");
        for _ in 0..2 {
            assert_eq!(socket.frame(), Frame { first: 0x89, payload: Vec::new() });
            socket.send(0x8a, b"");
        }
        socket.echo(b"still there");
        let before = server.log.len();
        assert_eq!(socket.frame().first, 0x89);
        server.log.wait_from(before, "client 127.0.0.1: websocket: no PONG received in 1 seconds");
        server.log.wait_from(before, "over: unable to receive websocket message");
    }
}

/// `http-timeout` is for a tunnel on which nothing moves.
#[test]
fn pings_keep_a_tunnel_open_and_silence_cuts_it() {
    let server = serve("--threads 2 --http-timeout 2 --websockets-ping-freq 1");
    let mut socket = Socket::open(server.connect(9090), "/");
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(4) {
        assert_eq!(socket.frame().first, 0x89);
        socket.send(0x8a, b"");
    }
    socket.echo(b"still open");
    let mut deaf = Socket::open(server.connect(9090), "/deaf");
    assert!(deaf.0.closed());
    server.log.wait_for("nothing moves on a websocket: connection cut");
}

/// `harakiri` is about what an application does with a message, not about how long a client stays.
#[test]
fn harakiri_spares_who_waits() {
    let server = serve("--master --harakiri 2 --http-harakiri 2");
    for port in DOORS {
        let mut socket = Socket::open(server.connect(port), "/");
        std::thread::sleep(Duration::from_secs(4));
        socket.echo(b"alive");
        drop(socket);
        let before = server.log.len();
        let mut late = Socket::open(server.connect(port), "/late");
        late.send(0x81, b"work");
        server.log.wait_from(before, "HARAKIRI");
        assert!(late.0.closed());
    }
}
