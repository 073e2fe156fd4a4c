"""Sends messages to mules, and tells in the log what mules do."""

import os
import signal
import sys
import time

import uwsgi
from uwsgidecorators import farm, mule, mulefunc, mulemsg, postfork


def say(*words):
    print("said", *words, file=sys.stderr, flush=True)


@mulefunc
def anywhere(*args, **kwargs):
    say("anywhere", args, kwargs, "worker", uwsgi.worker_id())


@mulefunc(2)
def second(word):
    say("second", word, "mule", uwsgi.mule_id())


@mulefunc(1)
def fails(word):
    raise ValueError(word)


@mulefunc(1)
def sleeps(seconds):
    say("sleeps in", os.getpid())
    time.sleep(float(seconds))
    say("has slept")


@postfork
def forked():
    say("forked worker", uwsgi.worker_id(), "mule", uwsgi.mule_id())


def attempt(call):
    try:
        return repr(call())
    except TypeError:
        return "TypeError"
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def application(environ, start_response):
    what, word = environ["PATH_INFO"].strip("/"), environ["QUERY_STRING"]
    calls = {
        "anywhere": lambda: anywhere(word, key="value"),
        "second": lambda: second(word),
        "fails": lambda: fails(word),
        "sleeps": lambda: sleeps(word),
        "raw": lambda: uwsgi.mule_msg(word.encode(), 3),
        "long": lambda: uwsgi.mule_msg(b"x" * 400000, 3),
        "farm": lambda: uwsgi.farm_msg("mails", word),
        "flood": lambda: [uwsgi.mule_msg(b"x" * 1000, 1) for _ in range(2000)][-1],
        "nobody": lambda: [
            attempt(lambda: uwsgi.mule_msg(b"x", 9)),
            attempt(lambda: uwsgi.mule_msg(b"x", "nofarm")),
            attempt(lambda: uwsgi.mule_msg(b"x", 1.5)),
            attempt(lambda: uwsgi.mule_msg(5)),
            attempt(lambda: uwsgi.farm_msg("nofarm", b"x")),
            attempt(lambda: uwsgi.farm_msg(b"mails", b"x")),
            attempt(uwsgi.mule_get_msg),
            attempt(uwsgi.farm_get_msg),
            attempt(uwsgi.in_farm),
            attempt(lambda: uwsgi.in_farm("mails")),
            attempt(uwsgi.mule_id),
        ],
    }
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [attempt(calls[what]).encode()]
