"""An application that does everything wrong, one thing a path; `/` is well."""

import ctypes
import os
import signal
import sys
import threading

WRONG = {}
PLAIN = [("Content-Type", "text/plain")]


def application(environ, start_response):
    name = environ["PATH_INFO"].strip("/")
    if name:
        return WRONG[name](environ, start_response)
    start_response("200 OK", PLAIN)
    return [str(os.getpid()).encode()]


def wrong(function):
    WRONG[function.__name__] = function
    return function


@wrong
def raises(environ, start_response):
    raise RuntimeError("raised at once")


@wrong
def raises_after_start(environ, start_response):
    start_response("200 OK", PLAIN)
    raise RuntimeError("raised after start_response")


@wrong
def raises_in_first_step(environ, start_response):
    start_response("200 OK", PLAIN)
    raise_now = iter([])
    for piece in raise_now:
        yield piece
    raise RuntimeError("raised in the first step")


@wrong
def raises_in_second_step(environ, start_response):
    start_response("200 OK", PLAIN)
    yield b"first piece"
    raise RuntimeError("raised in the second step")


@wrong
def raises_unprintable(environ, start_response):
    class Bad(Exception):
        def __str__(self):
            raise ValueError("not even its text")

    raise Bad


@wrong
def raises_base_exception(environ, start_response):
    raise BaseException("raised BaseException")


@wrong
def raises_keyboard_interrupt(environ, start_response):
    raise KeyboardInterrupt


@wrong
def raises_generator_exit(environ, start_response):
    raise GeneratorExit


@wrong
def recursion(environ, start_response):
    return recursion(environ, start_response)


@wrong
def returns_none(environ, start_response):
    start_response("200 OK", PLAIN)


@wrong
def returns_number(environ, start_response):
    start_response("200 OK", PLAIN)
    return 42


@wrong
def returns_text(environ, start_response):
    start_response("200 OK", PLAIN)
    return "text instead of bytes"


@wrong
def yields_text(environ, start_response):
    start_response("200 OK", PLAIN)
    return ["text instead of bytes"]


@wrong
def never_starts(environ, start_response):
    return [b"a body without a head"]


@wrong
def starts_with_nothing(environ, start_response):
    start_response()
    return []


@wrong
def status_is_a_number(environ, start_response):
    start_response(200, PLAIN)
    return [b"x"]


@wrong
def status_without_number(environ, start_response):
    start_response("fine", PLAIN)
    return [b"x"]


@wrong
def status_too_large(environ, start_response):
    start_response("1000 Too Much", PLAIN)
    return [b"x"]


@wrong
def status_splits(environ, start_response):
    start_response("200 OK\r\nX-Injected: 1", PLAIN)
    return [b"x"]


@wrong
def headers_not_a_list(environ, start_response):
    start_response("200 OK", {"Content-Type": "text/plain"})
    return [b"x"]


@wrong
def header_not_a_pair(environ, start_response):
    start_response("200 OK", ["Content-Type: text/plain"])
    return [b"x"]


@wrong
def header_value_is_a_number(environ, start_response):
    start_response("200 OK", [("Content-Length", 1)])
    return [b"x"]


@wrong
def header_value_is_bytes(environ, start_response):
    start_response("200 OK", [("Content-Type", b"text/plain")])
    return [b"x"]


@wrong
def header_value_splits(environ, start_response):
    start_response("200 OK", [("X-Name", "value\r\nX-Injected: 1")])
    return [b"x"]


@wrong
def header_name_splits(environ, start_response):
    start_response("200 OK", [("X-Name: 1\r\nX-Injected", "1")])
    return [b"x"]


@wrong
def header_name_with_blank(environ, start_response):
    start_response("200 OK", [("X Name", "1")])
    return [b"x"]


@wrong
def header_not_latin(environ, start_response):
    start_response("200 OK", [("X-Name", "\u20ac")])
    return [b"x"]


@wrong
def chunks_of_its_own(environ, start_response):
    start_response("200 OK", [("Transfer-Encoding", "chunked")])
    return [b"1\r\nx\r\n", b"0\r\n\r\n"]


@wrong
def chunks_that_are_none(environ, start_response):
    start_response("200 OK", [("Transfer-Encoding", "chunked")])
    return [b"x"]


@wrong
def length_is_nonsense(environ, start_response):
    start_response("200 OK", [("Content-Length", "many")])
    return [b"x"]


@wrong
def exits(environ, start_response):
    sys.exit(3)


@wrong
def exits_in_iterator(environ, start_response):
    start_response("200 OK", PLAIN)
    yield b"first piece"
    sys.exit(3)


@wrong
def exits_hard(environ, start_response):
    os._exit(3)


@wrong
def crashes(environ, start_response):
    ctypes.string_at(0)


@wrong
def aborts(environ, start_response):
    os.abort()


@wrong
def kills_itself(environ, start_response):
    os.kill(os.getpid(), signal.SIGKILL)


@wrong
def thread_raises(environ, start_response):
    def fail():
        raise RuntimeError("raised in a thread")

    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    start_response("200 OK", PLAIN)
    return [b"went on"]
