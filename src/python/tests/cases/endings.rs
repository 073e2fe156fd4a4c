//! How requests end when not all goes well: closed once, given up, exited.

use crate::support::Request;

use super::routes;

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
