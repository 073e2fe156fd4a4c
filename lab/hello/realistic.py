"""What an ordinary page asks of a server: a dozen environ reads, eight headers, ten kilobytes of body."""

KEYS = (
    "REQUEST_METHOD", "PATH_INFO", "QUERY_STRING", "SERVER_NAME", "SERVER_PORT", "SERVER_PROTOCOL",
    "REMOTE_ADDR", "HTTP_HOST", "HTTP_USER_AGENT", "HTTP_ACCEPT", "HTTP_COOKIE", "wsgi.url_scheme",
)
BODY = b"<p>0123456789abcdef</p>\n" * 430
HEADERS = [
    ("Content-Type", "text/html; charset=utf-8"),
    ("Content-Length", str(len(BODY))),
    ("Cache-Control", "private, max-age=0"),
    ("Vary", "Cookie, Accept-Language"),
    ("X-Frame-Options", "DENY"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "same-origin"),
    ("Set-Cookie", "session=0123456789abcdef0123456789abcdef; Path=/; HttpOnly"),
]


def application(env, start_response):
    for key in KEYS:
        env.get(key)
    start_response("200 OK", list(HEADERS))
    return [BODY]
