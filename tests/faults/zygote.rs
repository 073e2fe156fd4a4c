//! The zygote: a worker is killed while it cannot fork, or cannot say so. The others serve, and the worker is back when it can.

use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::asking::{Asking, HTTP, ROUTER, UWSGI};
use super::injector::{Injector, Target};
use super::{FAULT, RECOVERY, find, found, spent, start};
use crate::support::{Running, eventually, processes, results};

const ZYGOTE: &str = "rsgi zygote";
const WORKER: &str = "rsgi worker 1";

/// Lines about the trouble.
const ABOUT: &str = r"cannot be (forked|started|watched|reported)|DAMN|too fast|cannot (hear|reach|wait)";

/// Several are killed within a second, which is not what these tests are about.
pub(super) const OPTIONS: &str = "--forkbomb-delay 0";

/// Kills a worker and waits until it has gone.
pub(super) fn end(pid: i32) {
    kill(Pid::from_raw(pid), Signal::SIGKILL).expect("a living process");
    // As long as nobody has waited for it, it is there.
    eventually("its end", || {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        (stat.is_empty() || stat.contains(") Z ")).then_some(())
    });
}

/// A worker is killed during a fault; how long after its end it is back.
#[track_caller]
fn respawns(server: &Running, name: &str, target: fn(i32) -> Target, faults: &[&str], lasts: Duration) {
    let what = format!("{ZYGOTE}, {name}");
    let (zygote, worker) = (find(server, ZYGOTE), find(server, WORKER));
    let watched = [("the zygote", zygote), ("the master", server.pid())];
    let before = watched.map(|(_, pid)| processes::processor(pid));
    let injector = Injector::attach(target(zygote), faults);
    let (began, before_it) = (Instant::now(), server.log.matching(ABOUT).len());
    end(worker);
    std::thread::scope(|scope| {
        let others: Vec<_> = [HTTP, UWSGI, ROUTER].map(|door| Asking::begin(scope, server, door)).into();
        injector.bites();
        std::thread::sleep(lasts.saturating_sub(began.elapsed()));
        for ((who, pid), before) in watched.into_iter().zip(before) {
            let (spent, lasted) = (spent(pid, before), began.elapsed());
            assert!(spent < lasted / 2, "{what}: {who} has spent {spent:?} of processor time in {lasted:?}");
        }
        others.into_iter().for_each(|other| other.all_well(&what));
    });
    let said = server.log.matching(ABOUT).len() - before_it;
    assert!(said < 5, "{what}: {said} lines in the log:\n{}", server.log.matching(ABOUT).join("\n"));
    injector.end_calmly(&what);
    let ended = Instant::now();
    loop {
        let is_ready = |next: &i32| !server.log.matching(&format!(r"worker 1 \(pid {next}, .*\) ready")).is_empty();
        if found(server, WORKER).filter(|next| *next != worker).filter(is_ready).is_some() {
            break;
        }
        assert!(ended.elapsed() < RECOVERY, "{what}: no worker after {:?}", ended.elapsed());
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(found(server, ZYGOTE), Some(zygote), "{what}: the application was loaded anew");
    eprintln!("{what}: back after {:?}", ended.elapsed());
    results::record_fault(&what, ended.elapsed());
}

#[test]
fn workers_that_cannot_be_forked_come_later() {
    let server = start(2, OPTIONS);
    for (name, faults) in [
        ("clone EAGAIN", &["clone,clone3,fork,vfork:error=EAGAIN"][..]),
        ("clone ENOMEM", &["clone,clone3,fork,vfork:error=ENOMEM"]),
        ("pidfd_open EMFILE", &["pidfd_open:error=EMFILE"]),
        ("fcntl EMFILE", &["fcntl:error=EMFILE"]),
    ] {
        respawns(&server, name, Target::Alone, faults, FAULT);
    }
}

/// However long it has lasted, nobody waits for long afterwards.
#[test]
fn a_long_fault_is_over_as_soon_as_a_short_one() {
    let faults = ["clone,clone3,fork,vfork:error=EAGAIN"];
    respawns(&start(2, OPTIONS), "clone EAGAIN for 8 s", Target::Alone, &faults, 16 * FAULT);
}

/// The first that a new worker sends is that it serves.
#[test]
fn a_worker_that_cannot_say_that_it_serves_says_so_later() {
    let server = start(2, OPTIONS);
    respawns(&server, "sendto ENOBUFS in the new worker", Target::Whole, &["sendto:error=ENOBUFS:when=1"], FAULT);
}

#[test]
fn what_it_cannot_say_or_hear_for_now_is_said_and_heard_later() {
    let server = start(2, OPTIONS);
    for (name, faults) in [
        ("poll EINTR", &["poll,ppoll:error=EINTR:when=1+2"][..]),
        ("poll ENOMEM", &["poll,ppoll:error=ENOMEM"]),
        ("sendmsg EINTR", &["sendmsg:error=EINTR:when=1+2"]),
        ("sendmsg ENOBUFS", &["sendmsg:error=ENOBUFS"]),
        ("recvmsg EINTR", &["recvmsg:error=EINTR:when=1+2"]),
        ("recvmsg ENOMEM", &["recvmsg:error=ENOMEM"]),
    ] {
        respawns(&server, name, Target::Alone, faults, FAULT);
    }
}
