//! The router: what it needs of the kernel fails, for it alone.

use std::io::Write;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use super::asking::{HTTP, ROUTER, UWSGI};
use super::injector::{Injector, Target};
use super::{Case, FAULT, Means, OUT_OF_MEMORY, RECOVERY, endure, find, recovers, server, start};
use crate::support::results;

use Means::{Death, Loss, Nothing, Waiting};

const ACCEPT: &[Case] = &[
    ("accept4 EMFILE", &["accept4:error=EMFILE"], Waiting),
    ("accept4 ENFILE", &["accept4:error=ENFILE"], Waiting),
    ("accept4 ENOMEM", &["accept4:error=ENOMEM"], Waiting),
    ("accept4 ENOBUFS", &["accept4:error=ENOBUFS"], Waiting),
    ("accept4 ECONNABORTED", &["accept4:error=ECONNABORTED"], Waiting),
    ("accept4 EPERM", &["accept4:error=EPERM"], Waiting),
    ("accept4 EINTR", &["accept4:error=EINTR"], Waiting),
    ("accept4 EINTR now and then", &["accept4:error=EINTR:when=1+2"], Nothing),
];

#[test]
fn connections_that_cannot_be_accepted_wait() {
    endure(&start(2, ""), "rsgi http 1", ACCEPT, ROUTER, &[HTTP, UWSGI]);
}

const INTERRUPTED: &[Case] = &[
    ("epoll_wait EINTR", &["epoll_wait,epoll_pwait:error=EINTR:when=1+2"], Nothing),
    ("recvmsg EINTR", &["recvmsg:error=EINTR:when=1+2"], Nothing),
    ("sendmsg EINTR", &["sendmsg:error=EINTR:when=1+2"], Nothing),
    ("recvfrom EINTR", &["recvfrom:error=EINTR:when=1+2"], Loss),
    ("sendto EINTR", &["sendto,writev:error=EINTR:when=1+2"], Loss),
];

#[test]
fn interruptions_are_taken_in_its_stride() {
    endure(&start(2, ""), "rsgi http 1", INTERRUPTED, ROUTER, &[HTTP, UWSGI]);
}

const SHORT: &[Case] = &[
    ("recvfrom ENOMEM", &["recvfrom:error=ENOMEM:when=1+2"], Loss),
    ("recvfrom ENOBUFS", &["recvfrom:error=ENOBUFS"], Loss),
    ("recvmsg ENOMEM", &["recvmsg:error=ENOMEM"], Loss),
    ("sendto ENOBUFS", &["sendto,writev:error=ENOBUFS"], Loss),
    ("sendmsg ENOMEM", &["sendmsg:error=ENOMEM"], Loss),
    ("epoll_ctl ENOMEM", &["epoll_ctl:error=ENOMEM"], Loss),
];

#[test]
fn short_memory_costs_connections_and_no_more() {
    endure(&start(2, ""), "rsgi http 1", SHORT, ROUTER, &[HTTP, UWSGI]);
}

/// Workers rest until the master hears that somebody waits, and the router cannot tell it.
#[test]
fn a_queue_that_cannot_be_told_is_told_later() {
    let server = server(1, "--cheap").start();
    server.log.wait_for("cheap mode enabled");
    let what = "rsgi http 1 whose workers rest, sendto ENOBUFS";
    let router = find(&server, "rsgi http 1");
    let injector = Injector::attach(Target::Whole(router), &["sendto,sendmsg,writev:error=ENOBUFS"]);
    let waiting = ROUTER.send(&server, FAULT + RECOVERY).expect("it listens");
    injector.bites();
    std::thread::sleep(FAULT);
    injector.end();
    let ended = Instant::now();
    let waited = waiting.answer();
    assert_eq!(waited.as_ref().ok(), Some(&200), "{waited:?}");
    results::record_fault(what, ended.elapsed());
    recovers(&server, ROUTER, what);
}

/// What Rust cannot allocate ends the process: another one takes its place.
const NO_MEMORY: &[Case] = &[("mmap ENOMEM", OUT_OF_MEMORY, Death)];

#[test]
fn one_that_gets_no_memory_is_replaced() {
    let server = start(2, "--buffer-size 65535");
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        // What it has got before may do for a while, but not for ever more clients with half a head.
        scope.spawn(|| {
            let half = format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(60_000));
            let mut clients = Vec::new();
            while !is_over.load(Relaxed) && clients.len() < 1000 {
                let client = TcpStream::connect(server.address(9090));
                clients.extend(client.and_then(|mut client| client.write_all(half.as_bytes()).map(|()| client)));
                std::thread::sleep(Duration::from_millis(2));
            }
        });
        let over = Over(&is_over);
        endure(&server, "rsgi http 1", NO_MEMORY, ROUTER.at("/long"), &[HTTP, UWSGI]);
        server.log.wait_for("http 1 .* died, killed by signal 6");
        drop(over);
    });
}

/// Says so, however the test ends.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}
