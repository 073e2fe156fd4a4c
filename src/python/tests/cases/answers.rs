//! What applications return, and what becomes of it.

use crate::support::{Request, Server};

/// Most cases: an application that picks a function by path.
const ROUTES: &str = r#"
import sys
routes = {}
def route(function):
    routes['/' + function.__name__] = function
    return function
def ok(start_response, *headers):
    return start_response('200 OK', list(headers))
def application(environ, start_response):
    return routes[environ['PATH_INFO']](environ, start_response)
"#;

fn routes(source: &str, settings: &[(&str, &str)]) -> Server {
    Server::with_app(&format!("{ROUTES}{source}"), settings)
}

pub(crate) fn hello() {
    let mut server = Server::with_app(
        "def application(env, start_response):\n    start_response('200 OK', [('Content-Type', 'text/html')])\n    return [b'Hello World']\n",
        &[],
    );
    let answer = server.get("/");
    assert_eq!((answer.status.as_str(), answer.text().as_str()), ("200 OK", "Hello World"));
    assert_eq!(answer.headers, ["Content-Type: text/html"]);
    assert!(answer.complete);
    assert_eq!((answer.outcome.app, answer.outcome.switches, answer.outcome.exceptions), (0, 1, 0));
}

pub(crate) fn kinds_of_results() {
    let mut server = routes(
        r"
@route
def tuple(e, s): ok(s); return (b'one',)
@route
def bytes(e, s): ok(s); return b'whole'
@route
def nothing(e, s): ok(s); return []
@route
def several(e, s): ok(s); return [b'a', b'', b'b']
@route
def big(e, s): ok(s); return [b'x' * 300_000]
@route
def generator(e, s):
    ok(s)
    yield b''
    yield b'a'
    yield b'b'
@route
def late(e, s):
    def body():
        ok(s, ('X-Late', 'yes'))
        yield b'late'
    return body()
@route
def measured(e, s):
    ok(s, ('Content-Length', '4'))
    yield b'ab'
    yield b'cd'
@route
def reason(e, s): s('404', []); return [b'']
",
        &[],
    );
    for (path, body, chunks, switches) in [
        ("/tuple", "one", 1, 1),
        ("/bytes", "whole", 1, 0),
        ("/nothing", "", 0, 0),
        ("/several", "ab", 2, 3),
        ("/generator", "ab", 2, 3),
        ("/late", "late", 1, 1),
        ("/measured", "abcd", 2, 2),
    ] {
        let answer = server.get(path);
        assert_eq!((answer.status.as_str(), answer.text().as_str()), ("200 OK", body), "{path}");
        assert_eq!((answer.chunks.len(), answer.outcome.switches), (chunks, switches), "{path}");
        assert!(answer.complete && answer.outcome.exceptions == 0, "{path}");
    }
    assert_eq!(server.get("/big").body().len(), 300_000);
    assert_eq!(server.get("/reason").status, "404 Not Found");
    assert_eq!(server.get("/late").headers, ["X-Late: yes"]);
    assert_eq!(server.host.log().lines().count(), 1, "only the version line: {}", server.host.log());
}

pub(crate) fn wrong_results() {
    let mut server = routes(
        r"
@route
def none(e, s): ok(s)
@route
def text(e, s): ok(s); return ['text']
@route
def string(e, s): ok(s); return 'text'
@route
def headless(e, s): return [b'x']
@route
def headless_many(e, s): return [b'x', b'y']
@route
def raises(e, s): raise ValueError('early')
@route
def raises_late(e, s): ok(s); raise ValueError('late')
@route
def breaks(e, s):
    ok(s)
    yield b'part'
    raise ValueError('broken')
@route
def surplus(e, s): ok(s, ('Content-Length', '3')); return [b'abcdef']
@route
def surplus_chunk(e, s): ok(s, ('Content-Length', '3')); return iter([b'ab', b'cdef', b'ghi'])
@route
def surplus_many(e, s): ok(s, ('Content-Length', '3')); return iter([b'abc', b'def', b'ghi'])
",
        &[],
    );
    for (path, line) in [
        ("/none", "TypeError: 'NoneType' object is not iterable"),
        ("/text", "TypeError: the application's iterable yielded str, it must yield bytes (PEP 3333)"),
        ("/string", "TypeError: the application's iterable yielded str, it must yield bytes (PEP 3333)"),
        ("/headless", "the application returned a body without calling start_response"),
        ("/headless_many", "AssertionError: body bytes before start_response was called"),
        ("/raises", "ValueError: early"),
        ("/raises_late", "ValueError: late"),
    ] {
        server.host.clear_log();
        let answer = server.get(path);
        assert_eq!(
            (answer.status.as_str(), answer.complete),
            ("", false),
            "{path}: nothing is sent, the core answers 500"
        );
        assert_eq!(answer.outcome.exceptions, 1, "{path}");
        assert_eq!(server.host.log().lines().last(), Some(line), "{path}");
    }
    server.host.clear_log();
    let answer = server.get("/breaks");
    assert_eq!((answer.text().as_str(), answer.complete, answer.outcome.exceptions), ("part", false, 1));
    assert!(server.host.log().starts_with("Traceback (most recent call last):\n"), "{}", server.host.log());
    assert!(server.host.log().contains("app.py"), "the place is named: {}", server.host.log());
    for path in ["/surplus", "/surplus_chunk", "/surplus_many"] {
        server.host.clear_log();
        let answer = server.get(path);
        assert_eq!((answer.text().as_str(), answer.outcome.exceptions), ("abc", 0), "{path}");
        assert_eq!(server.host.log().matches("more bytes than its Content-Length").count(), 1, "{}", server.host.log());
    }
}

