//! Status, headers, `write`: the rules of `start_response`.

use crate::support::{Request, Server};

use super::routes;

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
