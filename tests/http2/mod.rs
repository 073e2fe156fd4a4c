//! HTTP/2 frame by frame: what a client must not do costs it its stream or its connection, and nobody else anything.

mod bombs;
mod case;
mod clients;
mod compression;
mod connections;
mod floods;
mod heads;
mod independent;
mod streams;
mod wire;

use std::sync::atomic::{AtomicBool, Ordering};

use crate::support::openssl::{curl, make_certificate};
use crate::support::processes::{forget_highest, processor, resident};
use crate::support::results::{self, Cost};
use crate::support::{Running, Server, eventually};

/// Answers at once, with much, with the length of the body, or with all that it has seen of the request.
const APP: &str = "\
import json, sys

def seen(environ):
    seen = {key: value for key, value in environ.items() if isinstance(value, str)}
    seen['body'] = environ['wsgi.input'].read().decode('latin-1')
    return json.dumps(seen).encode()

def application(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain')])
    path = environ['PATH_INFO']
    print('SERVED', path, file=sys.stderr, flush=True)
    if path == '/big':
        return (b'x' * 65536 for _ in range(256))
    if path == '/read':
        length = len(environ['wsgi.input'].read())
        print('READ', length, file=sys.stderr, flush=True)
        return [str(length).encode()]
    if path == '/large':
        return [b'x' * 200000]
    if 'seen' in path:
        return [seen(environ)]
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

/// Runs `attack` while honest clients ask again and again; all of them are served, and the router's memory stays as it is.
fn endure<T: Send>(server: &Running, name: &str, attack: impl FnOnce() -> T + Send) -> T {
    endure_within(24, server, name, attack)
}

/// The same for attacks that may cost more memory, in MiB.
fn endure_within<T: Send>(most_mib: u64, server: &Running, name: &str, attack: impl FnOnce() -> T + Send) -> T {
    assert_eq!(honest(server), "hello");
    let (pid, done) = (router(server), AtomicBool::new(false));
    let ((before, _), spent) = (resident(pid), processor(pid));
    forget_highest(pid);
    let outcome = std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            loop {
                let last = done.load(Ordering::Relaxed);
                // Who is not served in time is an error of curl.
                assert_eq!(honest(server), "hello", "while {name}");
                if last {
                    return;
                }
            }
        });
        let outcome = attack();
        done.store(true, Ordering::Relaxed);
        watcher.join().expect("honest clients are served");
        outcome
    });
    let (_, most) = resident(pid);
    assert!(most < before + most_mib * 1024, "{name}: {before} KiB have become {most} KiB");
    assert_eq!(router(server), pid, "the router lives");
    let spent = u64::try_from((processor(pid) - spent).as_millis()).expect("a time");
    results::record_attack("http2 attacks", name, 1, Cost { before, most, processor: spent });
    outcome
}
