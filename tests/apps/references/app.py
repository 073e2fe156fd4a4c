"""Everything an application may do with a request, by path, and at /counts what the interpreter holds: the blocks that it has
allocated, and how often what all requests share is referred to."""
import ctypes
import gc
import io
import json
import sys
import tempfile

import uwsgi

SHARED = {}
KEPT = []
HEADERS = [("Content-Type", "text/plain")]


class Closing:
    """An iterable of its own, with close()."""

    def __init__(self, fail=False):
        self.fail = fail

    def __iter__(self):
        return iter([b"ab", b"cd"])

    def close(self):
        if self.fail:
            raise RuntimeError("in close()")


def share(environ, start_response):
    """Whatever the server hands to every request."""
    errors, file_wrapper = environ["wsgi.errors"], environ["wsgi.file_wrapper"]
    shared = [
        application, HEADERS, errors, type(errors), file_wrapper, type(environ["wsgi.input"]), type(start_response),
        environ["wsgi.version"], type(environ), b"", "", (), None, True, False, sys.stdout, sys.stderr, uwsgi, uwsgi.opt,
        StopIteration, OSError, RuntimeError, *uwsgi.__dict__.values(), *environ.keys(),
    ]
    for thing in shared:
        SHARED[id(thing)] = thing


def counts():
    gc.collect()
    references = {f"{type(thing).__name__} {thing!r:.60}": sys.getrefcount(thing) for thing in SHARED.values()}
    return json.dumps({"blocks": sys.getallocatedblocks(), "garbage": len(gc.garbage), "references": references})


def body_of(path, environ):
    source = environ["wsgi.input"]
    if path == "/read":
        return [str(len(source.read())).encode()]
    if path == "/lines":
        return [line for line in source]
    if path == "/readline":
        return [source.readline(), source.readline(3), *source.readlines()]
    if path == "/generator":
        return (piece for piece in (b"a", b"", b"b"))
    if path == "/closing":
        return Closing()
    if path == "/failing-close":
        return Closing(fail=True)
    if path == "/raise":
        raise RuntimeError("on purpose")
    if path == "/half":
        def half():
            yield b"half"
            raise RuntimeError("on purpose")
        return half()
    if path == "/file":
        file = tempfile.TemporaryFile()
        file.write(b"file")
        file.seek(0)
        return environ["wsgi.file_wrapper"](file)
    if path == "/memory-file":
        return environ["wsgi.file_wrapper"](io.BytesIO(b"memory"), 2)
    if path == "/nonsense":
        return 7
    if path == "/text":
        return ["text"]
    if path == "/module":
        uwsgi.set_logvar("a", "b")
        with_lock = uwsgi.lock() or uwsgi.unlock()
        said = uwsgi.worker_id(), uwsgi.workers(), uwsgi.sockets, uwsgi.opt.get("processes"), uwsgi.is_connected(0), with_lock
        return [str(bool(said)).encode()]
    if path == "/large":
        return [b"x" * 300_000]
    if path == "/keep":
        KEPT.append((object(), HEADERS))
    if path == "/leaks":
        # 1: there are leaks. Only a build by `cargo dev sanitize` knows.
        look = getattr(ctypes.CDLL(None), "__lsan_do_recoverable_leak_check", None)
        return [b"nobody looks" if look is None else str(look()).encode()]
    if path == "/environ":
        return [json.dumps({key: value for key, value in environ.items() if isinstance(value, str)}).encode()]
    return [b"ok"]


def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/counts":
        share(environ, start_response)
        body = counts().encode()
        start_response("200 OK", [("Content-Length", str(len(body)))])
        return [body]
    if path == "/silent":
        return [b"no head"]
    if path == "/bad-header":
        start_response("200 OK", [("Bad\nName", "x")])
    elif path == "/twice":
        start_response("200 OK", HEADERS)
        try:
            raise RuntimeError("before the head is sent")
        except RuntimeError:
            start_response("500 Sorry", HEADERS, sys.exc_info())
    elif path == "/write":
        write = start_response("200 OK", HEADERS)
        write(b"written")
    elif path == "/204":
        start_response("204 No Content", [])
        return []
    else:
        start_response("200 OK", HEADERS)
    return body_of(path, environ)
