"""`close()` of what was returned: exactly once, however the answer ends."""

import contextlib

from behaviours import PLAIN, Closing, application, behaviour, note, raised  # noqa: F401


class Raising(Closing):
    def close(self):
        super().close()
        raise RuntimeError("close() failed")


def fails(text, *pieces):
    yield from pieces
    raise RuntimeError(text)


def endless():
    while True:
        yield b"x" * 65536


# -- the end ----------------------------------------------------------------------------------------------------------


@behaviour(answer="onetwo", notes=["close"])
def closed_after_the_last_piece(environ, start_response):
    start_response("200 OK", PLAIN)
    return Closing(environ, [b"one", b"two"])


@behaviour(answer="", notes=["close"])
def closed_without_a_piece(environ, start_response):
    start_response("200 OK", PLAIN)
    return Closing(environ, [])


@behaviour(answer="one", notes=["close"])
def closed_after_one_piece(environ, start_response):
    start_response("200 OK", PLAIN + [("Content-Length", "3")])
    return Closing(environ, [b"one"])


@behaviour(answer="", notes=["asked", "close"])
def closed_after_empty_pieces(environ, start_response):
    start_response("200 OK", PLAIN)

    def pieces():
        yield b""
        note(environ, "asked")
        yield b""

    return Closing(environ, pieces())


@behaviour(answer="ab", notes=["a", "b", "end", "close"])
def closed_after_the_iterator_has_ended(environ, start_response):
    start_response("200 OK", PLAIN)

    def pieces():
        note(environ, "a")
        yield b"a"
        note(environ, "b")
        yield b"b"
        note(environ, "end")

    return Closing(environ, pieces())


@behaviour(answer="onetwo", notes=["close"])
def a_list_with_a_close(environ, start_response):
    start_response("200 OK", PLAIN)

    class Pieces(list):
        def close(self):
            note(environ, "close")

    return Pieces([b"one", b"two"])


@behaviour(answer="one", notes=["close"])
def a_tuple_of_one_with_a_close(environ, start_response):
    start_response("200 OK", PLAIN)

    class Pieces(tuple):
        def close(self):
            note(environ, "close")

    return Pieces([b"one"])


@behaviour(bare=True, answer="bytes", notes=["close"])
def bytes_with_a_close(environ, start_response):
    start_response("200 OK", PLAIN)

    class Bytes(bytes):
        def close(self):
            note(environ, "close")

    return Bytes(b"bytes")


@behaviour(answer="one", notes=["finally"])
def the_finally_of_a_generator(environ, start_response):
    start_response("200 OK", PLAIN)

    def pieces():
        try:
            yield b"one"
        finally:
            note(environ, "finally")

    return pieces()


@behaviour(answer="one", notes=["iter close"])
def closed_is_the_iterable_and_not_its_iterator(environ, start_response):
    start_response("200 OK", PLAIN)

    class Iterable:
        def __iter__(self):
            return Closing(environ, [b"one"])

        def close(self):
            note(environ, "iter close")

    return Iterable()


@behaviour(bare=True, answer="one", notes=["close by a getter"])
def a_close_that_is_found_late(environ, start_response):
    start_response("200 OK", PLAIN)

    class Pieces:
        def __iter__(self):
            return iter([b"one"])

        def __getattr__(self, name):
            if name == "close":
                return lambda: note(environ, "close by a getter")
            raise AttributeError(name)

    return Pieces()


@behaviour(bare=True, answer="one", log="TypeError: 'NoneType' object is not callable")
def a_close_that_is_nothing(environ, start_response):
    start_response("200 OK", PLAIN)

    class Pieces:
        close = None

        def __iter__(self):
            return iter([b"one"])

    return Pieces()


@behaviour(bare=True, answer="one", log="RuntimeError: no close")
def a_close_that_cannot_be_found(environ, start_response):
    start_response("200 OK", PLAIN)

    class Pieces:
        def __iter__(self):
            return iter([b"one"])

        @property
        def close(self):
            raise RuntimeError("no close")

    return Pieces()


@behaviour(bare=True, answer="one", log="TypeError.*close")
def a_close_with_an_argument(environ, start_response):
    start_response("200 OK", PLAIN)

    class Pieces(Closing):
        def close(self, how):
            note(environ, how)

    return Pieces(environ, [b"one"])


@behaviour(answer="one", notes=["close /closed_with_the_environ_at_hand"])
def closed_with_the_environ_at_hand(environ, start_response):
    start_response("200 OK", PLAIN)

    class Pieces(Closing):
        def close(self):
            note(environ, "close " + environ["PATH_INFO"])

    return Pieces(environ, [b"one"])


