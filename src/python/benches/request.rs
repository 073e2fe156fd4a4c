//! Measures the Python side of a request, without sockets: environ, call, head, callbacks. Prints µs per request, the
//! best of several rounds. Run pinned: `taskset -c 1 cargo bench -p rsgi-python`.
#![allow(clippy::print_stdout)]

use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use rsgi_abi::host::{App, Core, Exchange, HeadView, Language, ReadError, SendError, Services};
use rsgi_abi::types::{UNKNOWN, Var};

/// `hello` is the smallest application there is; `realistic` reads a dozen variables and answers with eight headers and
/// 10 KB; `streamed` yields three chunks.
const APP: &str = "
body = b'x' * 10240
headers = [('Content-Type', 'text/html; charset=utf-8'), ('Content-Length', '10240'), ('X-Frame-Options', 'DENY'),
           ('X-Content-Type-Options', 'nosniff'), ('Referrer-Policy', 'same-origin'), ('Vary', 'Cookie'),
           ('Cache-Control', 'no-store'), ('Set-Cookie', 'session=0123456789abcdef; HttpOnly; Path=/')]
names = ['REQUEST_METHOD', 'PATH_INFO', 'QUERY_STRING', 'SCRIPT_NAME', 'SERVER_NAME', 'SERVER_PORT', 'REMOTE_ADDR',
         'HTTP_HOST', 'HTTP_COOKIE', 'HTTP_ACCEPT', 'wsgi.url_scheme', 'wsgi.input']
def hello(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [b'Hello World']
def realistic(environ, start_response):
    for name in names: environ.get(name)
    start_response('200 OK', list(headers))
    return [body]
def streamed(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain')])
    yield b'a'
    yield b'b'
    yield b'c'
";

const KNOWN: &[&str] = &[
    "REQUEST_METHOD",
    "REQUEST_URI",
    "PATH_INFO",
    "QUERY_STRING",
    "SERVER_PROTOCOL",
    "SCRIPT_NAME",
    "SERVER_NAME",
    "SERVER_PORT",
    "REMOTE_ADDR",
    "REMOTE_PORT",
    "CONTENT_TYPE",
    "CONTENT_LENGTH",
    "HTTP_HOST",
    "HTTP_USER_AGENT",
    "HTTP_ACCEPT",
    "HTTP_ACCEPT_ENCODING",
    "HTTP_ACCEPT_LANGUAGE",
    "HTTP_COOKIE",
];

const HELLO: &[(&str, &str)] = &[
    ("REQUEST_METHOD", "GET"),
    ("REQUEST_URI", "/"),
    ("PATH_INFO", "/"),
    ("QUERY_STRING", ""),
    ("SERVER_PROTOCOL", "HTTP/1.1"),
    ("SCRIPT_NAME", ""),
    ("SERVER_NAME", "localhost"),
    ("SERVER_PORT", "9090"),
    ("REMOTE_ADDR", "127.0.0.1"),
    ("REMOTE_PORT", "40000"),
    ("HTTP_HOST", "localhost:9090"),
];

const MORE: &[(&str, &str)] = &[
    ("HTTP_USER_AGENT", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
    ("HTTP_ACCEPT", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    ("HTTP_ACCEPT_ENCODING", "gzip, deflate, br"),
    ("HTTP_ACCEPT_LANGUAGE", "en-US,en;q=0.5"),
    ("HTTP_COOKIE", "session=0123456789abcdef; csrftoken=fedcba9876543210"),
    ("HTTP_X_REQUEST_ID", "0123456789abcdef"),
];

struct Silent;

impl Services for Silent {
    fn log(&self, level: u32, line: &[u8]) {
        if level < 2 {
            eprintln!("{}", String::from_utf8_lossy(line));
        }
    }
    fn app_loaded(&self, app: App<'_>) {
        assert!(app.error.is_empty());
    }
    fn control(&self, _command: u32) -> bool {
        false
    }
    fn query(&self, _what: u32) -> i64 {
        1
    }
    fn set_title(&self, _title: &str) {}
}

/// Counts bytes instead of sending them.
struct Counter(usize);

impl Exchange for Counter {
    fn read_body(&mut self, _buffer: &mut [u8], _wait: Option<Duration>) -> Result<usize, ReadError> {
        Ok(0)
    }
    fn seek_body(&mut self, _offset: u64) -> bool {
        false
    }
    fn send(&mut self, head: Option<&HeadView<'_>>, data: &[u8], _last: bool) -> Result<(), SendError> {
        self.0 += head.map_or(0, |head| head.status.len() + head.lines.len()) + data.len();
        Ok(())
    }
    fn send_file(
        &mut self,
        _head: Option<&HeadView<'_>>,
        _file: BorrowedFd<'_>,
        _offset: u64,
        _len: Option<u64>,
    ) -> Result<(), SendError> {
        Ok(())
    }
}

fn main() {
    // `cargo test --benches` only wants to know that it runs.
    let (count, rounds) = if std::env::args().any(|argument| argument == "--bench") { (300_000, 7) } else { (100, 1) };
    let directory = tempfile::tempdir().expect("a temporary directory");
    std::fs::write(directory.path().join("app.py"), APP).expect("a file");
    std::env::set_current_dir(directory.path()).expect("a directory to work in");
    let language = Language::embedded(&rsgi_python::PLUGIN).expect("the plugin speaks this border");
    let mounts = ["/=app:hello", "/realistic=app:realistic", "/streamed=app:streamed"];
    let settings: Vec<_> = mounts.iter().map(|mount| ("mount".to_owned(), (*mount).to_owned())).collect();
    language.init(&Silent, KNOWN, &settings).expect("an interpreter");
    assert_eq!(language.load_apps(), Ok(3));
    let mut core = language.remote().start_core(0).expect("core 0");
    let large = [HELLO, MORE].concat();
    let filter = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    for (name, vars, script_name) in
        [("hello", HELLO, ""), ("realistic", large.as_slice(), "/realistic"), ("streamed", HELLO, "/streamed")]
    {
        if filter.as_ref().is_none_or(|filter| name.contains(filter.as_str())) {
            measure(&mut core, name, vars, script_name, count, rounds);
        }
    }
}

fn measure(core: &mut Core, name: &str, pairs: &[(&str, &str)], script_name: &str, count: u32, rounds: u32) {
    let known = |key: &str| KNOWN.iter().position(|name| *name == key).and_then(|at| u32::try_from(at).ok());
    let value = |key: &str, value| if key == "SCRIPT_NAME" { script_name } else { value };
    let vars: Vec<Var<'_>> = pairs
        .iter()
        .map(|(key, text)| Var::new(key.as_bytes(), value(key, *text).as_bytes(), known(key).unwrap_or(UNKNOWN)))
        .collect();
    let mut best = f64::INFINITY;
    for _ in 0..rounds {
        let mut counter = Counter(0);
        let start = Instant::now();
        for _ in 0..count {
            let outcome = core.handle(&vars, Some(0), b"", &mut counter);
            assert_eq!(outcome.exceptions, 0);
        }
        best = best.min(start.elapsed().as_secs_f64() * 1e6 / f64::from(count));
        assert!(counter.0 > 0);
    }
    println!("{name:<10} {best:.2} µs");
}
