"""The WSGI contract, case by case, under `wsgiref.validate`. The path names the case.

Cases that break the contract on purpose are in `BARE` and run without the validator, which would stop them itself.
`/report` tells what was seen so far: how often `close()` ran, and errors that a case has caught.
"""

import io
import json
import os
import sys
import tempfile
import threading
import time
from wsgiref.validate import validator

CASES = {}
BARE = {}
SEEN = {"closed": {}, "errors": []}


def case(function):
    CASES[function.__name__] = validator(function)
    return function


def bare(function):
    BARE[function.__name__] = function
    return function


def application(environ, start_response):
    name = environ["PATH_INFO"].strip("/").split("/")[0]
    if name in BARE:
        return BARE[name](environ, start_response)
    return CASES[name](environ, start_response)


class Closing:
    """An iterable that counts calls of its `close()` under a name."""

    def __init__(self, name, pieces):
        self.name = name
        self.pieces = iter(pieces)

    def __iter__(self):
        return self

    def __next__(self):
        return next(self.pieces)

    def close(self):
        SEEN["closed"][self.name] = SEEN["closed"].get(self.name, 0) + 1


def text(start_response, *pieces):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return list(pieces)


@case
def report(environ, start_response):
    return text(start_response, json.dumps(SEEN).encode())


# -- the body of the request ------------------------------------------------------------------------------------------


@case
def read_all(environ, start_response):
    body = environ["wsgi.input"].read(1 << 30)
    rest = environ["wsgi.input"].read(10)
    return text(start_response, body, b"|", rest)


@bare
def read_no_argument(environ, start_response):
    return text(start_response, environ["wsgi.input"].read(), b"|", environ["wsgi.input"].read())


@bare
def read_minus_one(environ, start_response):
    first = environ["wsgi.input"].read(2)
    return text(start_response, first, b"|", environ["wsgi.input"].read(-1), b"|", environ["wsgi.input"].read(None))


@case
def read_in_steps(environ, start_response):
    stream = environ["wsgi.input"]
    pieces = []
    while piece := stream.read(3):
        pieces.append(piece)
    return text(start_response, b"|".join(pieces))


@case
def read_nothing(environ, start_response):
    return text(start_response, repr(environ["wsgi.input"].read(0)).encode())


@case
def readline(environ, start_response):
    stream = environ["wsgi.input"]
    lines = []
    while line := stream.readline():
        lines.append(line)
    return text(start_response, repr(lines).encode())


@bare
def readline_with_size(environ, start_response):
    stream = environ["wsgi.input"]
    return text(start_response, repr([stream.readline(4), stream.readline(100), stream.readline(-1), stream.read()]).encode())


@case
def readlines(environ, start_response):
    return text(start_response, repr(environ["wsgi.input"].readlines()).encode())


@case
def readlines_with_hint(environ, start_response):
    lines = environ["wsgi.input"].readlines(4)
    assert b"".join(lines)
    return text(start_response, repr(lines[0]).encode())


@case
def iterate(environ, start_response):
    return text(start_response, repr(list(environ["wsgi.input"])).encode())


@case
def mixed(environ, start_response):
    stream = environ["wsgi.input"]
    return text(start_response, repr([stream.read(2), stream.readline(), stream.read(1), list(stream)]).encode())


@bare
def wrapped(environ, start_response):
    """As frameworks do: a text layer over the raw stream."""
    body = environ["wsgi.input"].read()
    return text(start_response, io.TextIOWrapper(io.BytesIO(body), "utf-8").read().encode())


# -- the answer -------------------------------------------------------------------------------------------------------


@case
def write(environ, start_response):
    writer = start_response("200 OK", [("Content-Type", "text/plain")])
    writer(b"written ")
    writer(b"")
    writer(b"twice ")
    return [b"then returned"]


@case
def generator(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])

    def pieces():
        yield b"a"
        yield b""
        yield b"b"
        yield b"c"

    return pieces()


@bare
def late_start(environ, start_response):
    """start_response may be called as late as in the first step of the iterator."""
    start_response("201 Created", [("Content-Type", "text/plain")])
    yield b"late"


@case
def closing(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return Closing(environ["QUERY_STRING"], [b"one", b"two"])


@bare
def closing_empty(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "0")])
    return Closing(environ["QUERY_STRING"], [])


@bare
def closing_after_error(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])

    def pieces():
        yield b"first"
        raise RuntimeError("in the middle")

    return Closing(environ["QUERY_STRING"], pieces())


@bare
def closing_before_output(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])

    def pieces():
        raise RuntimeError("before the first piece")
        yield b""

    return Closing(environ["QUERY_STRING"], pieces())


@bare
def closing_endless(environ, start_response):
    """Goes on until the client is gone: then the write fails, or the server just stops asking."""
    start_response("200 OK", [("Content-Type", "application/octet-stream")])

    def pieces():
        while True:
            yield b"x" * 65536

    return Closing(environ["QUERY_STRING"], pieces())


@bare
def closing_that_raises(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])

    class Bad(Closing):
        def close(self):
            super().close()
            raise RuntimeError("close() failed")

    return Bad(environ["QUERY_STRING"], [b"ok"])


@bare
def writing_endless(environ, start_response):
    writer = start_response("200 OK", [("Content-Type", "application/octet-stream")])
    try:
        while True:
            writer(b"x" * 65536)
    except OSError as error:
        SEEN["errors"].append(type(error).__name__)
        raise


