"""Writes tasks for spoolers, and tells in the log what becomes of them."""

import os
import sys
import time

import uwsgi
from uwsgidecorators import postfork, spool, spoolforever, spoolraw


def say(*words):
    print("said", *words, file=sys.stderr, flush=True)


@spool
def plain(variables):
    variables = {key: value for key, value in variables.items() if key != "spooler_task_name"}
    if "body" in variables:
        variables["body"] = len(variables["body"])
    say("plain", sorted(variables.items()), "in", os.getcwd())


@spool(pass_arguments=True)
def passed(*args, **kwargs):
    say("passed", args, kwargs, "worker", uwsgi.worker_id(), uwsgi.i_am_the_spooler())


@spoolforever
def forever(variables):
    say("forever")


@spoolraw
def twice(variables):
    """Fails, asks for another try, and is done: its memory is a file, for any process may run it."""
    with open(variables["count"], "a") as count:
        count.write("x")
        tries = count.tell()
    say("try", tries, "in", os.getpid())
    if tries == 1:
        raise ValueError("on purpose")
    return uwsgi.SPOOL_RETRY if tries == 2 else uwsgi.SPOOL_OK


@spoolraw
def sleeps(variables):
    say("sleeps in", os.getpid(), variables["seconds"])
    time.sleep(float(variables["seconds"]))
    say("has slept", variables["seconds"])
    return uwsgi.SPOOL_OK


@spoolraw
def alone(variables):
    """Opens and closes its own file, by a name in the directory that it runs in."""
    assert uwsgi.spooler_get_task(variables["spooler_task_name"]) is not None
    with open(variables["count"], "a") as count:
        count.write(f"{os.getpid()}\n")
    time.sleep(3.5)
    say("alone is done")
    return uwsgi.SPOOL_OK


@postfork
def forked():
    say("forked", uwsgi.worker_id(), uwsgi.mule_id(), uwsgi.i_am_the_spooler())


def attempt(call):
    try:
        return repr(call())
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def later(seconds):
    return str(int(time.time()) + seconds)


def application(environ, start_response):
    what, word = environ["PATH_INFO"].strip("/"), environ["QUERY_STRING"]
    calls = {
        "plain": lambda: plain({"key": word}, other="x", body=b"large " * 20000 if word == "large" else b""),
        "passed": lambda: passed(word, [1, 2], key=b"\xff"),
        "forever": lambda: forever(),
        "twice": lambda: twice(count=word),
        "sleeps": lambda: sleeps({"seconds": word}),
        "alone": lambda: alone(count=word),
        "later": lambda: plain(key="later", at=later(int(word))),
        "priority": lambda: plain(key="urgent", priority="3"),
        "many": lambda: len([passed(number) for number in range(int(word))]),
        "raw": lambda: uwsgi.spool({b"ud_spool_func": b"plain", b"key": word.encode(), b"ud_spool_ret": b"-2"}),
        "task": lambda: sorted(uwsgi.spooler_get_task(plain(key="x", at=later(900), body=b"B").decode()).items(), key=str)[1:],
        "unknown": lambda: uwsgi.spool({b"ud_spool_func": b"nothing"}),
        "jobs": lambda: len(uwsgi.spooler_jobs()),
        "pids": lambda: [uwsgi.spooler_pid(), uwsgi.spooler_pids()],
        "errors": lambda: [
            attempt(lambda: uwsgi.spool({b"key": 5})),
            attempt(lambda: uwsgi.spool({b"key": b"x", b"spooler": b"/nowhere"})),
            attempt(lambda: plain(5)),
            attempt(lambda: uwsgi.spooler_get_task("/nowhere")),
            attempt(lambda: uwsgi.set_spooler_frequency(2)),
            attempt(uwsgi.i_am_the_spooler),
            [uwsgi.SPOOL_OK, uwsgi.SPOOL_RETRY, uwsgi.SPOOL_IGNORE],
        ],
        "large": lambda: uwsgi.spool({b"key": b"x" * 70000}),
    }
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [attempt(calls[what]).encode()]
