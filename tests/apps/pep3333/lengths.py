"""How long an answer is: Content-Length, right and wrong; HEAD and statuses without a body."""

import io
import tempfile

from behaviours import PLAIN, Closing, application, behaviour, note, ok  # noqa: F401


def announced(length):
    return PLAIN + [("Content-Length", str(length))]


def file_of(data):
    file = tempfile.TemporaryFile()
    file.write(data)
    file.seek(0)
    return file


# -- right ------------------------------------------------------------------------------------------------------------


@behaviour(answer="12345", headers={"content-length": "5"})
def exact_in_one_piece(environ, start_response):
    start_response("200 OK", announced(5))
    return [b"12345"]


@behaviour(answer="12345", headers={"content-length": "5"})
def exact_in_pieces(environ, start_response):
    start_response("200 OK", announced(5))
    return (piece for piece in [b"12", b"", b"345"])


@behaviour(answer="", headers={"content-length": "0"})
def none_announced_none_sent(environ, start_response):
    start_response("200 OK", announced(0))
    return []


@behaviour(answer="x" * 200_000, headers={"content-length": "200000"})
def exact_and_large(environ, start_response):
    start_response("200 OK", announced(200_000))
    return [b"x" * 100_000, b"x" * 100_000]


@behaviour(answer="12345", notes=["second"])
def pieces_after_the_last_byte_that_are_empty(environ, start_response):
    start_response("200 OK", announced(5))

    def pieces():
        yield b"12345"
        note(environ, "second")
        yield b""

    return pieces()


# Not under validate: its iterators hide the file wrapper.
@behaviour(bare=True, answer="head 0123456789")
def a_file_after_writing(environ, start_response):
    start_response("200 OK", PLAIN)(b"head ")
    return environ["wsgi.file_wrapper"](file_of(b"0123456789"))


@behaviour(bare=True, answer="head 0123456789", headers={"content-length": "15"})
def a_file_after_writing_with_a_length(environ, start_response):
    start_response("200 OK", announced(15))(b"head ")
    return environ["wsgi.file_wrapper"](file_of(b"0123456789"))


@behaviour(bare=True, answer="12345", headers={"content-length": None})
def a_file_of_chunks(environ, start_response):
    start_response("200 OK", PLAIN + [("Transfer-Encoding", "chunked")])
    return environ["wsgi.file_wrapper"](file_of(b"5\r\n12345\r\n0\r\n\r\n"))


@behaviour(bare=True, answer="12345", log="more bytes than its Content-Length")
def a_file_after_the_last_byte(environ, start_response):
    start_response("200 OK", announced(5))(b"12345")
    return environ["wsgi.file_wrapper"](file_of(b"67890"))


# -- too much ---------------------------------------------------------------------------------------------------------


@behaviour(bare=True, answer="12345", log="more bytes than its Content-Length")
def too_much_in_one_piece(environ, start_response):
    start_response("200 OK", announced(5))
    return [b"1234567890"]


@behaviour(bare=True, answer="12345")
def too_much_in_the_second_piece(environ, start_response):
    start_response("200 OK", announced(5))
    return [b"123", b"4567890"]


@behaviour(bare=True, answer="12345")
def too_much_in_further_pieces(environ, start_response):
    start_response("200 OK", announced(5))
    return iter([b"12345", b"67890", b"HTTP/1.1 200 OK\r\n\r\n"])


@behaviour(bare=True, answer="12345")
def too_much_written(environ, start_response):
    write = start_response("200 OK", announced(5))
    write(b"123")
    write(b"4567890")
    write(b"more")
    return []


@behaviour(bare=True, answer="12345")
def too_much_returned_after_writing(environ, start_response):
    start_response("200 OK", announced(5))(b"12345")
    return [b"67890"]


@behaviour(bare=True, answer="")
def something_where_nothing_was_announced(environ, start_response):
    start_response("200 OK", announced(0))
    return [b"something"]


@behaviour(bare=True, answer="x" * 100_000)
def too_much_and_large(environ, start_response):
    start_response("200 OK", announced(100_000))
    return [b"x" * 300_000]


@behaviour(bare=True, answer="12312")
def too_much_without_end(environ, start_response):
    start_response("200 OK", announced(5))
    return iter(lambda: b"123", b"")


@behaviour(bare=True, answer="12345")
def a_file_longer_than_announced(environ, start_response):
    start_response("200 OK", announced(5))
    return environ["wsgi.file_wrapper"](file_of(b"1234567890"))


@behaviour(bare=True, answer="12345")
def a_stream_longer_than_announced(environ, start_response):
    start_response("200 OK", announced(5))
    return environ["wsgi.file_wrapper"](io.BytesIO(b"1234567890"), 3)


@behaviour(bare=True, answer="12345", log="RuntimeError: after the last byte")
def an_error_after_the_last_byte(environ, start_response):
    start_response("200 OK", announced(5))
    yield b"12345"
    raise RuntimeError("after the last byte")


# -- too little -------------------------------------------------------------------------------------------------------


@behaviour(bare=True, broken="12345")
def too_little_in_one_piece(environ, start_response):
    start_response("200 OK", announced(20))
    return [b"12345"]


