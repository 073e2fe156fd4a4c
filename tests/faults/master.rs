//! The master: whatever it is refused, what serves goes on serving, and what it could not do is done later.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::asking::{Asking, HTTP, ROUTER, Sent, UWSGI};
use super::injector::{Injector, Target};
use super::zygote::{OPTIONS, end};
use super::{FAULT, RECOVERY, find, found, ready, recovers, server, spent, start};
use crate::support::{Running, eventually, processes, results};

const WORKER: &str = "rsgi worker 1";

/// Does something while the master is refused something and the doors are asked; then the fault is over.
#[track_caller]
fn during(server: &Running, what: &str, faults: &[&str], doors: &[super::Door], act: impl FnOnce()) {
    let before = processes::processor(server.pid());
    let injector = Injector::attach(Target::Alone(server.pid()), faults);
    let began = Instant::now();
    act();
    std::thread::scope(|scope| {
        let others: Vec<_> = doors.iter().map(|door| Asking::begin(scope, server, *door)).collect();
        injector.bites();
        std::thread::sleep(FAULT.saturating_sub(began.elapsed()));
        let (spent, lasted) = (spent(server.pid(), before), began.elapsed());
        assert!(spent < lasted / 2, "{what}: {spent:?} of processor time in {lasted:?}");
        others.into_iter().for_each(|other| other.all_well(what));
    });
    injector.end_calmly(what);
}

fn titled(server: &Running, title: &str) -> Vec<i32> {
    server.processes().iter().filter(|process| process.title == title).map(|process| process.pid).collect()
}

const RELOADS: &[(&str, &[&str])] = &[
    ("clone EAGAIN", &["clone,clone3,fork,vfork:error=EAGAIN"]),
    ("clone ENOMEM", &["clone,clone3,fork,vfork:error=ENOMEM"]),
    ("memfd_create EMFILE", &["memfd_create:error=EMFILE"]),
    ("memfd_create ENOMEM", &["memfd_create:error=ENOMEM"]),
    ("socketpair ENFILE", &["socketpair:error=ENFILE"]),
    ("fcntl EMFILE", &["fcntl:error=EMFILE"]),
    ("openat EMFILE", &["openat:error=EMFILE"]),
];

#[test]
fn a_reload_that_cannot_be_leaves_the_old_generation_and_the_next_one_succeeds() {
    let server = ready(server(2, "--ini {dir}/more.ini").file("more.ini", "[uwsgi]\nlog-date = false\n").start(), 2);
    for (name, faults) in RELOADS {
        let what = format!("the master at a reload, {name}");
        let (lines, worker) = (server.log.len(), find(&server, WORKER));
        during(&server, &what, faults, &[HTTP, UWSGI, ROUTER], || {
            server.signal(Signal::SIGHUP);
            server.log.wait_from(lines, "reload refused|reload failed");
        });
        assert!(titled(&server, WORKER).contains(&worker), "{what}: the same generation");
        let recovery = recovers(&server, HTTP, &what);
        let lines = server.log.len();
        server.signal(Signal::SIGHUP);
        server.log.wait_from(lines, "generation [0-9]+ serves");
        eventually("the end of the old generation", || (titled(&server, WORKER).len() == 1).then_some(()));
        results::record_fault(&what, recovery);
    }
}

#[test]
fn numbers_are_told_without_a_thread_for_them() {
    let server = start(1, "--metrics {ip}:9100");
    for errno in ["EAGAIN", "ENOMEM"] {
        let what = format!("the master at a scrape, clone {errno}");
        during(&server, &what, &[&format!("clone,clone3:error={errno}")], &[HTTP], || {
            server.get(9100, "/metrics").expect(200);
        });
        results::record_fault(&what, recovers(&server, HTTP, &what));
        assert_eq!(server.log.matching("panic"), [""; 0]);
    }
}

#[test]
fn a_router_that_cannot_be_started_is_started_later() {
    let server = start(2, OPTIONS);
    for errno in ["EAGAIN", "ENOMEM"] {
        let what = format!("the master after a router's end, clone {errno}");
        let router = find(&server, "rsgi http 1");
        std::thread::scope(|scope| {
            let mut waiting = None;
            let fault = format!("clone,clone3,fork,vfork:error={errno}");
            during(&server, &what, &[&fault], &[HTTP, UWSGI], || {
                end(router);
                let server = &server;
                waiting = Some(scope.spawn(move || ROUTER.send(server, FAULT + RECOVERY).and_then(Sent::answer)));
            });
            let recovery = recovers(&server, ROUTER, &what);
            let waited = waiting.expect("begun").join().expect("no panic");
            assert_eq!(waited.as_ref().ok(), Some(&200), "{what}: {waited:?}");
            eprintln!("{what}: well after {recovery:?}");
            results::record_fault(&what, recovery);
        });
    }
}