@case
def replaced(environ, start_response):
    """An error before any output replaces the answer by means of exc_info."""
    try:
        start_response("200 OK", [("Content-Type", "text/plain"), ("X-First", "1")])
        raise ValueError("changed its mind")
    except ValueError:
        start_response("503 Busy", [("Content-Type", "text/plain")], sys.exc_info())
    return [b"replaced"]


@bare
def too_late(environ, start_response):
    """After output exc_info re-raises."""
    writer = start_response("200 OK", [("Content-Type", "text/plain")])
    writer(b"sent ")
    try:
        raise ValueError("too late")
    except ValueError:
        try:
            start_response("503 Busy", [("Content-Type", "text/plain")], sys.exc_info())
        except ValueError as error:
            return [b"re-raised: ", str(error).encode()]
    return [b"not raised"]


@bare
def twice(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    try:
        start_response("200 OK", [("Content-Type", "text/plain")])
    except AssertionError as error:
        return [b"refused: ", type(error).__name__.encode()]
    return [b"accepted"]


@case
def no_body(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "0")])
    return []


@case
def not_modified(environ, start_response):
    start_response("304 Not Modified", [("ETag", '"x"')])
    return []


@case
def headers(environ, start_response):
    start_response(
        "200 OK",
        [("Content-Type", "text/plain"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("X-Empty", ""), ("X-Latin", "caf\xe9")],
    )
    return [b"headers"]


@case
def own_reason(environ, start_response):
    start_response("299 Quite Fine Indeed", [("Content-Type", "text/plain")])
    return [b""]


@bare
def too_long(environ, start_response):
    """More bytes than announced."""
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "5")])
    return [b"12345", b"67890"]


@bare
def too_short(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "20")])
    return [b"12345"]


@case
def interleaved(environ, start_response):
    """What was yielded before the next step blocks has reached the client."""
    start_response("200 OK", [("Content-Type", "text/plain")])

    def pieces():
        yield b"first "
        GO.wait(20)
        GO.clear()
        yield b"second"

    return pieces()


@case
def go(environ, start_response):
    GO.set()
    return text(start_response, b"gone")


GO = threading.Event()


# -- file_wrapper -----------------------------------------------------------------------------------------------------


def numbered():
    file = tempfile.TemporaryFile()
    file.write(b"".join(b"%06d\n" % n for n in range(20000)))
    file.seek(0)
    return file


@case
def file(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return environ["wsgi.file_wrapper"](numbered(), 4096)


@bare
def file_from_position(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    opened = numbered()
    opened.seek(7)
    return environ["wsgi.file_wrapper"](opened)


@bare
def file_with_length(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "14")])
    return environ["wsgi.file_wrapper"](numbered())


@bare
def file_like(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return environ["wsgi.file_wrapper"](io.BytesIO(b"from memory"))


@bare
def file_closed(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    opened = numbered()

    class Watched:
        def __init__(self, name):
            self.name = name

        def read(self, size=-1):
            return opened.read(size)

        def fileno(self):
            return opened.fileno()

        def close(self):
            SEEN["closed"][self.name] = SEEN["closed"].get(self.name, 0) + 1
            opened.close()

    return environ["wsgi.file_wrapper"](Watched(environ["QUERY_STRING"]))


@bare
def file_iterated(environ, start_response):
    """Middleware may iterate over what the wrapper returns."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [piece.upper() for piece in environ["wsgi.file_wrapper"](io.BytesIO(b"abcdef"), 4)]


# -- the environment --------------------------------------------------------------------------------------------------


@case
def flags(environ, start_response):
    keys = ("wsgi.version", "wsgi.url_scheme", "wsgi.multithread", "wsgi.multiprocess", "wsgi.run_once")
    seen = {key: environ[key] for key in keys}
    seen["type"] = type(environ).__name__
    seen["strings"] = all(type(v) is str for k, v in environ.items() if k.isupper())
    return text(start_response, json.dumps(seen).encode())


@case
def latin(environ, start_response):
    return text(start_response, environ["PATH_INFO"].encode("latin-1"), b"|", environ.get("HTTP_X_NAME", "").encode("latin-1"))


@case
def errors(environ, start_response):
    environ["wsgi.errors"].write("written to wsgi.errors: \xe4\u20ac\n")
    environ["wsgi.errors"].writelines(["line one of writelines\n", "line two of writelines\n"])
    environ["wsgi.errors"].flush()
    print("printed to stdout", flush=True)
    print("printed to stderr", file=sys.stderr, flush=True)
    return text(start_response, b"logged")


@bare
def mutable(environ, start_response):
    """The environ is the application's own: what it adds is gone at the next request."""
    seen = "lab.left" in environ
    environ["lab.left"] = "behind"
    environ["PATH_INFO"] = "/changed"
    return text(start_response, b"dirty" if seen else b"clean")


@bare
def kept(environ, start_response):
    """An environ kept beyond its request stays as it was."""
    KEPT.append(environ)
    return text(start_response, repr([e.get("QUERY_STRING") for e in KEPT]).encode())


KEPT = []


@bare
def slow_reader(environ, start_response):
    """Tells when reading fails because the client is gone."""
    try:
        got = environ["wsgi.input"].read()
    except OSError as error:
        SEEN["errors"].append(type(error).__name__ + ": " + str(error))
        raise
    SEEN["errors"].append("no error, %d bytes" % len(got))
    return text(start_response, b"read")
