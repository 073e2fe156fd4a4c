"""`wsgi.input` in every way of reading it."""

import codecs
import io
import json
import shutil
import threading

from behaviours import application, behaviour, note, ok, raised, shown  # noqa: F401

TEXT = b"one\ntwo\n\nthree"
LINES = r"[b'one\n', b'two\n', b'\n', b'three']"
LONG = b"".join(b"%d%s\n" % (n, b"x" * (n % 37)) for n in range(12_000))


# -- read -------------------------------------------------------------------------------------------------------------


@behaviour(body=b"hello", answer="hel")
def read_some(environ, start_response):
    return ok(start_response, environ["wsgi.input"].read(3))


@behaviour(body=b"hello", answer="hello")
def read_more_than_there_is(environ, start_response):
    return ok(start_response, environ["wsgi.input"].read(1000))


@behaviour(body=b"hello", answer="hello")
def read_a_size_beyond_memory(environ, start_response):
    return ok(start_response, environ["wsgi.input"].read(2**62))


@behaviour(bare=True, body=b"hello", answer="OverflowError hello")
def read_a_size_beyond_c(environ, start_response):
    stream = environ["wsgi.input"]
    return ok(start_response, raised(stream.read, 2**70).encode(), b" ", stream.read())


@behaviour(body=b"hello", answer="[b'', b'', b'hello', b'']")
def read_zero(environ, start_response):
    read = environ["wsgi.input"].read
    return shown(start_response, [read(0), read(0), read(10), read(0)])


@behaviour(bare=True, body=b"hello", answer="[b'hello', b'']")
def read_without_argument(environ, start_response):
    read = environ["wsgi.input"].read
    return shown(start_response, [read(), read()])


@behaviour(bare=True, body=b"hello", answer="[b'he', b'llo', b'']")
def read_minus_one(environ, start_response):
    read = environ["wsgi.input"].read
    return shown(start_response, [read(2), read(-1), read(-1)])


@behaviour(bare=True, body=b"hello", answer="[b'hello', b'']")
def read_minus_many(environ, start_response):
    read = environ["wsgi.input"].read
    return shown(start_response, [read(-12345), read(-2)])


@behaviour(bare=True, body=b"hello", answer="[b'h', b'ello']")
def read_none(environ, start_response):
    read = environ["wsgi.input"].read
    return shown(start_response, [read(1), read(None)])


@behaviour(body=b"hello", answer="[b'hello', b'', b'', b'']")
def read_past_the_end(environ, start_response):
    read = environ["wsgi.input"].read
    return shown(start_response, [read(5), read(1), read(1), read(1000)])


@behaviour(body=b"hello", answer="h|e|l|l|o")
def read_byte_by_byte(environ, start_response):
    return ok(start_response, b"|".join(iter(lambda: environ["wsgi.input"].read(1), b"")))


@behaviour(body=b"0123456789", answer="012|345|678|9")
def read_in_steps(environ, start_response):
    return ok(start_response, b"|".join(iter(lambda: environ["wsgi.input"].read(3), b"")))


@behaviour(bare=True, body=b"hello", answer="['TypeError', 'TypeError', 'TypeError'] hello")
def read_what_is_no_size(environ, start_response):
    stream = environ["wsgi.input"]
    wrong = [raised(stream.read, size) for size in ("3", 2.5, b"1")]
    return ok(start_response, repr(wrong).encode(), b" ", stream.read())


@behaviour(body=b"hello", answer="he")
def read_by_index(environ, start_response):
    class Two:
        def __index__(self):
            return 2

    return ok(start_response, environ["wsgi.input"].read(Two()))


@behaviour(bare=True, body=b"hello", answer="TypeError")
def read_two_arguments(environ, start_response):
    return ok(start_response, raised(environ["wsgi.input"].read, 1, 2).encode())


@behaviour(body=bytes(range(256)), answer=bytes(range(256)).decode("latin-1"))
def read_every_byte(environ, start_response):
    return ok(start_response, environ["wsgi.input"].read(256))


@behaviour(body=LONG, answer=str(len(LONG)))
def read_large(environ, start_response):
    body = environ["wsgi.input"].read(len(LONG) + 1)
    return ok(start_response, str(len(body) if body == LONG else -1).encode())


@behaviour(body=LONG, answer="True")
def read_large_in_odd_steps(environ, start_response):
    pieces = list(iter(lambda: environ["wsgi.input"].read(7919), b""))
    assert all(len(piece) == 7919 for piece in pieces[:-1]), "a short read before the end"
    return shown(start_response, b"".join(pieces) == LONG)


# -- lines ------------------------------------------------------------------------------------------------------------


@behaviour(body=TEXT, answer=LINES)
def readline(environ, start_response):
    return shown(start_response, list(iter(environ["wsgi.input"].readline, b"")))


@behaviour(body=TEXT, answer="[b'', b'', b'one\\n']")
def readline_zero(environ, start_response):
    line = environ["wsgi.input"].readline
    return shown(start_response, [line(0), line(0), line()])


