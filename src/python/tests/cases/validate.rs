//! `wsgiref.validate`, the standard library's judge of both sides, around applications of each kind.

use crate::support::{Request, Server};

pub(crate) fn every_fixture() {
    let mut server = Server::with_app(
        r"
from wsgiref.validate import validator
import sys
plain = [('Content-Type', 'text/plain')]
def simple(e, s): s('200 OK', plain); return [b'simple']
def generator(e, s):
    s('200 OK', plain)
    yield b'gen'
    yield b'erator'
def reads(e, s):
    i = e['wsgi.input']
    body = i.read(2) + i.readline() + b''.join(i.readlines(1)) + b''.join(i)
    s('200 OK', plain)
    return [body]
def writes(e, s):
    w = s('200 OK', plain)
    w(b'wri')
    return [b'tes']
def fails(e, s):
    try: 1 / 0
    except ZeroDivisionError: s('500 Error', plain, sys.exc_info())
    e['wsgi.errors'].write('noted\n'); e['wsgi.errors'].writelines(['a\n']); e['wsgi.errors'].flush()
    return [b'fails']
def empty(e, s): s('204 No Content', []); return []
routes = {'/' + f.__name__: validator(f) for f in (simple, generator, reads, writes, fails, empty)}
def application(e, s): return routes[e['PATH_INFO']](e, s)
",
        &[],
    );
    for (path, body) in [
        ("/simple", "simple"),
        ("/generator", "generator"),
        ("/reads", "ab\ncd\nef\ngh"),
        ("/writes", "writes"),
        ("/fails", "fails"),
        ("/empty", ""),
    ] {
        let answer = server.ask(Request::post(path, b"ab\ncd").length(Some(11)).then(b"\nef\ng").then(b"h"));
        assert_eq!((answer.text().as_str(), answer.complete), (body, true), "{path}\n{}", server.host.log());
        assert_eq!(answer.outcome.exceptions, 0, "{path}");
    }
}
