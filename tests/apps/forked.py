"""Tells whether the fork hooks of Python ran in the worker that answers."""

import os

RAN = []
os.register_at_fork(after_in_child=lambda: RAN.append(os.getpid()))


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"ran" if os.getpid() in RAN else b"did not run"]
