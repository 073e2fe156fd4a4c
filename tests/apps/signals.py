"""Handles signals of every kind, and tells in the log who does."""

import sys
from urllib.parse import parse_qs

import uwsgi
from uwsgidecorators import cron, filemon, rbtimer, signal, timer


def say(*words):
    print("said", *words, file=sys.stderr, flush=True)


def handler(name):
    def handle(number):
        spooler = bool(getattr(uwsgi, "i_am_the_spooler", bool)())
        say(name, number, "worker", uwsgi.worker_id(), "mule", uwsgi.mule_id(), "spooler", spooler)

    return handle


signal(1)(handler("anyone"))
signal(2, target="workers")(handler("workers"))
signal(3, target="mule")(handler("mule"))
signal(4, target="mules")(handler("mules"))
signal(5, target="worker2")(handler("worker2"))
signal(6, target="farm_mails")(handler("farm"))
signal(7, target="spooler")(handler("spooler"))
signal(255, target="mule2")(handler("mule2"))


@signal(8, target="worker1")
def fails(number):
    raise ValueError(f"on purpose {number}")


timer(1, signum=20, target="mule")(handler("timer"))
rbtimer(1, target="mule2")(handler("rbtimer"))
cron(-1, -1, -1, -1, -1, signum=22)(handler("cron"))
if "watched" in uwsgi.opt:
    filemon(uwsgi.opt["watched"].decode(), target="worker1")(handler("filemon"))


def later(seconds):
    uwsgi.register_signal(40, "worker1", handler("later"))
    return uwsgi.add_rb_timer(40, int(seconds), 1)


def tried(function, *arguments):
    try:
        return repr(function(*arguments))
    except Exception as error:
        return f"{type(error).__name__}: {error}"


AGAIN = tried(uwsgi.register_signal, 1, "", say), tried(uwsgi.register_signal, 50, "x" * 70, say)


def facts():
    registered = [uwsgi.signal_registered(number) for number in (1, 257, 99)]
    return [*AGAIN, registered, tried(uwsgi.signal, 1), tried(uwsgi.add_timer, 20, 1000)]


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    path, query = environ["PATH_INFO"], environ["QUERY_STRING"]
    if path == "/raise":
        answer = [uwsgi.signal(int(number)) for number in parse_qs(query)["n"]]
    elif path == "/later":
        answer = later(query)
    else:
        answer = facts()
    return [repr(answer).encode()]
