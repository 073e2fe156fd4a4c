//! No request leaves anything in the interpreter: neither objects nor references to what all requests share, whatever it does and
//! however it ends. What `sys.gettotalrefcount` tells of a debug build, `sys.getallocatedblocks` and `sys.getrefcount` tell of any.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::{Shutdown, TcpStream};

use serde::Deserialize;

use crate::support::{Kind, Running, Server};

const DOORS: [u16; 2] = [9090, 3031];
/// Requests that fill caches, and those between two looks.
const FIRST: usize = 30;
const MANY: usize = 300;
/// What may be more all the same: caches and tables that grow by steps. Far below one for each request.
const SLACK: i64 = 100;
/// How often more is looked for again. Some caches fill by chance, so that each look finds a third of what the one before did: those
/// that Python 3.11 has for the syntax trees that it matches to mark the place of an exception are among them.
const PATIENCE: usize = 7;

/// What is asked, and how: requests whose answer is read to its end.
const ASKED: &[(&str, &str, &str)] = &[
    ("GET", "/", ""),
    ("HEAD", "/", ""),
    ("GET", "/environ?a=b%20c", ""),
    ("POST", "/read", "some body"),
    ("POST", "/lines", "one\ntwo\nthree"),
    ("POST", "/readline", "one\ntwo\nthree"),
    ("POST", "/", "a body that nobody reads"),
    ("GET", "/generator", ""),
    ("HEAD", "/generator", ""),
    ("GET", "/closing", ""),
    ("GET", "/failing-close", ""),
    ("GET", "/raise", ""),
    ("GET", "/half", ""),
    ("GET", "/file", ""),
    ("HEAD", "/file", ""),
    ("GET", "/memory-file", ""),
    ("GET", "/nonsense", ""),
    ("GET", "/text", ""),
    ("GET", "/silent", ""),
    ("GET", "/bad-header", ""),
    ("GET", "/twice", ""),
    ("GET", "/write", ""),
    ("GET", "/204", ""),
    ("GET", "/large", ""),
    ("GET", "/module", ""),
];

#[derive(Debug, Deserialize)]
struct Counts {
    blocks: i64,
    garbage: i64,
    references: BTreeMap<String, i64>,
}

fn counts(server: &Running) -> Counts {
    serde_json::from_slice(&server.get(3031, "/counts").expect(200).body).expect("counts")
}

fn ask(server: &Running, port: u16, (method, path, body): (&str, &str, &str), chunked: bool) {
    let framed = match (body.len(), chunked) {
        (0, _) => "\r\n".to_owned(),
        (length, false) => format!("Content-Length: {length}\r\n\r\n{body}"),
        (length, true) => format!("Transfer-Encoding: chunked\r\n\r\n{length:x}\r\n{body}\r\n0\r\n\r\n"),
    };
    let request = format!("{method} {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{framed}");
    server.connect(port).send(request).rest();
}

/// Asks and leaves at once, with a reset: in the middle of a body, or before any of the answer is read.
fn leave(server: &Running, port: u16, request: &str) {
    let mut client = TcpStream::connect(server.address(port)).expect("a connection");
    client.write_all(request.as_bytes()).expect("sent");
    socket2::SockRef::from(&client).set_linger(Some(std::time::Duration::ZERO)).expect("set");
    // What was sent is still read; what is answered finds nobody.
    let _ = client.shutdown(Shutdown::Write);
}

/// Runs `request` often; what the interpreter holds before and after.
fn around(server: &Running, request: impl Fn()) -> (Counts, Counts) {
    (0..FIRST).for_each(|_| request());
    // Twice: only the second look finds the first one's own traces.
    counts(server);
    let before = counts(server);
    (0..MANY).for_each(|_| request());
    (before, counts(server))
}