/// Interrupted, or refused for now, while a process has to be replaced.
const HEARING: &[(&str, &[&str])] = &[
    ("epoll_wait EINTR", &["epoll_wait,epoll_pwait:error=EINTR:when=1+2"]),
    ("recvmsg EINTR", &["recvmsg:error=EINTR:when=1+2"]),
    ("recvmsg ENOMEM", &["recvmsg:error=ENOMEM"]),
    ("sendmsg EINTR", &["sendmsg:error=EINTR:when=1+2"]),
    ("sendmsg ENOBUFS", &["sendmsg:error=ENOBUFS"]),
    ("recvfrom EINTR", &["recvfrom:error=EINTR:when=1+2"]),
    ("recvfrom ENOMEM", &["recvfrom:error=ENOMEM:when=1+2"]),
    ("read EINTR", &["read:error=EINTR:when=1+2"]),
    ("socketpair EMFILE", &["socketpair:error=EMFILE"]),
];

#[test]
fn a_worker_is_replaced_whatever_the_master_is_refused() {
    let server = start(2, OPTIONS);
    for (name, faults) in HEARING {
        replaces(&server, WORKER, name, faults);
    }
}

/// A child of its own, so there is a signal too. (Without `recvfrom`: tokio reads signals from a socket of its own, never waiting, which
/// no signal interrupts; it panics when that fails.)
const ENDS: &[(&str, &[&str])] = &[
    ("epoll_wait EINTR", &["epoll_wait,epoll_pwait:error=EINTR:when=1+2"]),
    ("waitid EINTR", &["waitid,wait4:error=EINTR:when=1+2"]),
    ("read EINTR", &["read:error=EINTR:when=1+2"]),
    ("memfd_create ENOMEM", &["memfd_create:error=ENOMEM"]),
    ("fcntl EMFILE", &["fcntl:error=EMFILE"]),
];

#[test]
fn a_router_is_replaced_whatever_the_master_is_refused() {
    let server = start(2, OPTIONS);
    for (name, faults) in ENDS {
        replaces(&server, "rsgi http 1", name, faults);
    }
}

#[track_caller]
fn replaces(server: &Running, title: &str, name: &str, faults: &[&str]) {
    let what = format!("the master after the end of {title}, {name}");
    let (lines, before) = (server.log.len(), find(server, title));
    let processor = processes::processor(server.pid());
    let injector = Injector::attach(Target::Alone(server.pid()), faults);
    end(before);
    std::thread::sleep(FAULT);
    let spent = spent(server.pid(), processor);
    assert!(spent < FAULT / 2, "{what}: {spent:?} of processor time");
    for door in [HTTP, UWSGI] {
        assert_eq!(door.ask(server, RECOVERY).ok(), Some(200), "{what}");
    }
    let failed = injector.end_calmly(&what);
    let ended = Instant::now();
    let next = loop {
        if let Some(next) = found(server, title).filter(|next| *next != before) {
            break next;
        }
        assert!(ended.elapsed() < RECOVERY, "{what}: nobody after {:?}", ended.elapsed());
        std::thread::sleep(Duration::from_millis(5));
    };
    server.log.wait_from(lines, &format!(r"\(pid {next}(, \d+ cores?)?\) ready"));
    recovers(server, ROUTER, &what);
    eprintln!("{what}: {failed} calls have failed, back after {:?}", ended.elapsed());
    results::record_fault(&what, ended.elapsed());
}

#[test]
fn a_log_that_takes_nothing_costs_lines_and_nothing_else() {
    let server = start(2, "--log-master");
    for errno in ["ENOSPC", "EIO"] {
        let what = format!("the master's log, write {errno}");
        let fault = format!("write,writev:error={errno}");
        let injector = Injector::attach(Target::Whole(server.pid()), &[&fault]);
        for _ in 0..10 {
            for door in [HTTP, UWSGI, ROUTER] {
                assert_eq!(door.ask(&server, RECOVERY).ok(), Some(200), "{what}");
            }
        }
        injector.bites();
        injector.end();
        let recovery = recovers(&server, HTTP, &what);
        let lines = server.log.len();
        assert_eq!(HTTP.ask(&server, RECOVERY).ok(), Some(200), "{what}");
        server.log.wait_from(lines, "GET / => generated");
        results::record_fault(&what, recovery);
    }
}
