//! The kernel's own limits, lowered for a running process and raised again: what is refused then is what the field sees.

use std::os::unix::fs::MetadataExt;
use std::process::Command;
use std::time::{Duration, Instant};

use super::asking::{Asking, HTTP, ROUTER, Sent, UWSGI};
use super::zygote::end;
use super::{FAULT, RECOVERY, find, found, ready, recovers, server, spent, start};
use crate::support::as_root::nobodys;
use crate::support::{Running, eventually, processes, results};

/// A limit of a process, until it is dropped.
struct Limit {
    pid: i32,
    name: &'static str,
    before: String,
}

impl Limit {
    #[track_caller]
    fn lower(pid: i32, name: &'static str, soft: u64) -> Self {
        let limit =
            Self { pid, name, before: prlimit(pid, &[&format!("--{name}"), "--raw", "--noheadings", "--output=SOFT"]) };
        limit.set(&soft.to_string());
        limit
    }

    fn set(&self, soft: &str) {
        // Without a hard limit that stays as it is.
        prlimit(self.pid, &[&format!("--{}={}:", self.name, soft.trim())]);
    }
}

impl Drop for Limit {
    fn drop(&mut self) {
        if std::path::Path::new(&format!("/proc/{}", self.pid)).exists() {
            self.set(&self.before);
        }
    }
}