pub(crate) fn start_response_rules() {
    let mut server = routes(
        r"
@route
def twice(e, s): ok(s); ok(s); return [b'']
@route
def again(e, s):
    ok(s, ('X', 'first'))
    try: 1 / 0
    except ZeroDivisionError: s('500 Oops', [('X', 'second')], sys.exc_info())
    return [b'sorry']
@route
def too_late(e, s):
    ok(s)
    yield b'sent'
    try: 1 / 0
    except ZeroDivisionError: s('500 Oops', [], sys.exc_info())
    yield b'never'
@route
def after_sent(e, s):
    ok(s)
    yield b'sent'
    ok(s)
@route
def write(e, s):
    w = ok(s)
    assert w(b'a') is None
    w(b'')
    w(b'b')
    return [b'c']
@route
def write_text(e, s): ok(s)('text')
@route
def recovers(e, s):
    try: s('200 OK', [('X', 'a\r\nSet-Cookie: b')])
    except ValueError as error: s('200 OK', [('X', 'fine')]); return [str(error).encode()]
@route
def hop(e, s): ok(s, ('Connection', 'close'), ('Keep-Alive', 'x'), ('X', '1')); return [b'']
@route
def unicode(e, s): ok(s, ('X', 'caf\xe9')); return [b'']
",
        &[],
    );
    let last = |server: &Server| server.host.log().lines().last().unwrap_or_default().to_owned();
    assert_eq!(server.get("/twice").outcome.exceptions, 1);
    assert_eq!(last(&server), "AssertionError: start_response called twice without exc_info");
    let answer = server.get("/again");
    assert_eq!((answer.status.as_str(), answer.headers.join("|").as_str()), ("500 Oops", "X: second"));
    assert_eq!((answer.text().as_str(), answer.outcome.exceptions), ("sorry", 0));
    let answer = server.get("/too_late");
    assert_eq!((answer.text().as_str(), answer.complete, answer.outcome.exceptions), ("sent", false, 1));
    assert_eq!(last(&server), "ZeroDivisionError: division by zero");
    assert_eq!(server.get("/after_sent").outcome.exceptions, 1);
    assert_eq!(last(&server), "OSError: headers already sent");
    let answer = server.get("/write");
    assert_eq!((answer.chunks, answer.complete), (vec![b"a".to_vec(), b"b".to_vec(), b"c".to_vec()], true));
    assert_eq!(server.get("/write_text").outcome.exceptions, 1);
    assert_eq!(last(&server), "TypeError: write() argument must be bytes");
    let answer = server.get("/recovers");
    assert_eq!(answer.headers, ["X: fine"]);
    assert_eq!(
        answer.text(),
        "invalid header \"X\": a header value must not have control characters such as CR, LF or NUL"
    );
    server.host.clear_log();
    assert_eq!(server.get("/hop").headers, ["X: 1"]);
    assert_eq!(server.get("/hop").headers, ["X: 1"]);
    assert_eq!(server.host.log().matches("hop-by-hop").count(), 1, "{}", server.host.log());
    assert_eq!(server.get("/unicode").headers, ["X: caf\u{fffd}"], "one byte, not UTF-8");
}

