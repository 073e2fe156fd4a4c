//! Who ends a websocket, and what the other side learns.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::time::{Duration, Instant};

use super::socket::{Socket, frame};
use super::{DOORS, serve};

#[test]
fn the_client_closes() {
    let server = serve("--threads 2");
    for port in DOORS {
        for (payload, code) in [(b"\x03\xe8bye".as_slice(), Some(1000)), (b"\x11\x5c", Some(4444)), (b"", None)] {
            let before = server.log.len();
            let mut socket = Socket::open(server.connect(port), "/");
            // What comes behind a Close is not looked at.
            socket.0.send([frame(0x88, payload), frame(0x81, b"late")].concat());
            assert_eq!(socket.closed(), code);
            server.log.wait_from(before, "over: unable to receive websocket message");
        }
    }
}

#[test]
fn the_client_vanishes() {
    let server = serve("");
    for port in DOORS {
        let before = server.log.len();
        let mut socket = Socket::open(server.connect(port), "/");
        socket.echo(b"x");
        drop(socket);
        server.log.wait_from(before, "over: unable to receive websocket message");
        // The only core is free again.
        assert_eq!(server.get(port, "/plain").expect(200).text(), "plain");
    }
}

#[test]
fn the_application_ends_it_or_fails() {
    let server = serve("--threads 2");
    for port in DOORS {
        let mut socket = Socket::open(server.connect(port), "/disconnect");
        socket.send(0x81, b"go");
        assert_eq!(socket.closed(), Some(1000));
        assert_eq!(Socket::open(server.connect(port), "/fail").closed(), Some(1011));
    }
    server.log.wait_for("over: unable to send websocket message");
    server.log.wait_for("ValueError: an application that fails");
}

/// Every core has a websocket, so that nobody is left to hear the master.
#[test]
fn a_reload_sends_them_away_and_serves_on() {
    let server = serve("--master --worker-reload-mercy 20");
    for port in DOORS {
        let mut socket = Socket::open(server.connect(port), "/");
        socket.echo(b"x");
        let began = Instant::now();
        server.signal(Signal::SIGHUP);
        assert_eq!(socket.closed(), Some(1001));
        assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
        Socket::open(server.connect(port), "/").echo(b"next");
    }
    let ended = server.stop();
    assert_eq!(ended.code, 0);
    assert!(!ended.log.contains("NO MERCY"), "{}", ended.log);
}

#[test]
fn a_stop_sends_them_away() {
    let server = serve("--threads 2 --worker-reload-mercy 20 --reload-mercy 20");
    let sockets: Vec<_> = DOORS.iter().map(|&port| Socket::open(server.connect(port), "/")).collect();
    let began = Instant::now();
    server.signal(Signal::SIGINT);
    for socket in sockets {
        assert_eq!(socket.closed(), Some(1001));
    }
    let ended = server.wait();
    assert_eq!(ended.code, 0, "{}", ended.log);
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert!(!ended.log.contains("NO MERCY"), "{}", ended.log);
}

#[test]
fn a_worker_that_is_killed() {
    let server = serve("--threads 2");
    let worker = server.workers(1)[0];
    let mut sockets: Vec<_> = DOORS.iter().map(|&port| Socket::open(server.connect(port), "/")).collect();
    kill(Pid::from_raw(worker), Signal::SIGKILL).expect("a worker");
    for socket in &mut sockets {
        assert!(socket.0.closed(), "no Close can be said, and the connection ends");
    }
    server.workers(2);
    Socket::open(server.connect(9090), "/").echo(b"again");
}
