"""Answers questions about the server that runs it. The path chooses the question."""

import json
import os
import sys
import threading
import time

HERE = {}


def application(environ, start_response):
    name = environ.get("PATH_INFO", "").strip("/").split("/")[0] or "hello"
    return HERE[name](environ, start_response)


def page(function):
    HERE[function.__name__] = function
    return function


def answer(start_response, body, kind="text/plain", status="200 OK"):
    if isinstance(body, str):
        body = body.encode()
    start_response(status, [("Content-Type", kind), ("Content-Length", str(len(body)))])
    return [body]


def answer_json(start_response, value):
    return answer(start_response, json.dumps(value, default=repr, sort_keys=True), "application/json")


@page
def hello(environ, start_response):
    return answer(start_response, "hello")


@page
def environ(environ, start_response):
    plain = {k: v if isinstance(v, (str, int, bool, tuple)) else type(v).__name__ for k, v in environ.items()}
    return answer_json(start_response, plain)


@page
def process(environ, start_response):
    """Who answers: process, its parent, thread, and where it stands."""
    return answer_json(
        start_response,
        {
            "pid": os.getpid(),
            "parent": os.getppid(),
            "thread": threading.get_ident(),
            "main_thread": threading.current_thread() is threading.main_thread(),
            "cwd": os.getcwd(),
            "path": sys.path,
            "prefix": sys.prefix,
            "executable": sys.executable,
            "argv": sys.argv,
            "version": "%d.%d" % sys.version_info[:2],
            "imported_by": IMPORTED_BY,
            "environment": dict(os.environ),
            "interpreter": id(threading.main_thread()),
            "title": open("/proc/self/cmdline").read().replace("\0", " ").strip(),
            "uid": os.getuid(),
            "gid": os.getgid(),
        },
    )


IMPORTED_BY = os.getpid()


@page
def sleep(environ, start_response):
    """Sleeps for as many seconds as the query says, then tells who did; the log says when it begins."""
    print("asleep for", environ["QUERY_STRING"], flush=True)
    time.sleep(float(environ["QUERY_STRING"]))
    return answer_json(start_response, {"pid": os.getpid(), "thread": threading.get_ident()})


@page
def echo(environ, start_response):
    return answer(start_response, environ["wsgi.input"].read(), "application/octet-stream")


@page
def count(environ, start_response):
    """Reads the body piece by piece and answers with its length."""
    total = 0
    while piece := environ["wsgi.input"].read(8192):
        total += len(piece)
    return answer(start_response, str(total))


@page
def big(environ, start_response):
    """As many bytes as the query says, with a length."""
    return answer(start_response, b"x" * int(environ["QUERY_STRING"]))


@page
def stream(environ, start_response):
    """Three pieces without a length."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    return (piece for piece in (b"one ", b"two ", b"three"))


@page
def empty(environ, start_response):
    start_response("204 No Content", [])
    return []


@page
def status(environ, start_response):
    return answer(start_response, "as asked", status=environ["QUERY_STRING"].replace("%20", " "))


@page
def threads(environ, start_response):
    """How often a thread of the application has run: it counts only while the interpreter lock is free."""
    return answer(start_response, str(TICKS["count"]))


@page
def wait_for_tick(environ, start_response):
    """Answers as soon as the application's own thread has run once more; starts it on the first call."""
    if "thread" not in TICKS:
        TICKS["thread"] = threading.Thread(target=tick, daemon=True)
        TICKS["thread"].start()
    return answer(start_response, str(TICKS["count"]))


TICKS = {"count": 0}


def tick():
    while True:
        TICKS["count"] += 1
        time.sleep(0.01)


@page
def raising(environ, start_response):
    raise RuntimeError("boom at once")
