"""Writes down every request that reaches it, one line of JSON each, before it answers: what a server took for a request.

`/answer/STATUS` answers so, with a body whatever the status; `/unread` leaves the body where it is, `/header?NAME:VALUE` adds a
header to its answer (or makes VALUE its status); all but `/unread` read all of their body.
"""

import itertools
import json
import os
import threading
from urllib.parse import unquote

NUMBERS = itertools.count(1)
LOCK = threading.Lock()
RECORDS = open(os.environ["WITNESS"], "a", buffering=1, encoding="ascii")


def write_down(environ, body):
    record = {key: value for key, value in environ.items() if isinstance(value, str)}
    record["body"] = body
    with LOCK:
        record["number"] = next(NUMBERS)
        RECORDS.write(json.dumps(record) + "\n")
    return str(record["number"])


def application(environ, start_response):
    path = environ["PATH_INFO"]
    body = None
    if path != "/unread":
        try:
            body = environ["wsgi.input"].read().decode("latin-1")
        except OSError:
            write_down(environ, "(broken)")
            raise
    number = write_down(environ, body)
    status = path.removeprefix("/answer/") if path.startswith("/answer/") else "200"
    status += " As Asked"
    headers = [("X-Number", number), ("X-Method", environ["REQUEST_METHOD"])]
    if path == "/header":
        name, value = unquote(environ["QUERY_STRING"], "latin-1").split(":", 1)
        if name == "status":
            status = value
        else:
            headers.append((name, value))
    start_response(status, headers)
    return [b"seen\n"]
