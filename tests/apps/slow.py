"""Requests that take too long, each in its own way. The query says how long, in seconds."""

import os
import time

import uwsgi


def application(environ, start_response):
    name = environ.get("PATH_INFO", "").strip("/") or "hello"
    body = globals()["answer_" + name](float(environ.get("QUERY_STRING") or 0))
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]


def answer_hello(seconds):
    return str(os.getpid()).encode()


def answer_stuck(seconds):
    """Waits in one system call, as for a database that does not answer."""
    time.sleep(seconds)
    return b"awake"


def answer_spin(seconds):
    """Computes: an exception can end it."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        sum(range(1000))
    return b"done"


def answer_own_deadline(seconds):
    """Gives itself a tenth of the time that it needs."""
    uwsgi.set_user_harakiri(max(1, int(seconds / 10)))
    time.sleep(seconds)
    return b"awake"


def answer_taken_back(seconds):
    uwsgi.set_user_harakiri(1)
    uwsgi.set_user_harakiri(0)
    time.sleep(seconds)
    return b"awake"
