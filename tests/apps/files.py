"""Answers with files: by wsgi.file_wrapper, or by naming one in a header."""

from urllib.parse import parse_qsl


def application(environ, start_response):
    query = parse_qsl(environ["QUERY_STRING"])
    path = environ["PATH_INFO"]
    if path == "/wrapped":
        file = open(dict(query)["file"], "rb")
        start_response("200 OK", [("Content-Type", "application/x-wrapped")])
        return environ["wsgi.file_wrapper"](file)
    # Each pair of the query becomes a header.
    status = "404 Not Found" if path == "/missing" else "200 OK"
    start_response(status, query)
    if path == "/streamed":
        return iter([b"not ", b"this"])
    return [b"hello"]
