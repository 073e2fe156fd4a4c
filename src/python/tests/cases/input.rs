//! `wsgi.input` in all its moods.

use rsgi_abi::host::ReadError;

use crate::support::{Request, Server};

const READ: &str = "
import io
def application(environ, start_response):
    start_response('200 OK', [])
    i = environ['wsgi.input']
    try:
        value = eval(environ['QUERY_STRING'], {'i': i, 'io': io, 'list': list})
    except Exception as error:
        value = (type(error).__name__, str(error))
    return [repr(value).encode()]
";

/// The body `ab\ncd\nef`: three bytes come with the request, the rest in two pieces.
fn pieces(expression: &str) -> Request<'_> {
    Request::post("/", b"ab\n").length(Some(8)).then(b"cd").then(b"\nefSURPLUS").var("QUERY_STRING", expression)
}

const EXPRESSIONS: &[(&str, &str)] = &[
    ("i.read()", r"b'ab\ncd\nef'"),
    ("i.read(-1)", r"b'ab\ncd\nef'"),
    ("i.read(None)", r"b'ab\ncd\nef'"),
    ("i.read(2), i.read(-1), i.read(), i.read(5)", r"(b'ab', b'\ncd\nef', b'', b'')"),
    ("i.read(0), i.read(1000)", r"(b'', b'ab\ncd\nef')"),
    ("i.read(4), i.read(2), i.read(9)", r"(b'ab\nc', b'd\n', b'ef')"),
    ("i.readline(), i.readline(), i.readline(), i.readline()", r"(b'ab\n', b'cd\n', b'ef', b'')"),
    (
        "i.readline(1), i.readline(-1), i.readline(2), i.readline(2), i.readline()",
        r"(b'a', b'b\n', b'cd', b'\n', b'ef')",
    ),
    ("i.readlines()", r"[b'ab\n', b'cd\n', b'ef']"),
    ("i.readlines(4), i.read()", r"([b'ab\n', b'cd\n'], b'ef')"),
    ("i.readlines(0)", r"[b'ab\n', b'cd\n', b'ef']"),
    ("list(i)", r"[b'ab\n', b'cd\n', b'ef']"),
    ("i.tell(), i.readline(), i.tell(), i.read(), i.tell()", r"(0, b'ab\n', 3, b'cd\nef', 8)"),
    ("i.close(), i.read()", r"(None, b'ab\ncd\nef')"),
    ("i.fileno()", "('UnsupportedOperation', 'wsgi.input has no descriptor of its own')"),
    ("i.seek(0)", "('UnsupportedOperation', 'wsgi.input cannot seek: this body is not buffered, see post-buffering')"),
];

pub(crate) fn with_a_length() {
    let mut server = Server::with_app(READ, &[]);
    for (expression, value) in EXPRESSIONS {
        assert_eq!(server.ask(pieces(expression)).text(), *value, "{expression}");
    }
}

pub(crate) fn chunked() {
    let mut server = Server::with_app(READ, &[]);
    for (expression, value) in EXPRESSIONS {
        let request =
            Request::post("/", b"ab\n").length(None).then(b"cd").then(b"\nef").var("QUERY_STRING", expression);
        assert_eq!(server.ask(request).text(), *value, "{expression}");
    }
}

pub(crate) fn without_a_body() {
    let mut server = Server::with_app(READ, &[]);
    let request = || Request::get("/").then(b"of the next request");
    for expression in ["i.read()", "i.read(10)", "i.readline()"] {
        assert_eq!(server.ask(request().var("QUERY_STRING", expression)).text(), "b''", "{expression}");
    }
    assert_eq!(server.ask(request().var("QUERY_STRING", "list(i), i.tell()")).text(), "([], 0)");
}

pub(crate) fn all_here() {
    let mut server = Server::with_app(READ, &[]);
    for (expression, value) in [
        ("i.read()", r"b'a\nbc'"),
        (
            "i.read(2), i.seek(0), i.read(), i.seek(-1, 2), i.read(), i.seek(1), i.seek(1, 1)",
            r"(b'a\n', 0, b'a\nbc', 3, b'c', 1, 2)",
        ),
        ("i.seek(99), i.read()", "(4, b'')"),
        ("i.seek(-1)", "('UnsupportedOperation', 'no such position in wsgi.input')"),
    ] {
        let request = Request::post("/", b"a\nbc").var("QUERY_STRING", expression);
        assert_eq!(server.ask(request).text(), value, "{expression}");
    }
}

pub(crate) fn buffered_by_the_core() {
    let mut server = Server::with_app(READ, &[]);
    for (expression, value) in [
        ("i.read(), i.seek(0), i.read(2), i.seek(5), i.read()", r"(b'ab\ncd\nef', 0, b'ab', 5, b'\nef')"),
        ("i.read(4), i.seek(1), i.readline(), i.tell(), i.read(99)", r"(b'ab\nc', 1, b'b\n', 3, b'cd\nef')"),
    ] {
        let request = Request::post("/", b"ab\n").length(Some(8)).then(b"cd\nef").buffered(b"ab\ncd\nef");
        assert_eq!(server.ask(request.var("QUERY_STRING", expression)).text(), value, "{expression}");
    }
}

pub(crate) fn large() {
    let mut server = Server::with_app(READ, &[]);
    let piece = vec![b'x'; 100_000];
    let mut request = Request::post("/", &piece).length(Some(2_000_000)).var("QUERY_STRING", "len(i.read())");
    for _ in 0..19 {
        request = request.then(&piece);
    }
    assert_eq!(server.ask(request).text(), "2000000");
}

pub(crate) fn failures() {
    let mut server = Server::with_app(READ, &[]);
    for (error, expression, text) in [
        (ReadError::Timeout, "i.read()", "timeout during read(-1) on wsgi.input"),
        (ReadError::Gone, "i.read(7)", "error during read(7) on wsgi.input"),
        (
            ReadError::Malformed,
            "i.readline()",
            "error during read(-1) on wsgi.input: the body's chunked framing is broken",
        ),
        (ReadError::TooLarge, "list(i)", "error during read(-1) on wsgi.input: the body is larger than limit-post"),
    ] {
        let request = Request::post("/", b"ab").length(Some(8)).then(b"cd").then_fails(error);
        let answer = server.ask(request.var("QUERY_STRING", expression));
        assert!(answer.text().starts_with("('OSError', ") && answer.text().contains(text), "{}", answer.text());
    }
    let cut = Request::post("/", b"ab").length(Some(8)).then(b"cd").var("QUERY_STRING", "i.read()");
    assert_eq!(server.ask(cut).text(), "('OSError', 'error during read(-1) on wsgi.input')");
}

pub(crate) fn after_its_request() {
    let mut server = Server::with_app(
        "
kept = []
def application(environ, start_response):
    write = start_response('200 OK', [])
    if environ['PATH_INFO'] == '/keep':
        kept.extend([environ['wsgi.input'].read, environ['wsgi.input'].seek, write, start_response])
        return [b'kept']
    answers = []
    for use in (lambda: kept[0](), lambda: kept[1](0), lambda: kept[2](b'x'), lambda: kept[3]('200 OK', [])):
        try: answers.append(use())
        except ValueError as error: answers.append(str(error))
    return [repr(answers).encode()]
",
        &[],
    );
    assert_eq!(server.ask(Request::post("/keep", b"secret")).text(), "kept");
    let answer = server.ask(Request::post("/use", b"other"));
    let over = "'I/O operation on wsgi.input after the end of its request'";
    assert_eq!(answer.text(), format!("[{over}, {over}, 'the request is over', 'the request is over']"));
    assert!(answer.complete);
}
