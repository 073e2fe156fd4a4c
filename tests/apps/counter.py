"""Counts its calls in a module that every application of the same interpreter shares."""

import sys
import types

shared = sys.modules.setdefault("shared_by_interpreter", types.ModuleType("shared_by_interpreter"))
shared.__dict__.setdefault("calls", 0)


def application(environ, start_response):
    shared.calls += 1
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"%d" % shared.calls]
