//! A worker: what it needs of the kernel fails, for it alone; the other one serves.

use std::time::Duration;

use super::asking::{Door, HTTP, ROUTER, UWSGI};
use super::injector::{Injector, Target};
use super::{Case, Means, OUT_OF_MEMORY, endure, find, recovers, start};
use crate::support::{Running, eventually, results};

use Means::{Death, Loss, Nothing, Waiting};

const WORKER: &str = "rsgi worker 1";

const ACCEPT: &[Case] = &[
    ("accept4 EMFILE", &["accept4:error=EMFILE"], Waiting),
    ("accept4 ENFILE", &["accept4:error=ENFILE"], Waiting),
    ("accept4 ENOMEM", &["accept4:error=ENOMEM"], Waiting),
    ("accept4 ENOBUFS", &["accept4:error=ENOBUFS"], Waiting),
    ("accept4 ECONNABORTED", &["accept4:error=ECONNABORTED"], Waiting),
    ("accept4 EPERM", &["accept4:error=EPERM"], Waiting),
    ("accept4 EINTR", &["accept4:error=EINTR"], Waiting),
    ("accept4 EINTR now and then", &["accept4:error=EINTR:when=1+2"], Nothing),
    // The first call lets go of the listener, the others are to take it up again.
    ("accept4 EMFILE, then epoll_ctl ENOMEM", &["accept4:error=EMFILE", "epoll_ctl:error=ENOMEM:when=2+"], Waiting),
];

#[test]
fn connections_that_an_only_worker_cannot_accept_wait() {
    let server = start(1, "");
    for door in [HTTP, UWSGI] {
        endure(&server, WORKER, ACCEPT, door, &[ROUTER]);
    }
}

/// The same calls, and somebody else who can make them.
const ACCEPTED_BY_OTHERS: &[Case] = &[
    ("accept4 EMFILE beside another worker", &["accept4:error=EMFILE"], Nothing),
    ("accept4 ENOBUFS beside another worker", &["accept4:error=ENOBUFS"], Nothing),
];

#[test]
fn connections_that_one_worker_cannot_accept_another_one_does() {
    let server = start(2, "");
    for (door, case) in
        [HTTP, UWSGI].into_iter().flat_map(|door| ACCEPTED_BY_OTHERS.iter().map(move |case| (door, case)))
    {
        // The kernel prefers one of them.
        let pid = preferred(&server, door);
        let worker = ["rsgi worker 1", "rsgi worker 2"].into_iter().find(|worker| find(&server, worker) == pid);
        endure(&server, worker.expect("one of the two"), std::slice::from_ref(case), door, &[ROUTER]);
    }
}

/// The worker that the kernel wakes for a client when both wait.
fn preferred(server: &Running, door: Door) -> i32 {
    eventually("one worker that takes all", || {
        let first = door.who(server);
        let is_it = |_| {
            // Time for it to wait again.
            std::thread::sleep(Duration::from_millis(10));
            door.who(server) == first
        };
        (0..5).all(is_it).then_some(first)
    })
}

/// The kernel has woken one worker alone, and nobody comes after the client who would wake the other.
#[test]
fn an_only_client_waits_for_no_worker_that_cannot_accept_it() {
    for door in [HTTP, UWSGI] {
        for fault in ["EMFILE", "ENOBUFS"] {
            // A new one each time: whom the kernel wakes changes when a worker takes its listeners up again.
            let server = start(2, "");
            let woken = preferred(&server, door);
            let injector = Injector::attach(Target::Whole(woken), &[&format!("accept4:error={fault}")]);
            // At first it may not wait again, since strace has stopped it: then the other one is woken.
            eventually("it to be woken", || {
                assert_ne!(door.who(&server), woken, "{door:?}, {fault}");
                (injector.failed() > 0).then_some(())
            });
        }
    }
}

const INTERRUPTED: &[Case] = &[
    ("epoll_wait EINTR", &["epoll_wait,epoll_pwait:error=EINTR:when=1+2"], Nothing),
    ("recvfrom EINTR", &["recvfrom:error=EINTR:when=1+2"], Nothing),
    ("sendto and sendmsg EINTR", &["sendto,sendmsg:error=EINTR:when=1+2"], Nothing),
];

