//! Several cores, threads of the application, interruption, stacks.

use std::io::{Read, Seek};
use std::os::fd::AsFd;
use std::sync::Barrier;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rsgi_abi::types::Outcome;

use crate::support::{Request, Server, write};

const APP: &str = "
import threading, time, uwsgi
local = threading.local()
gate = threading.Barrier(4)
running = []
def tick():
    while True:
        running.append(1)
        time.sleep(0.001)
threading.Thread(target=tick, daemon=True).start()
def application(environ, start_response):
    path = environ['PATH_INFO']
    if path == '/gate':
        gate.wait(20)
    if path == '/spin':
        start_response('200 OK', [])
        while True: sum(range(1000))
    if path == '/caught':
        try:
            while True: sum(range(1000))
        except uwsgi.DeadlineExceeded: pass
    if path == '/sleep':
        time.sleep(0.2)
    if path == '/ticks':
        start_response('200 OK', [])
        return [str(len(running)).encode()]
    if path == '/thread':
        got = []
        t = threading.Thread(target=lambda: got.append(environ['wsgi.input'].read()))
        t.start(); t.join()
        start_response('200 OK', [])
        return got
    if path == '/deep':
        import functools, json
        def f(n): return f(n + 1)
        def key(_=0): return sorted([1, 2], key=key)
        names = []
        nested = functools.reduce(lambda inner, _: [inner], range(200_000), [])
        for work in (lambda: f(0), key, lambda: json.loads('[' * 200_000), lambda: repr(nested), lambda: eval('-' * 200_000 + '1')):
            try: work()
            except (RecursionError, MemoryError, SyntaxError) as error: names.append(type(error).__name__)
        start_response('200 OK', [])
        return [str(len(names)).encode()]
    local.count = getattr(local, 'count', 0) + 1
    start_response('200 OK', [])
    return [('%s %s %d' % (threading.current_thread().name, environ.get('uwsgi.core'), local.count)).encode()]
";

fn server() -> Server {
    Server::enter_directory();
    write("app.py", APP);
    let mut server = Server::start(&[("module", "app")]).expect("an interpreter");
    server.host.cores.store(4, Ordering::Relaxed);
    server.host.worker.store(1, Ordering::Relaxed);
    assert_eq!(server.language.load_apps(), Ok(1), "{}", server.host.log());
    server.serve();
    server
}

/// Runs `work` on cores 1 to 3 and on core 0 at once.
fn on_all(server: &mut Server, work: impl Fn(u32, &mut dyn FnMut(&str) -> String) + Sync) {
    let remote = server.language.remote();
    std::thread::scope(|scope| {
        for number in 1..4 {
            let work = &work;
            // CPython counts on the stack that the C library gives to a thread.
            let thread = std::thread::Builder::new().stack_size(8 << 20);
            let serve = move || {
                let mut core = remote.start_core(number).expect("a core");
                work(number, &mut |path| Request::get(path).ask(&mut core).text());
            };
            thread.spawn_scoped(scope, serve).expect("a thread");
        }
        work(0, &mut |path| server.text(path));
    });
}

pub(crate) fn cores_work_at_once() {
    // The application waits until all four requests are inside.
    on_all(&mut server(), |number, get| {
        assert_eq!(get("/gate"), format!("uWSGIWorker1Core{number} {number} 1"));
    });
}

pub(crate) fn names_and_locals() {
    let barrier = Barrier::new(4);
    on_all(&mut server(), |number, get| {
        for count in 1..200 {
            assert_eq!(get("/"), format!("uWSGIWorker1Core{number} {number} {count}"));
        }
        barrier.wait();
    });
}

pub(crate) fn deep_recursion() {
    on_all(&mut server(), |_, get| assert_eq!(get("/deep"), "5", "an exception, no overflow of the stack"));
}

pub(crate) fn application_threads_run() {
    let mut server = server();
    let before: u64 = server.text("/ticks").parse().expect("a number");
    std::thread::sleep(Duration::from_millis(300));
    let after: u64 = server.text("/ticks").parse().expect("a number");
    assert!(after >= before + 10, "threads run between requests: {before} {after}");
}