@behaviour(bare=True, broken="12345")
def too_little_in_pieces(environ, start_response):
    start_response("200 OK", announced(20))
    return iter([b"12", b"345"])


@behaviour(bare=True, broken="12345")
def too_little_written(environ, start_response):
    start_response("200 OK", announced(20))(b"12345")
    return []


@behaviour(bare=True, broken="")
def nothing_where_something_was_announced(environ, start_response):
    start_response("200 OK", announced(20))
    return []


@behaviour(bare=True, broken="")
def an_empty_generator_where_something_was_announced(environ, start_response):
    start_response("200 OK", announced(20))
    return iter(())


@behaviour(bare=True, broken="12345")
def a_file_shorter_than_announced(environ, start_response):
    start_response("200 OK", announced(20))
    return environ["wsgi.file_wrapper"](file_of(b"12345"))


@behaviour(bare=True, broken="12345")
def a_stream_shorter_than_announced(environ, start_response):
    start_response("200 OK", announced(20))
    return environ["wsgi.file_wrapper"](io.BytesIO(b"12345"))


@behaviour(bare=True, broken="12345")
def one_byte_less(environ, start_response):
    start_response("200 OK", announced(6))
    return [b"12345"]


@behaviour(bare=True, broken="x" * 200_000)
def large_and_one_byte_less(environ, start_response):
    start_response("200 OK", announced(200_001))
    return [b"x" * 100_000, b"x" * 100_000]


# -- HEAD -------------------------------------------------------------------------------------------------------------


@behaviour(method="HEAD", answer="", headers={"content-length": "5"})
def head_keeps_the_length(environ, start_response):
    start_response("200 OK", announced(5))
    return [b"12345"]


@behaviour(method="HEAD", answer="", headers={"content-length": "5"})
def head_with_no_body_at_all(environ, start_response):
    start_response("200 OK", announced(5))
    return []


@behaviour(method="HEAD", answer="")
def head_without_a_length(environ, start_response):
    return ok(start_response, b"12345")


@behaviour(method="HEAD", answer="", notes=["close"])
def head_of_a_generator(environ, start_response):
    start_response("200 OK", PLAIN)
    return Closing(environ, [b"one", b"two"])


@behaviour(method="HEAD", answer="")
def head_that_is_written(environ, start_response):
    write = start_response("200 OK", PLAIN)
    write(b"written")
    return [b"and returned"]


@behaviour(method="HEAD", answer="", headers={"content-length": "300000"})
def head_of_a_large_answer(environ, start_response):
    start_response("200 OK", announced(300_000))
    return [b"x" * 300_000]


@behaviour(method="HEAD", bare=True, answer="", headers={"content-length": "10"})
def head_of_a_file(environ, start_response):
    start_response("200 OK", announced(10))
    return environ["wsgi.file_wrapper"](file_of(b"1234567890"))


@behaviour(method="HEAD", bare=True, status=500, answer="")
def head_of_an_error(environ, start_response):
    raise RuntimeError("before the head")


@behaviour(method="HEAD", status=404, answer="")
def head_of_what_is_not_there(environ, start_response):
    start_response("404 Not Found", PLAIN)
    return [b"not here"]


# -- statuses without a body ------------------------------------------------------------------------------------------


@behaviour(status=204, answer="", headers={"content-length": None, "transfer-encoding": None})
def no_content(environ, start_response):
    start_response("204 No Content", [])
    return []


@behaviour(bare=True, status=204, answer="")
def no_content_with_a_body(environ, start_response):
    start_response("204 No Content", [])
    return [b"something"]


@behaviour(bare=True, status=204, answer="")
def no_content_with_a_written_body(environ, start_response):
    start_response("204 No Content", [])(b"something")
    return [b"more"]


@behaviour(bare=True, status=204, answer="", doors=["http-socket", "http"], headers={"content-length": None})
def no_content_with_a_length(environ, start_response):
    start_response("204 No Content", [("Content-Length", "9")])
    return [b"something"]


@behaviour(status=304, answer="", headers={"etag": '"x"'})
def not_modified(environ, start_response):
    start_response("304 Not Modified", [("ETag", '"x"')])
    return []


@behaviour(bare=True, status=304, answer="")
def not_modified_with_a_body(environ, start_response):
    start_response("304 Not Modified", [("ETag", '"x"')])
    return iter([b"some", b"thing"])


@behaviour(bare=True, status=304, answer="", doors=["http-socket", "socket", "fastcgi"], headers={"content-length": "9"})
def not_modified_with_the_length_that_it_would_have(environ, start_response):
    start_response("304 Not Modified", [("Content-Length", "9")])
    return []


@behaviour(bare=True, status=205, answer="", doors=["http-socket", "http"])
def reset_content_with_a_body(environ, start_response):
    start_response("205 Reset Content", PLAIN)
    return [b"something"]


@behaviour(bare=True, status=302, answer="", headers={"location": "/elsewhere"})
def a_redirect_without_a_body(environ, start_response):
    start_response("302 Found", [("Location", "/elsewhere")])
    return []


@behaviour(method="OPTIONS", answer="", headers={"allow": "GET"})
def options(environ, start_response):
    start_response("200 OK", PLAIN + [("Allow", "GET"), ("Content-Length", "0")])
    return []