#[test]
fn interruptions_are_taken_in_its_stride() {
    let server = start(1, "");
    for door in [HTTP, UWSGI, ROUTER] {
        endure(&server, WORKER, INTERRUPTED, door, &[]);
    }
}

const LONG: Door = HTTP.at("/long");

/// A client that takes its time makes it wait, which is interrupted too.
#[test]
fn interrupted_waits_go_on() {
    let waits = [("poll EINTR", &["poll,ppoll:error=EINTR:when=1+2"][..], Nothing)];
    endure(&start(1, ""), WORKER, &waits, LONG, &[ROUTER]);
}

const SHORT: &[Case] = &[
    ("recvfrom ENOMEM", &["recvfrom:error=ENOMEM"], Loss),
    ("sendto and sendmsg ENOBUFS", &["sendto,sendmsg:error=ENOBUFS"], Loss),
    ("sendto and sendmsg ENOMEM", &["sendto,sendmsg:error=ENOMEM"], Loss),
];

#[test]
fn short_memory_costs_connections_and_no_more() {
    let server = start(1, "");
    for door in [HTTP, UWSGI, ROUTER] {
        endure(&server, WORKER, SHORT, door, &[]);
    }
}

/// A client that says nothing yet is to be watched, which is refused: it is let go.
#[test]
fn a_client_that_cannot_be_watched_is_lost_and_no_other() {
    let server = start(1, "");
    let (what, worker) = (format!("{WORKER}, epoll_ctl ENOMEM"), find(&server, WORKER));
    let injector = Injector::attach(Target::Whole(worker), &["epoll_ctl:error=ENOMEM"]);
    for door in [HTTP, UWSGI] {
        assert!(server.connect(door.port).closed());
    }
    assert!(injector.end() > 0);
    results::record_fault(&what, recovers(&server, HTTP, &what).max(recovers(&server, UWSGI, &what)));
    assert_eq!(find(&server, WORKER), worker);
}

const NO_MEMORY: &[Case] = &[("mmap ENOMEM", OUT_OF_MEMORY, Loss)];

#[test]
fn an_application_that_gets_no_memory_fails_alone() {
    let server = start(1, "");
    for door in [HTTP, UWSGI, ROUTER] {
        endure(&server, WORKER, NO_MEMORY, door.at("/allocate"), &[]);
    }
    assert!(!server.log.matching("MemoryError").is_empty(), "the application is told");
}

/// Objects of the interpreter, thousands of them: it may fail anywhere inside.
#[test]
fn an_interpreter_that_gets_no_memory_lives_or_is_replaced() {
    let no_memory = [("mmap ENOMEM for objects", NO_MEMORY[0].1, Death)];
    endure(&start(1, ""), WORKER, &no_memory, HTTP.at("/many"), &[]);
}

const FILES: &[Case] = &[
    ("openat EMFILE", &["openat:error=EMFILE"], Loss),
    ("openat EIO", &["openat:error=EIO"], Loss),
    ("openat EINTR", &["openat:error=EINTR:when=1+2"], Nothing),
];

#[test]
fn an_application_that_cannot_open_files_fails_alone() {
    let server = start(1, "");
    for door in [HTTP, UWSGI, ROUTER] {
        endure(&server, WORKER, FILES, door.at("/open"), &[]);
    }
    for error in ["EMFILE|Too many open files", "Input/output error"] {
        assert!(!server.log.matching(error).is_empty(), "the application is told: {error}");
    }
}

/// Lines of the log that are lost.
const LOG: &[Case] = &[
    ("write to the log ENOSPC", &["write,writev:error=ENOSPC"], Nothing),
    ("write to the log EIO", &["write,writev:error=EIO"], Nothing),
];

#[test]
fn a_log_that_takes_nothing_costs_lines_and_nothing_else() {
    let server = start(1, "");
    for door in [HTTP, UWSGI, ROUTER] {
        endure(&server, WORKER, LOG, door, &[]);
    }
    let lines = server.log.len();
    recovers(&server, HTTP, "the log");
    server.log.wait_from(lines, "GET / => generated");
}
