"""Bodies far beyond every buffer: nobody may hold more of one than a few pieces (tests/pep3333/big.rs)."""

import tempfile

from behaviours import PLAIN, application, behaviour, ok  # noqa: F401

PIECE = bytes(1 << 20)


def size(environ):
    """How many MiB the client wants."""
    return int(environ["QUERY_STRING"])


@behaviour()
def streamed(environ, start_response):
    start_response("200 OK", PLAIN + [("Content-Length", str(size(environ) << 20))])
    return (PIECE for _ in range(size(environ)))


@behaviour()
def streamed_without_a_length(environ, start_response):
    start_response("200 OK", PLAIN)
    return (PIECE for _ in range(size(environ)))


@behaviour()
def written(environ, start_response):
    write = start_response("200 OK", PLAIN + [("Content-Length", str(size(environ) << 20))])
    for _ in range(size(environ)):
        write(PIECE)
    return []


@behaviour(bare=True)
def a_sparse_file(environ, start_response):
    file = tempfile.TemporaryFile()
    file.truncate(size(environ) << 20)
    start_response("200 OK", PLAIN + [("Content-Length", str(size(environ) << 20))])
    return environ["wsgi.file_wrapper"](file)


@behaviour()
def counted(environ, start_response):
    count = 0
    while piece := environ["wsgi.input"].read(65536):
        count += len(piece)
    return ok(start_response, str(count).encode())
