"""Waits for its client: to send, or to take what it sends."""


def application(environ, start_response):
    if environ["PATH_INFO"] == "/read":
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [environ["wsgi.input"].read()[:0]]
    start_response("200 OK", [("Content-Type", "text/plain")])
    return (b"x" * 1_000_000 for _ in range(1000))