pub(crate) fn wrong_heads() {
    let mut server =
        Server::with_app("def application(e, s):\n    s(*eval(e['QUERY_STRING']))\n    return [b'x']\n", &[]);
    for (call, line) in [
        ("(b'200 OK', [])", "TypeError: http status must be a string"),
        (
            "('OK', [])",
            "ValueError: invalid status \"OK\": the status must start with a three-digit code, like \"200 OK\"",
        ),
        ("('200 OK', ())", "TypeError: http headers must be in a python list"),
        ("('200 OK', ['ab'])", "TypeError: http header must be defined in a tuple"),
        ("('200 OK', [('a',)])", "TypeError: http header must be a 2-item tuple"),
        ("('200 OK', [(1, 'b')])", "TypeError: http header key must be a string"),
        ("('200 OK', [('a', 1)])", "TypeError: http header value must be a string"),
        (
            "('200 OK', [('a b', 'c')])",
            "ValueError: invalid header \"a b\": a header name must be a token: letters, digits and !#$%&'*+-.^_`|~",
        ),
        (
            "('200 OK', [('a', '\\u20ac')])",
            "ValueError: header value \"€\" has characters beyond Latin-1: encode it first (PEP 3333)",
        ),
        (
            "('200 OK', [('Content-Length', '+1')])",
            "ValueError: invalid header \"Content-Length\": Content-Length must be one plain number",
        ),
        (
            "()",
            "TypeError: _StartResponse.start_response() missing 2 required positional arguments: 'status' and 'headers'",
        ),
    ] {
        let answer = server.ask(Request::get("/").var("QUERY_STRING", call));
        assert_eq!((answer.status.as_str(), answer.outcome.exceptions), ("", 1), "{call}");
        assert_eq!(server.host.log().lines().last(), Some(line), "{call}");
    }
}

pub(crate) fn close_exactly_once() {
    let mut server = routes(
        r"
closed = []
class Body:
    def __init__(self, *chunks): self.chunks = iter(chunks)
    def __iter__(self): return self
    def __next__(self):
        chunk = next(self.chunks)
        if isinstance(chunk, Exception): raise chunk
        return chunk
    def close(self): closed.append(1)
class Bad(Body):
    def close(self): super().close(); raise ValueError('in close')
class NoIter:
    def close(self): closed.append(1)
class Listed(list):
    def close(self): closed.append(1)
@route
def good(e, s): ok(s); return Body(b'a', b'b')
@route
def error(e, s): ok(s); return Body(b'a', ValueError())
@route
def text(e, s): ok(s); return Body('a')
@route
def headless(e, s): return Body(b'a')
@route
def uniterable(e, s): ok(s); return NoIter()
@route
def badclose(e, s): ok(s); return Bad(b'a')
@route
def listed(e, s): ok(s); return Listed([b'a'])
@route
def endless(e, s):
    ok(s)
    def chunks():
        while True: yield b'x'
    return Body(*[b'x'] * 50)
@route
def count(e, s): ok(s); n = len(closed); closed.clear(); return [str(n).encode()]
",
        &[],
    );
    for path in ["/good", "/error", "/text", "/headless", "/uniterable", "/badclose", "/listed"] {
        let _ = server.get(path);
        assert_eq!(server.text("/count"), "1", "{path}");
    }
    assert!(server.host.log().contains("ValueError: in close"));
    for sends in [0, 1, 7] {
        server.host.clear_log();
        let answer = server.ask(Request::get("/endless").leaves_after(sends));
        assert_eq!((answer.chunks.len(), answer.outcome.exceptions), (sends, 0));
        assert!(answer.outcome.switches as usize <= sends + 1, "iteration stops when the client is gone");
        assert_eq!(server.host.log(), "", "a client that goes away is no error");
        assert_eq!(server.text("/count"), "1");
    }
}

pub(crate) fn write_to_nobody() {
    let source = r"
@route
def write(e, s):
    w = ok(s)
    for _ in range(100): w(b'x')
    return []
";
    let mut server = routes(source, &[]);
    let answer = server.ask(Request::get("/write").leaves_after(2));
    assert_eq!((answer.chunks.len(), answer.outcome.exceptions), (2, 1));
    assert_eq!(server.host.log().lines().last(), Some("OSError: write error: the client has gone away"));
}

pub(crate) fn write_to_nobody_quietly() {
    let source = "
@route
def write(e, s):
    w = ok(s)
    for _ in range(100): w(b'x')
    return []
";
    let mut server = routes(source, &[("disable-write-exception", "true")]);
    let answer = server.ask(Request::get("/write").leaves_after(2));
    assert_eq!((answer.chunks.len(), answer.outcome.exceptions), (2, 0));
}

pub(crate) fn exits() {
    let mut server = routes(
        r"
@route
def plain(e, s): sys.exit()
@route
def code(e, s): sys.exit(3)
@route
def words(e, s): sys.exit('enough')
@route
def keyboard(e, s): raise KeyboardInterrupt
@route
def base(e, s): raise BaseException('rare')
@route
def generator(e, s):
    ok(s)
    yield b'x'
    sys.exit(4)
",
        &[],
    );
    for (path, next, code) in [
        ("/plain", 1, 0),
        ("/code", 1, 3),
        ("/words", 1, 1),
        ("/keyboard", 1, 130),
        ("/base", 0, 0),
        ("/generator", 1, 4),
    ] {
        let outcome = server.get(path).outcome;
        assert_eq!((outcome.next, outcome.exit_code, outcome.exceptions), (next, code, 1), "{path}");
    }
    assert!(server.host.log().contains("enough") && server.host.log().contains("BaseException: rare"));
}