#[track_caller]
fn leaves_nothing(server: &Running, name: &str, request: impl Fn()) {
    let mut more = growth(server, &request);
    // Caches of the interpreter fill up once. What every request leaves is there every time.
    for _ in 0..PATIENCE {
        if more.is_empty() {
            return;
        }
        more = growth(server, &request);
    }
    assert!(more.is_empty(), "{name}: after {MANY} requests {}", more.join(", "));
}

/// What there is more of.
fn growth(server: &Running, request: impl Fn()) -> Vec<String> {
    let (before, after) = around(server, request);
    let held =
        before.references.iter().filter_map(|(thing, count)| Some((thing, after.references.get(thing)? - count)));
    let held = held.map(|(thing, more)| (format!("references to {thing}"), more));
    let of_all = [("blocks", after.blocks - before.blocks), ("garbage", after.garbage - before.garbage)];
    let all = of_all.into_iter().map(|(thing, more)| (thing.to_owned(), more)).chain(held);
    all.filter(|(_, more)| *more >= SLACK).map(|(thing, more)| format!("{more} more {thing}")).collect()
}

fn endure(server: Server) -> Running {
    let server = server.start();
    for port in DOORS {
        for asked in ASKED {
            for chunked in [false, true].into_iter().take(if asked.2.is_empty() { 1 } else { 2 }) {
                let name = format!("{} {} on {port}, chunked: {chunked}", asked.0, asked.1);
                leaves_nothing(&server, &name, || ask(&server, port, *asked, chunked));
            }
        }
        for request in [
            "GET /large HTTP/1.1\r\nHost: a\r\n\r\n",
            "POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: 90000\r\n\r\nabc",
            "GET /half HTTP/1.1\r\nHost: a\r\n\r\n",
        ] {
            leaves_nothing(&server, &format!("{request:?} and away on {port}"), || leave(&server, port, request));
        }
    }
    // It would be seen.
    let (before, after) = around(&server, || ask(&server, 3031, ("GET", "/keep", ""), false));
    let kept = i64::try_from(MANY).expect("few");
    assert!(after.blocks - before.blocks >= kept, "{before:?} {after:?}");
    let held = |counts: &Counts| {
        counts.references.iter().find(|(thing, _)| thing.starts_with("list [('Content-Type'")).map(|(_, count)| *count)
    };
    assert!(held(&after) >= held(&before).map(|count| count + kept), "{before:?} {after:?}");
    server
}

/// LeakSanitizer finds no more after many requests of every kind than before: what the interpreter leaves once stays what it is.
#[track_caller]
fn no_leaks(server: &Running) {
    let before = leaks(server);
    for asked in ASKED {
        (0..MANY).for_each(|_| ask(server, 3031, *asked, false));
    }
    let more = leaks(server) - before;
    assert!(more < SLACK, "{more} allocations more that nobody holds:\n{}", server.log.text());
}

/// Allocations that nobody holds any more.
fn leaks(server: &Running) -> i64 {
    let seen = server.log.len();
    assert_ne!(server.get(3031, "/leaks").expect(200).text(), "nobody looks");
    let line = server.log.wait_from(seen, r"SUMMARY: \w+: \d+ byte\(s\) leaked in \d+ allocation\(s\)");
    let words: Vec<&str> = line.split_whitespace().collect();
    let number = words.iter().rev().nth(1).expect("a number");
    number.parse().expect("a number")
}

fn server() -> Server {
    let arguments =
        "--http {ip}:9090 --http-socket {ip}:3031 --wsgi-file {apps}/references/app.py --disable-logging --locks 1";
    Server::of(Kind::Rsgi, arguments)
}

#[test]
fn no_request_leaves_anything_in_the_interpreter() {
    let server = endure(server());
    // Set by `cargo dev sanitize`, which builds this very server.
    if std::env::var_os("RSGI_SANITIZED").is_some() {
        no_leaks(&server);
    }
}

#[test]
fn nor_in_the_current_one() {
    endure(server().on_current());
}
