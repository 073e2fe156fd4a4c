"""A table of behaviours of applications: each is a function, and beside it what is asked and what must come of it.

`/table` gives the table to the test, which asks for each one through each door (tests/pep3333/behaviours.rs).

    @behaviour(body=b"hello", answer="hello")
    def reads_everything(environ, start_response): ...

What is asked: `method`, `body` (with a length, and over HTTP in chunks too), `sends` (further headers), `announces` (a length
for a body that is not sent whole), `leaves_after` (the client goes after so many bytes of the answer), `leaves_at` (it goes
when the application has noted this), `doors` (all by default).
What must come: `status`, `answer` (text in Latin-1), `headers` (None: absent, `name*`: all of that name), `broken` (the answer begins like this and is cut
off), `notes` (what the application has noted in the end, exactly), `log` (a line that matches). Whatever comes, the
connection stays in step and the worker lives on. Behaviours run under `wsgiref.validate`; `bare` ones break its rules on purpose.
"""

import json
import os
from wsgiref.validate import validator

TABLE = {}
NOTES = {}
PLAIN = [("Content-Type", "text/plain")]


def behaviour(bare=False, **expected):
    def enter(function):
        if "body" in expected:
            expected["body"] = expected["body"].decode("latin-1")
        assert function.__name__ not in TABLE, function.__name__
        TABLE[function.__name__] = (function if bare else validator(function), expected)
        return function

    return enter


def application(environ, start_response):
    name = environ["PATH_INFO"].strip("/")
    if name in TABLE:
        return TABLE[name][0](environ, start_response)
    answers = {
        "table": lambda: json.dumps({key: expected for key, (_, expected) in TABLE.items()}),
        "notes": lambda: json.dumps(NOTES),
        "pid": lambda: str(os.getpid()),
        "after": lambda: "in step",
    }
    return ok(start_response, answers[name]().encode())


def ok(start_response, *pieces, headers=()):
    start_response("200 OK", PLAIN + list(headers))
    return list(pieces)


def shown(start_response, value):
    """Answers with the `repr` of a value."""
    return ok(start_response, repr(value).encode("latin-1", "replace"))


def note(environ, text):
    """Notes something under the name of this run."""
    NOTES.setdefault(environ["QUERY_STRING"], []).append(text)


def raised(function, *arguments):
    """The name of the exception that a call raises."""
    try:
        function(*arguments)
    except BaseException as error:
        return type(error).__name__
    return "nothing"


class Closing:
    """An iterator that notes its `close()`."""

    def __init__(self, environ, pieces):
        self.environ = environ
        self.pieces = iter(pieces)

    def __iter__(self):
        return self

    def __next__(self):
        return next(self.pieces)

    def close(self):
        note(self.environ, "close")
