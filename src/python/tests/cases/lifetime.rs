//! Forks, the end of a process, and what lasts: nothing.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::support::{Request, Server, in_child, write};

const APP: &str = "
import atexit, os, sys, threading, time, uwsgi, uwsgidecorators
seen = []
os.register_at_fork(before=lambda: seen.append('before'), after_in_parent=lambda: seen.append('parent'),
                    after_in_child=lambda: seen.append('child'))
@uwsgidecorators.postfork
def hook(): seen.append('postfork')
@uwsgidecorators.postfork(2)
def in_the_second(): seen.append('second')
@uwsgidecorators.postfork(0)
def in_all(): seen.append('all')
def note(text):
    with open('notes', 'a') as f: f.write(text + ';')
def application(environ, start_response):
    start_response('200 OK', [])
    return [repr(eval(environ['QUERY_STRING'], globals())).encode()]
";

pub(crate) fn fork_hooks() {
    let mut server = Server::with_app(APP, &[]);
    server.stop_serving();
    for worker in 1..3 {
        let language = server.language;
        // Known to the child from its first moment.
        server.host.worker.store(worker.into(), Ordering::Relaxed);
        let code = in_child(language, worker, || {
            server.serve();
            let seen = server.text("/?seen[seen.index('child'):],uwsgi.worker_id(),threading.current_thread().name");
            let second = if worker == 2 { "'second', " } else { "" };
            assert_eq!(seen, format!("(['child', 'postfork', {second}'all'], {worker}, 'uWSGIWorker{worker}Core0')"));
            assert_eq!(server.text("/?threading.main_thread() is threading.current_thread()"), "True");
            language.shutdown(1000);
            7
        });
        assert_eq!(code, 7);
    }
    server.serve();
    assert_eq!(server.text("/?seen"), "['before', 'parent', 'before', 'parent']");
    assert_eq!(server.text("/?__import__('gc').get_freeze_count() > 1000"), "True", "workers share what was loaded");
}

pub(crate) fn lazy_loading() {
    Server::enter_directory();
    write("app.py", APP);
    let mut server = Server::start(&[("module", "app"), ("lazy-apps", "true")]).expect("an interpreter");
    let language = server.language;
    let code = in_child(language, 1, || {
        server.host.worker.store(1, Ordering::Relaxed);
        assert_eq!(language.load_apps(), Ok(1), "{}", server.host.log());
        server.serve();
        assert_eq!(server.text("/?seen"), "[]", "nothing was there at the fork");
        assert_eq!(server.text("/?__import__('gc').get_freeze_count() < 1000"), "True", "nothing is shared");
        7
    });
    assert_eq!(code, 7);
}

/// Runs `source` after the application, ends the interpreter and returns the notes and the time that took.
fn ended(source: &str, grace_ms: u32) -> (String, Duration, String) {
    let mut server = Server::with_app(&format!("{APP}{source}"), &[]);
    assert_eq!(server.text("/?1"), "1");
    server.stop_serving();
    let start = Instant::now();
    server.language.shutdown(grace_ms);
    (std::fs::read_to_string("notes").unwrap_or_default(), start.elapsed(), server.host.log())
}

pub(crate) fn shutdown_in_order() {
    let source = "
uwsgi.atexit = lambda: note('uwsgi')
atexit.register(note, 'atexit')
threading.Thread(target=lambda: (time.sleep(0.3), note('thread'))).start()
sys.stdout.write('no newline')
";
    let (notes, took, log) = ended(source, 10_000);
    assert_eq!(notes, "thread;uwsgi;atexit;", "{log}");
    assert!(took < Duration::from_secs(5), "{took:?}");
}

pub(crate) fn shutdown_does_not_hang() {
    let source = "
threading.Thread(target=time.sleep, args=(1000,), name='sleeper').start()
threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
atexit.register(note, 'atexit')
";
    let (notes, took, log) = ended(source, 200);
    assert_eq!(notes, "atexit;", "{log}");
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert!(log.contains("did not end within 200 ms: sleeper ("), "{log}");
}

pub(crate) fn executors_end() {
    let source = "
import concurrent.futures
pool = concurrent.futures.ThreadPoolExecutor(2)
pool.submit(note, 'work').result()
";
    let (notes, took, log) = ended(source, 10_000);
    assert_eq!(notes, "work;", "{log}");
    assert!(took < Duration::from_secs(5), "idle threads of an executor end at once: {took:?}");
}

const LEAKY: &str = "
import gc, sys, tracemalloc
shared = b'x' * 1000
kept = []
class Body:
    def __init__(self): self.left = 3
    def __iter__(self): return self
    def __next__(self):
        self.left -= 1
        if self.left < 0: raise StopIteration
        return shared
    def close(self): pass
def counts():
    gc.collect()
    return len(gc.get_objects()), [sys.getrefcount(o) for o in (None, shared, application, Body)]
def application(environ, start_response):
    path = environ['PATH_INFO']
    if path == '/error': raise ValueError(environ)
    if path == '/bad': start_response('200 OK', [('a', 1)])
    write = start_response('200 OK', [('Content-Type', 'text/plain'), ('X-Path', path)])
    if path == '/keep': kept[:] = [environ, start_response, write]
    if path == '/write': write(shared)
    if path == '/body': return Body()
    if path == '/input': return [environ['wsgi.input'].read(2), environ['wsgi.input'].readline()]
    if path == '/counts': return [repr(counts()).encode()]
    if path == '/memory': return [str(tracemalloc.get_traced_memory()[0]).encode()]
    if path == '/trace': tracemalloc.start()
    if path == '/string': return ['text']
    return [shared]
";

fn leaks_nothing(paths: &[&str]) {
    let mut server = Server::with_app(LEAKY, &[]);
    let mut round = |times: usize| {
        for _ in 0..times {
            for path in paths {
                let _ = server.ask(Request::post(path, b"abc\ndef").var("HTTP_X_EXTRA", "value"));
            }
        }
        server.host.clear_log();
        (server.text("/counts"), server.text("/trace"), server.text("/memory").parse::<i64>().expect("a number"))
    };
    let _ = round(20);
    let (before, ..) = round(20);
    let (after, _, memory_before) = round(10_000 / paths.len());
    let (.., memory_after) = round(10_000 / paths.len());
    // `None` may be referenced a few times more or less by caches of the interpreter.
    let numbers =
        |text: &str| -> Vec<i64> { text.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse().ok()).collect() };
    for (a, b) in numbers(&before).into_iter().zip(numbers(&after)) {
        assert!(b - a < 50, "{before} {after}");
    }
    assert!(memory_after - memory_before < 50_000, "{memory_before} {memory_after}");
}

pub(crate) fn no_leaks() {
    leaks_nothing(&["/", "/body", "/write", "/input"]);
}

pub(crate) fn no_leaks_of_kept_objects() {
    leaks_nothing(&["/keep", "/error", "/bad", "/string"]);
}