@behaviour(bare=True, body=b"unread", answer="one", notes=["close b'unread'"])
def the_body_can_be_read_in_close(environ, start_response):
    start_response("200 OK", PLAIN + [("Content-Length", "3")])

    class Pieces(Closing):
        def close(self):
            note(environ, f"close {environ['wsgi.input'].read()}")

    return Pieces(environ, [b"one"])


@behaviour(bare=True, answer="file", notes=["close"])
def what_the_file_wrapper_holds(environ, start_response):
    start_response("200 OK", PLAIN)

    class File:
        left = [b"", b"file"]

        def read(self, size):
            return self.left.pop()

        def close(self):
            note(environ, "close")

    file = File()
    file.left = list(File.left)
    return environ["wsgi.file_wrapper"](file)


@behaviour(answer="inner", notes=["inner", "outer"])
def middleware_closes_what_it_wraps(environ, start_response):
    start_response("200 OK", PLAIN)

    class Inner(Closing):
        def close(self):
            note(environ, "inner")

    class Outer(Closing):
        def close(self):
            inner.close()
            note(environ, "outer")

    inner = Inner(environ, [b"inner"])
    return Outer(environ, inner)


@behaviour(answer="in a context", notes=["left"])
def a_context_around_the_pieces(environ, start_response):
    start_response("200 OK", PLAIN)

    @contextlib.contextmanager
    def context():
        yield
        note(environ, "left")

    def pieces():
        with context():
            yield b"in a "
            yield b"context"

    return pieces()


# -- errors -----------------------------------------------------------------------------------------------------------


@behaviour(bare=True, status=500, notes=["close"], log="RuntimeError: first step")
def closed_after_an_error_in_the_first_step(environ, start_response):
    start_response("200 OK", PLAIN)
    return Closing(environ, fails("first step"))


@behaviour(bare=True, status=500, notes=["close"])
def closed_after_an_error_behind_an_empty_piece(environ, start_response):
    start_response("200 OK", PLAIN)
    return Closing(environ, fails("behind nothing", b""))


@behaviour(bare=True, broken="one", notes=["close"], log="RuntimeError: second step")
def closed_after_an_error_in_the_second_step(environ, start_response):
    start_response("200 OK", PLAIN)
    return Closing(environ, fails("second step", b"one"))


@behaviour(bare=True, broken="onetwothree", notes=["close"])
def closed_after_an_error_in_the_last_step(environ, start_response):
    start_response("200 OK", PLAIN)
    return Closing(environ, fails("last step", b"one", b"two", b"three"))


@behaviour(bare=True, answer="one", notes=["close"], log=r"RuntimeError: close\(\) failed")
def an_error_in_close(environ, start_response):
    start_response("200 OK", PLAIN)
    return Raising(environ, [b"one"])


@behaviour(bare=True, status=500, notes=["close"], log="RuntimeError: and in the first step")
def an_error_in_the_first_step_and_in_close(environ, start_response):
    start_response("200 OK", PLAIN)
    return Raising(environ, fails("and in the first step"))


@behaviour(bare=True, broken="one", notes=["close"], log="RuntimeError: and in the second step")
def an_error_in_the_second_step_and_in_close(environ, start_response):
    start_response("200 OK", PLAIN)
    return Raising(environ, fails("and in the second step", b"one"))


@behaviour(bare=True, answer="one", notes=["close"])
def a_stop_iteration_in_close(environ, start_response):
    start_response("200 OK", PLAIN)

    class Stopping(Closing):
        def close(self):
            super().close()
            raise StopIteration

    return Stopping(environ, [b"one"])


@behaviour(bare=True, status=500, notes=["close"])
def closed_after_text(environ, start_response):
    start_response("200 OK", PLAIN)
    return Closing(environ, ["text"])


@behaviour(bare=True, broken="one", notes=["close"])
def closed_after_text_behind_bytes(environ, start_response):
    start_response("200 OK", PLAIN)
    return Closing(environ, [b"one", "text"])


@behaviour(bare=True, status=500, notes=["close"])
def closed_without_a_head(environ, start_response):
    return Closing(environ, [b"one"])


@behaviour(bare=True, status=500, notes=["close"])
def closed_when_there_is_no_iterator(environ, start_response):
    start_response("200 OK", PLAIN)

    class NoIterator(Closing):
        def __iter__(self):
            raise RuntimeError("no iterator")

    return NoIterator(environ, [])


