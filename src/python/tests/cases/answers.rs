//! What applications return, and what becomes of it.

use crate::support::Server;

use super::routes;

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
@route
def file(e, s):
    with open('data', 'wb') as f: f.write(b'0123456789')
    ok(s); return e['wsgi.file_wrapper'](open('data', 'rb'))
";
    let mut server = routes(source, &[("wsgi-accept-buffers", "true"), ("start_response-nodelay", "true")]);
    assert_eq!(server.text("/buffers"), "ab");
    assert_eq!(server.text("/array"), "c");
    let file = server.get("/file");
    assert_eq!((file.text().as_str(), file.complete, file.outcome.exceptions), ("0123456789", true, 0));
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
