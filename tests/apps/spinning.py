"""Computes in a thread for as long as it lives: whoever wants the interpreter lock has to wait for it."""

import sys
import threading

sys.setswitchinterval(0.02)


def spin():
    while True:
        sum(range(1000))


def application(environ, start_response):
    if environ["PATH_INFO"] == "/spin":
        threading.Thread(target=spin, daemon=True).start()
    start_response("200 OK", [("Content-Length", "1")])
    return [b"x"]
