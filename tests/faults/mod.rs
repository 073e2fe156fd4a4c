//! System calls that fail for a while, in one process of a running server: no descriptors, no memory, no processes, interrupted
//! again and again. Meanwhile nothing spins and the others serve; when the fault has ended, everything is served again at once,
//! by the same master on the same sockets.
//!
//! [`injector`] makes calls fail without the server's help, through strace; [`limits`] has the kernel itself refuse.

mod asking;
mod injector;
mod limits;
mod master;
mod router;
mod statics;
mod worker;
mod zygote;

use std::time::{Duration, Instant};

use nix::sys::signal::kill;
use nix::unistd::{Pid, geteuid};

use crate::support::{Kind, Running, Server, eventually, processes, results};
use asking::{Asking, Door, Sent};
use injector::{Injector, Target};

/// Answers with the worker's process id, allocates, opens files.
const APP: &str = "\
import os

def application(environ, start_response):
    path = environ['PATH_INFO']
    body = str(os.getpid()).encode()
    if path == '/allocate':
        # More than one: where a fault ends between two calls of malloc, the heap may keep one for good.
        body = str(len([bytearray(33 << 20) for _ in range(3)])).encode()
    elif path == '/many':
        body = str(len([str(i) * 10 for i in range(200000)])).encode()
    elif path == '/open':
        with open(os.path.join(os.path.dirname(__file__), 'opened'), 'rb') as file:
            body = file.read()
    elif path == '/long':
        body = b'x' * (4 << 20)
    elif path.startswith('/files/'):
        start_response('404 Not Found', [('Content-Length', '0')])
        return [b'']
    start_response('200 OK', [('Content-Type', 'text/plain'), ('Content-Length', str(len(body)))])
    return [body]
";

/// How long a fault lasts.
const FAULT: Duration = Duration::from_millis(500);

/// The promise is a second; a machine with other things to do gets more.
const RECOVERY: Duration = Duration::from_secs(10);

/// What a fault may do to the requests that meet it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Means {
    /// Nothing: all are answered meanwhile.
    Nothing,
    /// They wait for its end.
    Waiting,
    /// They may be lost or refused.
    Loss,
    /// The same, and the process may end: another one takes its place.
    Death,
}

/// No more memory. (A `brk` that fails returns the end as it was; no error number.)
const OUT_OF_MEMORY: &[&str] = &["mmap,mremap:error=ENOMEM", "brk:retval=0"];

/// A row of a table: calls that fail, in strace's words, and what that means.
type Case = (&'static str, &'static [&'static str], Means);

/// A server with a router, some workers, and a socket for each protocol.
fn server(workers: usize, options: &str) -> Server {
    assert!(geteuid().is_root(), "to make system calls of another process fail: run the tests as root");
    let sockets = "--http {ip}:9090 --http-socket {ip}:3031 --socket {ip}:3032";
    let statics = "--static-map /files={dir}/files";
    let arguments = format!("{sockets} --wsgi-file {{dir}}/app.py --processes {workers} {statics} {options}");
    let server = Server::of(Kind::Rsgi, &arguments);
    server.file("app.py", APP).file("opened", "file").file("files/style.css", "body{}")
}

fn start(workers: usize, options: &str) -> Running {
    ready(server(workers, options).start(), workers)
}

/// Waits until all of a [`server`] serve.
fn ready(server: Running, workers: usize) -> Running {
    server.workers(workers);
    server.log.wait_for(r"http 1 \(pid \d+\) ready");
    server
}

/// The process with this title.
#[track_caller]
fn find(server: &Running, title: &str) -> i32 {
    eventually(title, || found(server, title))
}

fn found(server: &Running, title: &str) -> Option<i32> {
    server.processes().iter().find(|process| process.title == title).map(|process| process.pid)
}

/// Every case of a table, made to one process: requests at `door` meet it, those at `others` do not.
#[track_caller]
fn endure(server: &Running, title: &str, cases: &[Case], door: Door, others: &[Door]) {
    for &(name, faults, means) in cases {
        let what = format!("{title}, {name}, {}", door.name());
        let pid = find(server, title);
        recovers(server, door, &format!("before {what}"));
        let before = processes::processor(pid);
        let injector = Injector::attach(Target::Whole(pid), faults);
        let began = Instant::now();
        std::thread::scope(|scope| {
            let patience = FAULT + RECOVERY;
            let waiting = scope.spawn(move || door.send(server, patience).and_then(Sent::answer));
            let asking = Asking::begin(scope, server, door);
            let others: Vec<_> = others.iter().map(|other| Asking::begin(scope, server, *other)).collect();
            injector.bites();
            std::thread::sleep(FAULT.saturating_sub(began.elapsed()));
            others.into_iter().for_each(|other| other.all_well(&what));
            let spent = spent(pid, before);
            let lasted = began.elapsed();
            assert!(spent < lasted / 2, "{what}: {spent:?} of processor time in {lasted:?}");
            if means == Means::Nothing {
                asking.all_well(&what);
            } else {
                // What is on its way is answered after the end.
                scope.spawn(|| asking.end());
            }
            let failed = if means == Means::Death { injector.end() } else { injector.end_calmly(&what) };
            let recovery = recovers(server, door, &what);
            eprintln!("{what}: {failed} calls have failed, {spent:?} spent in {lasted:?}, well after {recovery:?}");
            let waited = waiting.join().expect("no panic");
            if matches!(means, Means::Nothing | Means::Waiting) {
                assert_eq!(waited.as_ref().ok(), Some(&200), "{what}: who waited was not served: {waited:?}");
            }
            if means != Means::Death {
                assert_eq!(found(server, title), Some(pid), "{what}: the process has ended");
            }
            results::record_fault(&what, recovery);
        });
    }
}

/// Processor time that a process has spent since; that of one which has ended is gone with it.
fn spent(pid: i32, before: Duration) -> Duration {
    let is_there = std::path::Path::new(&format!("/proc/{pid}/stat")).exists();
    if is_there { processes::processor(pid).saturating_sub(before) } else { Duration::ZERO }
}

/// Asks until all is well, and looks whether it is still the same master with the same sockets; how long it took.
#[track_caller]
fn recovers(server: &Running, door: Door, what: &str) -> Duration {
    let ended = Instant::now();
    loop {
        let outcome = door.ask(server, RECOVERY);
        if matches!(outcome, Ok(200)) {
            break;
        }
        assert!(ended.elapsed() < RECOVERY, "{what}: after {:?} still {outcome:?}", ended.elapsed());
        std::thread::sleep(Duration::from_millis(5));
    }
    let recovery = ended.elapsed();
    assert!(recovery < RECOVERY, "{what}: {recovery:?}");
    assert!(kill(Pid::from_raw(server.pid()), None).is_ok(), "{what}: the master has ended");
    assert!(processes::listeners().contains(&server.address(door.port)), "{what}: nobody listens");
    recovery
}
