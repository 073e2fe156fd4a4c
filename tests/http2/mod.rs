//! HTTP/2 frame by frame: what a client must not do costs it its stream or its connection, and nobody else anything.

mod clients;
mod floods;
mod requests;
mod wire;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::support::openssl::{curl, make_certificate};
use crate::support::{Running, Server, eventually};

/// Answers at once, with much, or with the length of the body.
const APP: &str = "\
import sys

def application(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain')])
    path = environ['PATH_INFO']
    print('SERVED', path, file=sys.stderr, flush=True)
    if path == '/big':
        return (b'x' * 65536 for _ in range(256))
    if path == '/read':
        return [str(len(environ['wsgi.input'].read())).encode()]
    return [b'hello']
";

fn start(options: &str) -> Running {
    let arguments = format!("--https {{ip}}:9090,foobar.crt,foobar.key --wsgi-file app.py --threads 4 {options}");
    let server = Server::new(&arguments).file("app.py", APP);
    make_certificate(server.dir());
    server.start()
}

/// What an honest client gets.
fn honest(server: &Running) -> String {
    curl(server.dir(), &format!("--http2 https://{}/hello", server.address(9090)))
}

/// Process id of the router.
fn router(server: &Running) -> i32 {
    let named = || server.processes().into_iter().find(|process| process.title.starts_with("rsgi http"));
    eventually("a router", named).pid
}

/// Memory that only the router uses, in KiB.
fn memory(pid: i32) -> u64 {
    crate::support::processes::memory(pid).0
}

/// Processor time of a process so far.
fn processor(pid: i32) -> Duration {
    let text =
        std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat")).expect("a living process");
    let fields: Vec<_> = text.rsplit(')').next().expect("a name").split_whitespace().collect();
    // Fields 14 and 15 of proc(5), in hundredths of a second on every Linux of the field.
    let ticks = [fields[11], fields[12]].iter().map(|field| field.parse::<u64>().expect("a number")).sum::<u64>();
    Duration::from_millis(10 * ticks)
}

/// Runs `attack` while honest clients ask again and again; all of them are served, and the router's memory stays as it is.
fn endure<T: Send>(server: &Running, attack: impl FnOnce() -> T + Send) -> T {
    const MEBIBYTES: u64 = 24;
    assert_eq!(honest(server), "hello");
    let (pid, done) = (router(server), AtomicBool::new(false));
    let before = memory(pid);
    let (outcome, most) = std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut most = 0;
            loop {
                let last = done.load(Ordering::Relaxed);
                let began = Instant::now();
                assert_eq!(honest(server), "hello");
                assert!(began.elapsed() < Duration::from_secs(5), "honest clients wait {:?}", began.elapsed());
                most = most.max(memory(pid));
                if last {
                    return most;
                }
            }
        });
        let outcome = attack();
        done.store(true, Ordering::Relaxed);
        (outcome, watcher.join().expect("honest clients are served"))
    });
    assert!(most < before + MEBIBYTES * 1024, "{before} KiB have become {most} KiB");
    assert_eq!(router(server), pid, "the router lives");
    outcome
}