fn prlimit(pid: i32, arguments: &[&str]) -> String {
    // As the user of the process: root in a container may lack the right to do that to others.
    let owner = std::fs::metadata(format!("/proc/{pid}")).expect("a living process");
    let mut command = Command::new("setpriv");
    command.args([format!("--reuid={}", owner.uid()), format!("--regid={}", owner.gid()), "--clear-groups".into()]);
    command.args(["prlimit", "--pid", &pid.to_string()]).args(arguments);
    let output = command.output().expect("setpriv");
    assert!(output.status.success(), "prlimit {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// Nobody may have spent much of the time since `began`.
#[track_caller]
fn calm(what: &str, began: Instant, before: &[(i32, Duration)]) {
    eprintln!("{what}: {:?}", before.iter().map(|(pid, before)| (pid, spent(*pid, *before))).collect::<Vec<_>>());
    for (pid, before) in before {
        let (spent, lasted) = (spent(*pid, *before), began.elapsed());
        assert!(spent < lasted / 4, "{what}: process {pid} has spent {spent:?} in {lasted:?}");
    }
}

fn clocks(server: &Running) -> Vec<(i32, Duration)> {
    server.processes().iter().map(|process| (process.pid, processes::processor(process.pid))).collect()
}

/// No descriptor for anything: not for a client, not for a file, not for the links of a worker that is new.
#[test]
fn a_router_without_descriptors() {
    let server = start(2, "");
    let (what, router, worker) =
        ("rsgi http 1, RLIMIT_NOFILE", find(&server, "rsgi http 1"), find(&server, "rsgi worker 1"));
    let (began, mut before) = (Instant::now(), clocks(&server));
    let limit = Limit::lower(router, "nofile", 3);
    end(worker);
    let next = eventually("another worker", || found(&server, "rsgi worker 1").filter(|next| *next != worker));
    before.push((next, Duration::ZERO));
    std::thread::scope(|scope| {
        let server = &server;
        let waiting = scope.spawn(move || ROUTER.send(server, 4 * FAULT + RECOVERY).and_then(Sent::answer));
        let others = [HTTP, UWSGI].map(|door| Asking::begin(scope, server, door));
        std::thread::sleep(4 * FAULT);
        others.into_iter().for_each(|other| other.all_well(what));
        calm(what, began, &before);
        drop(limit);
        let recovery = recovers(server, ROUTER, what);
        let waited = waiting.join().expect("no panic");
        assert_eq!(waited.as_ref().ok(), Some(&200), "{waited:?}");
        eprintln!("{what}: well after {recovery:?}");
        results::record_fault(what, recovery);
    });
    // Its links too: the one that is left is killed, and the new one alone serves.
    let second = find(&server, "rsgi worker 2");
    let fork = Limit::lower(find(&server, "rsgi zygote"), "nofile", 3);
    end(second);
    recovers(&server, ROUTER, "by the links of the new worker");
    drop(fork);
    assert_eq!(found(&server, "rsgi http 1"), Some(router));
}

#[test]
fn a_worker_without_descriptors() {
    let server = start(1, "");
    let (what, worker) = ("rsgi worker 1, RLIMIT_NOFILE", find(&server, "rsgi worker 1"));
    let (began, before) = (Instant::now(), clocks(&server));
    let limit = Limit::lower(worker, "nofile", 3);
    std::thread::scope(|scope| {
        let server = &server;
        let waiting = [HTTP, UWSGI]
            .map(|door| scope.spawn(move || door.send(server, 2 * FAULT + RECOVERY).and_then(Sent::answer)));
        let asking = Asking::begin(scope, server, ROUTER);
        std::thread::sleep(2 * FAULT);
        asking.all_well(what);
        assert_eq!(ROUTER.at("/open").ask(server, RECOVERY).ok(), Some(500), "{what}: the application is told");
        calm(what, began, &before);
        drop(limit);
        let recovery = recovers(server, HTTP, what).max(recovers(server, UWSGI.at("/open"), what));
        for waiting in waiting {
            let waited = waiting.join().expect("no panic");
            assert_eq!(waited.as_ref().ok(), Some(&200), "{waited:?}");
        }
        eprintln!("{what}: well after {recovery:?}");
        results::record_fault(what, recovery);
    });
    assert_eq!(found(&server, "rsgi worker 1"), Some(worker));
}

/// Address space as large as it is now.
#[test]
fn a_worker_without_memory() {
    let server = start(1, "");
    let (what, worker) = ("rsgi worker 1, RLIMIT_AS", find(&server, "rsgi worker 1"));
    assert_eq!(HTTP.at("/allocate").ask(&server, RECOVERY).ok(), Some(200));
    let status = std::fs::read_to_string(format!("/proc/{worker}/statm")).expect("a living process");
    let pages: u64 = status.split(' ').next().expect("a number").parse().expect("a number");
    let limit = Limit::lower(worker, "as", (pages * 4096) + (8 << 20));
    for door in [HTTP, UWSGI, ROUTER] {
        assert_eq!(door.at("/allocate").ask(&server, RECOVERY).ok(), Some(500), "{door:?}");
        assert_eq!(door.ask(&server, RECOVERY).ok(), Some(200), "{door:?}");
    }
    server.log.wait_for("MemoryError");
    drop(limit);
    let recovery = recovers(&server, HTTP.at("/allocate"), what);
    assert_eq!(found(&server, "rsgi worker 1"), Some(worker));
    results::record_fault(what, recovery);
}

/// The user has as many processes as it may have. (Root may have any number, so this one is nobody's.)
#[test]
fn no_more_processes() {
    let server = ready(nobodys(server(2, "--uid nobody --gid nogroup")).start(), 2);
    let (what, worker) = ("rsgi zygote, RLIMIT_NPROC", find(&server, "rsgi worker 1"));
    let (began, before) = (Instant::now(), clocks(&server));
    let limit = Limit::lower(find(&server, "rsgi zygote"), "nproc", 1);
    let lines = server.log.len();
    end(worker);
    server.log.wait_from(lines, "cannot be forked");
    std::thread::scope(|scope| {
        let others = [HTTP, UWSGI, ROUTER].map(|door| Asking::begin(scope, &server, door));
        std::thread::sleep(4 * FAULT);
        others.into_iter().for_each(|other| other.all_well(what));
    });
    calm(what, began, &before);
    assert_eq!(found(&server, "rsgi worker 1"), None);
    drop(limit);
    let ended = Instant::now();
    let next = eventually("another worker", || found(&server, "rsgi worker 1"));
    server.log.wait_from(lines, &format!(r"worker 1 \(pid {next}, \d+ cores?\) ready"));
    assert!(ended.elapsed() < RECOVERY, "{what}: {:?}", ended.elapsed());
    eprintln!("{what}: back after {:?}", ended.elapsed());
    results::record_fault(what, ended.elapsed());
}