pub(crate) fn monitored_exceptions() {
    let source = "
@route
def value(e, s): raise ValueError('x')
@route
def key(e, s): raise KeyError('y')
@route
def text(e, s): raise OSError('full disk')
";
    let settings = [("reload-on-exception-type", "ValueError"), ("reload-on-exception-value", "full disk")];
    let mut server = routes(source, &settings);
    for (path, next) in [("/value", (1, 5)), ("/key", (0, 0)), ("/text", (1, 5))] {
        let outcome = server.get(path).outcome;
        assert_eq!((outcome.next, outcome.exit_code), next, "{path}");
    }
}

pub(crate) fn catch_exceptions() {
    let mut server = routes("@route\ndef boom(e, s): ok(s); raise ValueError('seen')\n", &[("catch-exceptions", "")]);
    let answer = server.get("/boom");
    assert_eq!((answer.status.as_str(), answer.complete), ("500 Internal Server Error", true));
    assert_eq!(answer.headers, ["Content-Type: text/plain; charset=utf-8"]);
    let text = answer.text();
    assert!(text.contains("ValueError: seen") && text.contains("'PATH_INFO': '/boom'"), "{text}");
}

pub(crate) fn files() {
    let mut server = routes(
        r"
import gzip, io, tempfile
with open('data', 'wb') as f: f.write(b'0123456789')
with gzip.open('data.gz', 'wb') as f: f.write(b'inside')
closed = []
class Watched(io.FileIO):
    def close(self):
        if not self.closed: closed.append(1)
        super().close()
def wrap(e, f, *size): return e['wsgi.file_wrapper'](f, *size)
@route
def plain(e, s): ok(s); return wrap(e, open('data', 'rb'))
@route
def position(e, s): ok(s); f = open('data', 'rb'); f.seek(3); f.read(1); return wrap(e, f, 8192)
@route
def limited(e, s): ok(s, ('Content-Length', '4')); return wrap(e, open('data', 'rb'))
@route
def raw(e, s): ok(s); return wrap(e, Watched('data'))
@route
def temporary(e, s):
    f = tempfile.NamedTemporaryFile(); f.write(b'temp'); f.flush(); f.seek(0); ok(s); return wrap(e, f)
@route
def compressed(e, s): ok(s); return wrap(e, gzip.open('data.gz'))
@route
def memory(e, s): ok(s); return wrap(e, io.BytesIO(b'abcdefgh'), 3)
@route
def written(e, s): ok(s)(b'head '); return wrap(e, open('data', 'rb'))
@route
def headless(e, s): return wrap(e, open('data', 'rb'))
@route
def iterated(e, s): ok(s); return [b for b in wrap(e, open('data', 'rb'), 4)]
@route
def count(e, s): ok(s); return [str(len(closed)).encode()]
",
        &[],
    );
    for (path, body, file) in [
        ("/plain", "0123456789", Some((0, None))),
        ("/position", "456789", Some((4, None))),
        ("/limited", "0123", Some((0, Some(4)))),
        ("/raw", "0123456789", Some((0, None))),
        ("/temporary", "temp", Some((0, None))),
        ("/compressed", "inside", None),
        ("/memory", "abcdefgh", None),
        ("/written", "head 0123456789", Some((0, None))),
        ("/iterated", "0123456789", None),
    ] {
        let answer = server.get(path);
        assert_eq!((answer.text().as_str(), answer.file, answer.complete), (body, file, true), "{path}");
    }
    assert_eq!(server.text("/count"), "1", "the raw file was closed once");
    assert_eq!(server.get("/memory").chunks.len(), 3);
    let answer = server.get("/headless");
    assert_eq!((answer.status.as_str(), answer.outcome.exceptions), ("", 1));
}

pub(crate) fn buffers_and_early_heads() {
    let source = "
@route
def buffers(e, s): ok(s); return [bytearray(b'a'), memoryview(b'b')]
@route
def array(e, s): ok(s); return [bytearray(b'c')]
@route
def early(e, s):
    ok(s)
    raise ValueError('after the head')
";
    let mut server = routes(source, &[("wsgi-accept-buffers", "true"), ("start_response-nodelay", "true")]);
    assert_eq!(server.text("/buffers"), "ab");
    assert_eq!(server.text("/array"), "c");
    let answer = server.get("/early");
    assert_eq!((answer.status.as_str(), answer.complete, answer.outcome.exceptions), ("200 OK", false, 1));
}

pub(crate) fn hooks() {
    let mut server = routes(
        "
import uwsgi
seen = []
uwsgi.after_req_hook = lambda: seen.append(1)
@route
def count(e, s): ok(s); return [str(len(seen)).encode()]
",
        &[],
    );
    assert_eq!(server.text("/count"), "0");
    assert_eq!(server.text("/count"), "1");
}