@behaviour(body=b"longer line\nrest", answer=r"[b'long', b'er line\n', b'rest', b'']")
def readline_shorter_than_the_line(environ, start_response):
    line = environ["wsgi.input"].readline
    return shown(start_response, [line(4), line(100), line(100), line(100)])


@behaviour(body=b"abc\ndef", answer=r"[b'abc', b'\n', b'def']")
def readline_up_to_the_newline(environ, start_response):
    line = environ["wsgi.input"].readline
    return shown(start_response, [line(3), line(3), line(3)])


@behaviour(body=b"abc\ndef", answer=r"[b'abc\n', b'def']")
def readline_with_the_newline(environ, start_response):
    line = environ["wsgi.input"].readline
    return shown(start_response, [line(4), line(4)])


@behaviour(bare=True, body=TEXT, answer=LINES)
def readline_of_negative_sizes(environ, start_response):
    line = environ["wsgi.input"].readline
    return shown(start_response, [line(-1), line(-5), line(None), line(-1)])


@behaviour(body=b"a", answer="[b'a', b'', b'']")
def readline_past_the_end(environ, start_response):
    line = environ["wsgi.input"].readline
    return shown(start_response, [line(), line(), line()])


@behaviour(body=b"a\r\nb\rc\x0bd\n", answer=r"[b'a\r\n', b'b\rc\x0bd\n', b'']")
def readline_knows_one_newline(environ, start_response):
    line = environ["wsgi.input"].readline
    return shown(start_response, [line(), line(), line()])


@behaviour(body=b"\n\n\n", answer=r"[b'\n', b'\n', b'\n']")
def readline_of_newlines(environ, start_response):
    return shown(start_response, list(iter(environ["wsgi.input"].readline, b"")))


@behaviour(body=b"x" * 200_000, answer="[200000, 0]")
def readline_without_a_newline(environ, start_response):
    line = environ["wsgi.input"].readline
    return shown(start_response, [len(line()), len(line())])


@behaviour(body=LONG, answer="(12000, True)")
def readline_across_buffers(environ, start_response):
    lines = list(iter(environ["wsgi.input"].readline, b""))
    return shown(start_response, (len(lines), b"".join(lines) == LONG))


@behaviour(body=TEXT, answer=LINES)
def readlines(environ, start_response):
    return shown(start_response, environ["wsgi.input"].readlines())


@behaviour(bare=True, body=TEXT, answer=LINES)
def readlines_of_no_hint(environ, start_response):
    return shown(start_response, environ["wsgi.input"].readlines(None))


@behaviour(bare=True, body=TEXT, answer=LINES)
def readlines_zero(environ, start_response):
    return shown(start_response, environ["wsgi.input"].readlines(0))


@behaviour(bare=True, body=TEXT, answer=LINES)
def readlines_minus_one(environ, start_response):
    return shown(start_response, environ["wsgi.input"].readlines(-1))


@behaviour(body=TEXT, answer=r"[[b'one\n', b'two\n'], [b'\n', b'three']]")
def readlines_with_a_hint(environ, start_response):
    lines = environ["wsgi.input"].readlines
    return shown(start_response, [lines(5), lines(1000)])


@behaviour(body=TEXT, answer=r"[b'e\n', b'two\n', b'\n', b'three']")
def readlines_after_read(environ, start_response):
    environ["wsgi.input"].read(2)
    return shown(start_response, environ["wsgi.input"].readlines())


@behaviour(body=TEXT, answer=LINES)
def iterate(environ, start_response):
    return shown(start_response, list(environ["wsgi.input"]))


@behaviour(body=TEXT, answer=f"[{LINES}, []]")
def iterate_twice(environ, start_response):
    return shown(start_response, [list(environ["wsgi.input"]), list(environ["wsgi.input"])])


@behaviour(bare=True, body=b"a\nb", answer=r"[b'a\n', b'b', 'end', 'end']")
def iterate_by_next(environ, start_response):
    stream = environ["wsgi.input"]
    return shown(start_response, [next(stream, "end") for _ in range(4)])


@behaviour(bare=True, body=TEXT, answer="True")
def is_its_own_iterator(environ, start_response):
    return shown(start_response, iter(environ["wsgi.input"]) is environ["wsgi.input"])


@behaviour(body=TEXT, answer=r"[b'on', b'e\n', b't', [b'wo\n', b'\n', b'three'], b'']")
def read_in_every_way(environ, start_response):
    stream = environ["wsgi.input"]
    return shown(start_response, [stream.read(2), stream.readline(), stream.read(1), list(stream), stream.read(1)])


# -- without a body ---------------------------------------------------------------------------------------------------


@behaviour(answer="[b'', b'', b'', [], []]")
def a_get_has_no_body(environ, start_response):
    stream = environ["wsgi.input"]
    return shown(start_response, [stream.read(10), stream.read(0), stream.readline(), stream.readlines(), list(stream)])


@behaviour(method="POST", answer="[b'', b'', b'', [], []]")
def a_post_without_a_body(environ, start_response):
    stream = environ["wsgi.input"]
    return shown(start_response, [stream.read(10), stream.read(0), stream.readline(), stream.readlines(), list(stream)])


