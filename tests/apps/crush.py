"""Computes for half a millisecond. `/wait` stays until somebody has asked for `/go`."""

import threading
import time

gone = threading.Event()


def compute(seconds):
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


def application(environ, start_response):
    compute(0.0005)
    if environ["PATH_INFO"] == "/wait":
        gone.wait()
    elif environ["PATH_INFO"] == "/go":
        gone.set()
    start_response("200 OK", [("Content-Length", "1")])
    return [b"x"]
