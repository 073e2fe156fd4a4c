"""The smallest answer that every server can keep a connection open after: it has a length."""

BODY = b"Hello World"
HEADERS = [("Content-Type", "text/plain"), ("Content-Length", str(len(BODY)))]


def application(env, start_response):
    start_response("200 OK", HEADERS)
    return [BODY]