pub(crate) fn input_from_another_thread() {
    let mut server = server();
    let request = Request::post("/thread", b"ab").length(Some(4)).then(b"cd");
    assert_eq!(server.ask(request).text(), "abcd");
}

/// A thread of the application uses the input and `write` of all requests, also of those that are over or just ending.
pub(crate) fn input_used_without_end() {
    let source = "
import threading
latest, seen = [], set()
def use():
    while True:
        for thing in list(latest):
            try: seen.add(type(thing(b'x') if thing.__class__.__name__ == '_Write' else thing(1)).__name__)
            except (ValueError, AssertionError, OSError) as error: seen.add(str(error))
for _ in range(2): threading.Thread(target=use, daemon=True).start()
def application(environ, start_response):
    if environ['PATH_INFO'] == '/seen':
        del latest[:]
        start_response('200 OK', [])
        return [repr(seen).encode()]
    latest[:] = [environ['wsgi.input'].read, environ['wsgi.input'].readline]
    write = start_response('200 OK', [])
    latest.append(write)
    return (b'y' for _ in range(10))
";
    let mut server = Server::with_app(source, &[]);
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(3) {
        let mut request = Request::post("/", b"ab\n").length(Some(600));
        for _ in 0..100 {
            request = request.then(b"cd\nefg");
        }
        let _ = server.ask(request);
    }
    let seen = server.text("/seen");
    assert!(seen.contains("'bytes'") && seen.contains("after the end of its request"), "{seen}");
}

/// The outcome of `GET path` on core 0, interrupted as soon as it is there.
fn interrupt(server: &mut Server, path: &str) -> Outcome {
    let remote = server.language.remote();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            std::thread::sleep(Duration::from_millis(50));
            let start = Instant::now();
            while !remote.interrupt(0) {
                assert!(start.elapsed() < Duration::from_secs(20), "no request came");
            }
        });
        server.get(path).outcome
    })
}

pub(crate) fn interrupted() {
    let mut server = server();
    assert!(!server.language.remote().interrupt(0), "no request, nothing to interrupt");
    assert!(!server.language.remote().interrupt(9), "no such core");
    let outcome = interrupt(&mut server, "/spin");
    assert_eq!((outcome.exceptions, outcome.next), (1, 0));
    assert_eq!(server.host.log().lines().last(), Some("uwsgi.DeadlineExceeded"));
    assert_eq!(server.text("/"), "uWSGIWorker1Core0 0 1");
}

pub(crate) fn interrupt_spares_the_next() {
    let mut server = server();
    for _ in 0..3 {
        let outcome = interrupt(&mut server, "/caught");
        assert_eq!(outcome.exceptions, 0, "the application caught it");
        assert_eq!(server.get("/").outcome.exceptions, 0);
    }
}

pub(crate) fn stacks_of_all() {
    let mut server = server();
    let remote = server.language.remote();
    let mut file = tempfile::tempfile().expect("a file");
    std::thread::scope(|scope| {
        let file = &file;
        scope.spawn(move || {
            std::thread::sleep(Duration::from_millis(80));
            remote.dump_traceback(file.as_fd());
        });
        let _ = server.get("/sleep");
    });
    let mut text = String::new();
    file.rewind().expect("a file to read");
    file.read_to_string(&mut text).expect("text");
    assert!(text.contains("in application") && text.contains("in tick"), "{text}");
}

pub(crate) fn the_wait_for_the_lock_is_measured() {
    let mut server = Server::with_app(SPINNING, &[]);
    assert_eq!(server.get("/spin").outcome.lock_wait, 0, "only when somebody wants to know");
    server.measure_lock();
    // Whoever computes keeps the lock for 50 ms when another wants it; it only has to get hold of it first.
    let mut waits = (0..10_000).map(|_| Duration::from_nanos(server.get("/").outcome.lock_wait));
    assert!(waits.any(|wait| wait > Duration::from_millis(1)));
}

const SPINNING: &str = "
import sys, threading
sys.setswitchinterval(0.05)
def spin():
    while True: sum(range(1000))
def application(environ, start_response):
    if environ['PATH_INFO'] == '/spin':
        threading.Thread(target=spin, daemon=True).start()
    start_response('200 OK', [])
    return []
";