# -- answers that end early -------------------------------------------------------------------------------------------


@behaviour(method="HEAD", answer="", notes=["close"])
def closed_after_head(environ, start_response):
    start_response("200 OK", PLAIN)
    return Closing(environ, [b"one", b"two"])


@behaviour(bare=True, status=204, answer="", notes=["close"])
def closed_after_a_204(environ, start_response):
    start_response("204 No Content", [])
    return Closing(environ, [b"one", b"two"])


@behaviour(bare=True, status=304, answer="", notes=["close"])
def closed_after_a_304(environ, start_response):
    start_response("304 Not Modified", [])
    return Closing(environ, [b"one", b"two"])


@behaviour(bare=True, answer="onetw", notes=["close"])
def closed_after_more_than_was_announced(environ, start_response):
    start_response("200 OK", PLAIN + [("Content-Length", "5")])
    return Closing(environ, [b"one", b"two", b"three"])


@behaviour(bare=True, broken="onetwo", notes=["close"])
def closed_after_less_than_was_announced(environ, start_response):
    start_response("200 OK", PLAIN + [("Content-Length", "7")])
    return Closing(environ, [b"one", b"two"])


# -- a client that leaves ---------------------------------------------------------------------------------------------


@behaviour(bare=True, leaves_at="working", notes=["working", "close"])
def it_leaves_before_the_head(environ, start_response):
    note(environ, "working")
    start_response("200 OK", PLAIN)
    return Closing(environ, endless())


@behaviour(bare=True, leaves_at="waiting", notes=["waiting", "close"])
def it_leaves_before_the_first_piece(environ, start_response):
    start_response("200 OK", PLAIN)

    def pieces():
        note(environ, "waiting")
        yield from endless()

    return Closing(environ, pieces())


@behaviour(bare=True, leaves_after=1, notes=["close"])
def it_leaves_at_the_first_byte(environ, start_response):
    start_response("200 OK", PLAIN)
    return Closing(environ, endless())


@behaviour(bare=True, leaves_after=300_000, notes=["close"])
def it_leaves_in_the_middle(environ, start_response):
    start_response("200 OK", PLAIN)
    return Closing(environ, endless())


@behaviour(bare=True, leaves_after=300_000, notes=["close"])
def it_leaves_in_the_middle_of_what_was_announced(environ, start_response):
    start_response("200 OK", PLAIN + [("Content-Length", "1000000000000")])
    return Closing(environ, endless())


@behaviour(bare=True, leaves_at="second", notes=["second", "close"])
def it_leaves_between_two_pieces(environ, start_response):
    start_response("200 OK", PLAIN)

    def pieces():
        yield b"first"
        note(environ, "second")
        yield from endless()

    return Closing(environ, pieces())


@behaviour(bare=True, leaves_after=300_000, notes=["GeneratorExit"])
def it_leaves_a_generator(environ, start_response):
    start_response("200 OK", PLAIN)

    def pieces():
        try:
            yield from endless()
        except BaseException as error:
            note(environ, type(error).__name__)
            raise

    return pieces()


@behaviour(bare=True, leaves_after=300_000, notes=["close"], log=r"RuntimeError: close\(\) failed")
def it_leaves_and_close_raises(environ, start_response):
    start_response("200 OK", PLAIN)
    return Raising(environ, endless())


@behaviour(bare=True, leaves_after=300_000, notes=["OSError", "close"])
def it_leaves_while_it_is_written_to(environ, start_response):
    write = start_response("200 OK", PLAIN)

    def pieces():
        def on():
            while True:
                write(b"x" * 65536)

        note(environ, raised(on))
        yield b"surplus"

    return Closing(environ, pieces())


@behaviour(body=b"x" * 100_000, announces=400_000, leaves_at="reading", notes=["reading", "OSError", "close"], bare=True)
def it_leaves_while_it_is_read(environ, start_response):
    start_response("200 OK", PLAIN)

    def pieces():
        note(environ, "reading")
        note(environ, raised(environ["wsgi.input"].read))
        yield b"surplus"

    return Closing(environ, pieces())


@behaviour(bare=True, leaves_after=300_000, notes=["close"])
def it_leaves_a_file(environ, start_response):
    start_response("200 OK", PLAIN)

    class Zeros:
        def read(self, size):
            return b"\0" * size

        def close(self):
            note(environ, "close")

    return environ["wsgi.file_wrapper"](Zeros(), 65536)
