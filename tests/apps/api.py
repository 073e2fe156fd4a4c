"""Answers with what the expression in the query is, or raises."""

import os
import sys
import time
from urllib.parse import unquote

import uwsgi
import uwsgidecorators

ready_at_import = uwsgi.ready()


def count(file, times, number):
    """Adds to the number in a file, in a way that needs a lock."""
    for _ in range(times):
        uwsgi.lock(number)
        with open(file) as before:
            value = int(before.read() or 0)
        time.sleep(0)
        with open(file, "w") as after:
            after.write(str(value + 1))
        uwsgi.unlock(number)


def hold():
    """Takes lock 0 and never gives it back."""
    uwsgi.lock()
    print("holds in", os.getpid(), file=sys.stderr, flush=True)
    time.sleep(600)


@uwsgidecorators.lock
def locked(*args, fails=False, **kwargs):
    return args, kwargs, uwsgi.is_locked(), 1 / (not fails)


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    try:
        answer = eval(unquote(environ["QUERY_STRING"]), globals(), {"environ": environ})
    except Exception as error:
        answer = error
    return [repr(answer).encode()]
