//! The least rate: who sends or takes less is cut off, who is merely slow is not.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::{DOORS, ROUTER, WORKER, narrow, rest, start};
use crate::support::{Running, eventually};

/// Between two crumbs of a client that drips.
const DRIP: Duration = Duration::from_millis(50);

/// Sends `first`, then one byte after the other, until the connection is closed; what came back.
fn drip(server: &Running, port: u16, first: &[u8]) -> String {
    let mut stream = narrow(server, port);
    stream.write_all(first).expect("sent");
    let mut writer = stream.try_clone().expect("a clone");
    std::thread::scope(|scope| {
        let dripping = scope.spawn(move || {
            (0..400).any(|_| {
                std::thread::sleep(DRIP);
                writer.write_all(b"x").is_err()
            })
        });
        let answer = String::from_utf8_lossy(&rest(&mut stream)).into_owned();
        assert!(dripping.join().expect("a writer"), "{port}: it may drip for ever");
        answer
    })
}

#[test]
fn a_head_that_drips_is_given_up() {
    let server = start("--min-rate 1000 --min-rate-grace 1");
    for port in DOORS {
        let answer = drip(&server, port, b"GET / HTTP/1.1\r\nHost: a\r\nX-A: ");
        assert!(answer.starts_with("HTTP/1.1 408 "), "{port}: {answer}");
    }
    server.log.wait_for("the request head came slower than min-rate");
    server.log.wait_for("the request head did not arrive in time");
}

#[test]
fn a_body_that_drips_is_given_up() {
    let server = start("--min-rate 1000 --min-rate-grace 1");
    let head = b"POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\n\r\n";
    let chunked = b"POST /read HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1000\r\n";
    for port in DOORS {
        for first in [&head[..], &chunked[..]] {
            let answer = drip(&server, port, first);
            assert!(answer.starts_with("HTTP/1.1 408 "), "{port}: {answer}");
        }
    }
    server.log.wait_for("the request body came slower than min-rate");
    server.log.wait_for("the request body did not arrive in time");
}

/// The application is reading already.
#[test]
fn a_large_body_that_drips_holds_no_core() {
    let server = start("--min-rate 100000 --min-rate-grace 1");
    let first = [&b"POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n"[..], &[b'x'; 70_000]].concat();
    let answer = drip(&server, ROUTER, &first);
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    // There the application hears of it first, and what it says is answered.
    drip(&server, WORKER, &first);
    server.log.wait_for("TOO SLOW");
}

/// A drip that is no slower than it may be, for longer than the time of grace.
#[test]
fn who_keeps_to_the_rate_may_take_long() {
    let server = start("--min-rate 10 --min-rate-grace 1");
    for port in DOORS {
        let body = drip_exactly(&server, port, 50);
        assert!(body.ends_with("50"), "{port}: {body}");
    }
}

fn drip_exactly(server: &Running, port: u16, count: usize) -> String {
    let mut stream = narrow(server, port);
    write!(stream, "POST /read HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {count}\r\n\r\n")
        .expect("sent");
    for _ in 0..count {
        std::thread::sleep(DRIP);
        stream.write_all(b"x").expect("sent");
    }
    String::from_utf8_lossy(&rest(&mut stream)).into_owned()
}

fn ask_for_much(server: &Running, port: u16) -> TcpStream {
    let mut stream = narrow(server, port);
    stream.write_all(b"GET /large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").expect("sent");
    stream
}

#[test]
fn who_takes_next_to_nothing_of_an_answer_is_cut_off() {
    let server = start("--min-rate 100000 --min-rate-grace 1 --socket-timeout 2");
    for port in DOORS {
        let mut stream = ask_for_much(&server, port);
        let mut crumb = [0; 100];
        eventually(&format!("{port}: the end"), || {
            std::thread::sleep(DRIP);
            matches!(stream.read(&mut crumb), Ok(0) | Err(_)).then_some(())
        });
    }
    server.log.wait_for("the client takes its answer slower than min-rate: connection reset");
}

/// A socket makes room for us again only when a good part of what it holds is gone, which on a narrow line takes longer than
/// `http-timeout`: what counts is what the client has.
#[test]
fn a_client_on_a_narrow_line_gets_all_of_its_answer() {
    let server = start("--http-timeout 2 --min-rate 1000 --min-rate-grace 1");
    let mut stream = ask_for_much(&server, ROUTER);
    let (began, mut got) = (Instant::now(), 0);
    let mut buffer = vec![0; 4096];
    while began.elapsed() < Duration::from_secs(6) {
        std::thread::sleep(DRIP);
        let count = stream.read(&mut buffer).expect("it goes on");
        assert!(count > 0, "cut after {:?} and {got} bytes", began.elapsed());
        got += count;
    }
    got += rest(&mut stream).len();
    assert!(got > 320 * 65536, "only {got} bytes");
}
