"""Reads the body twice, going back to its beginning in between."""


def application(environ, start_response):
    first = environ["wsgi.input"].read()
    environ["wsgi.input"].seek(0)
    second = environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"%d %d %s" % (len(first), len(second), b"same" if first == second else b"different")]