@behaviour(body=b"", answer="[b'', b'', [], []]")
def an_empty_body(environ, start_response):
    stream = environ["wsgi.input"]
    return shown(start_response, [stream.read(10), stream.readline(), stream.readlines(), list(stream)])


@behaviour(method="DELETE", body=b"which", answer="DELETE which")
def a_delete_with_a_body(environ, start_response):
    return ok(start_response, environ["REQUEST_METHOD"].encode(), b" ", environ["wsgi.input"].read(10))


@behaviour(method="GET", body=b"asked", answer="GET asked")
def a_get_with_a_body(environ, start_response):
    return ok(start_response, environ["REQUEST_METHOD"].encode(), b" ", environ["wsgi.input"].read(10))


@behaviour(body=b"hello", answer="True")
def the_length_is_told(environ, start_response):
    return shown(start_response, environ.get("CONTENT_LENGTH", "") in ("5", "") and environ["wsgi.input_terminated"])


# -- what frameworks do with it -----------------------------------------------------------------------------------------


@behaviour(bare=True, body="gr\u00fcn \u20ac".encode(), answer="6")
def read_by_a_codec(environ, start_response):
    return ok(start_response, str(len(codecs.getreader("utf-8")(environ["wsgi.input"]).read())).encode())


@behaviour(body=b"a\nb\n", answer=r"['a\n', 'b\n']")
def read_by_iterdecode(environ, start_response):
    return shown(start_response, list(codecs.iterdecode(environ["wsgi.input"], "utf-8")))


@behaviour(bare=True, body=b'{"a": [1, 2]}', answer="{'a': [1, 2]}")
def read_by_json(environ, start_response):
    return shown(start_response, json.load(environ["wsgi.input"]))


@behaviour(body=LONG, answer="True")
def read_by_copyfileobj(environ, start_response):
    copy = io.BytesIO()
    shutil.copyfileobj(environ["wsgi.input"], copy)
    return shown(start_response, copy.getvalue() == LONG)


@behaviour(bare=True, body=b"hello", answer="hello")
def closing_it_is_nothing(environ, start_response):
    environ["wsgi.input"].close()
    return ok(start_response, environ["wsgi.input"].read())


@behaviour(bare=True, body=b"hello", answer="UnsupportedOperation")
def it_has_no_descriptor(environ, start_response):
    return ok(start_response, raised(environ["wsgi.input"].fileno).encode())


@behaviour(bare=True, body=b"hello", answer="[0, 2, 5]")
def it_tells_its_position(environ, start_response):
    stream = environ["wsgi.input"]
    return shown(start_response, [stream.tell(), stream.read(2) and stream.tell(), stream.read() and stream.tell()])


@behaviour(body=b"hello", answer="hello")
def read_by_another_thread(environ, start_response):
    found = []
    thread = threading.Thread(target=lambda: found.append(environ["wsgi.input"].read(10)))
    thread.start()
    thread.join()
    return ok(start_response, *found)


@behaviour(body=LONG, answer="True")
def read_by_four_threads(environ, start_response):
    found = []

    def read():
        while piece := environ["wsgi.input"].read(1000):
            found.append(len(piece))

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return shown(start_response, sum(found) == len(LONG))


# -- when it is read --------------------------------------------------------------------------------------------------


@behaviour(body=b"hello", answer="unread")
def not_read(environ, start_response):
    return ok(start_response, b"unread")


@behaviour(body=LONG, answer="unread")
def not_read_and_large(environ, start_response):
    return ok(start_response, b"unread")


@behaviour(body=b"hello", sends={"Expect": "100-continue"}, answer="hello")
def read_as_expected(environ, start_response):
    return ok(start_response, environ["wsgi.input"].read(10))


@behaviour(body=b"hello", sends={"Expect": "100-continue"}, answer="unread")
def not_read_as_expected(environ, start_response):
    return ok(start_response, b"unread")


@behaviour(body=LONG, answer="0\n1x")
def read_in_part(environ, start_response):
    return ok(start_response, environ["wsgi.input"].read(4))


@behaviour(body=b"hello", answer="read: hello")
def read_after_start_response(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"read: ", environ["wsgi.input"].read(10)]


@behaviour(body=b"hello", answer="read: hello")
def read_after_the_first_bytes(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])

    def pieces():
        yield b"read: "
        yield environ["wsgi.input"].read(10)

    return pieces()


@behaviour(body=b"a\nb\nc\n", answer="A\nB\nC\n")
def answered_line_by_line(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return (line.upper() for line in environ["wsgi.input"])


@behaviour(body=LONG, answer=LONG.decode())
def echoed(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return iter(lambda: environ["wsgi.input"].read(8192), b"")


@behaviour(body=b"x" * 100_000, announces=400_000, leaves_at="reading", notes=["reading", "OSError", "OSError"])
def a_client_that_leaves_while_it_is_read(environ, start_response):
    note(environ, "reading")
    note(environ, raised(environ["wsgi.input"].read, 300_000))
    note(environ, raised(environ["wsgi.input"].readline))
    return ok(start_response, b"nobody sees this")
