"""Exceptions of every kind: before the answer, in the middle, after it; the worker goes on."""

import asyncio
import sys
import threading

from behaviours import PLAIN, application, behaviour, note, ok, raised  # noqa: F401


# -- where ------------------------------------------------------------------------------------------------------------


@behaviour(bare=True, status=500, log="RuntimeError: at once", notes=["called"])
def raised_at_once(environ, start_response):
    note(environ, "called")
    raise RuntimeError("at once")


@behaviour(bare=True, status=500, log="RuntimeError: behind start_response")
def raised_after_start_response(environ, start_response):
    start_response("200 OK", PLAIN)
    raise RuntimeError("behind start_response")


@behaviour(bare=True, status=500, log="RuntimeError: in the first step")
def raised_in_the_first_step(environ, start_response):
    start_response("200 OK", PLAIN)
    raise RuntimeError("in the first step")
    yield b"never"


@behaviour(bare=True, broken="one", log="RuntimeError: in the second step")
def raised_in_the_second_step(environ, start_response):
    start_response("200 OK", PLAIN)
    yield b"one"
    raise RuntimeError("in the second step")


@behaviour(bare=True, broken="one", log="RuntimeError: before the announced end")
def raised_before_the_announced_end(environ, start_response):
    start_response("200 OK", PLAIN + [("Content-Length", "10")])
    yield b"one"
    raise RuntimeError("before the announced end")


@behaviour(bare=True, broken="x" * 300_000)
def raised_after_much(environ, start_response):
    start_response("200 OK", PLAIN)
    yield b"x" * 300_000
    raise RuntimeError("after much")


@behaviour(bare=True, body=b"x" * 200_000, status=500)
def raised_with_an_unread_body(environ, start_response):
    raise RuntimeError("with an unread body")


@behaviour(bare=True, body=b"x" * 200_000, status=500)
def raised_within_a_body(environ, start_response):
    environ["wsgi.input"].read(10)
    raise RuntimeError("within a body")


@behaviour(answer="went on", log="RuntimeError: in a thread")
def raised_in_a_thread(environ, start_response):
    def fail():
        raise RuntimeError("in a thread")

    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    return ok(start_response, b"went on")


@behaviour(answer="went on", log="RuntimeError: in __del__")
def raised_in_a_destructor(environ, start_response):
    class Falling:
        def __del__(self):
            raise RuntimeError("in __del__")

    falling = Falling()
    del falling
    return ok(start_response, b"went on")


# -- what -------------------------------------------------------------------------------------------------------------


@behaviour(bare=True, status=500, log="BaseException: base")
def a_base_exception(environ, start_response):
    raise BaseException("base")


@behaviour(bare=True, broken="one", log="BaseException: base in the middle")
def a_base_exception_in_the_middle(environ, start_response):
    start_response("200 OK", PLAIN)
    yield b"one"
    raise BaseException("base in the middle")


@behaviour(bare=True, status=500, log="GeneratorExit")
def a_generator_exit(environ, start_response):
    raise GeneratorExit


@behaviour(bare=True, broken="one")
def a_generator_exit_in_the_middle(environ, start_response):
    start_response("200 OK", PLAIN)

    class Pieces:
        first = True

        def __iter__(self):
            return self

        def __next__(self):
            if self.first:
                self.first = False
                return b"one"
            raise GeneratorExit

    return Pieces()


@behaviour(bare=True, status=500, log="StopIteration")
def a_stop_iteration(environ, start_response):
    start_response("200 OK", PLAIN)
    raise StopIteration


@behaviour(bare=True, status=500, log="generator raised StopIteration")
def a_stop_iteration_in_a_generator(environ, start_response):
    start_response("200 OK", PLAIN)
    next(iter(()))
    yield b"never"


@behaviour(bare=True, status=500, log="CancelledError")
def a_cancelled_error(environ, start_response):
    raise asyncio.CancelledError


@behaviour(bare=True, status=500, log="MemoryError")
def a_memory_error(environ, start_response):
    raise MemoryError


@behaviour(bare=True, status=500, log="MemoryError")
def more_memory_than_there_is(environ, start_response):
    start_response("200 OK", PLAIN)
    return [bytearray(1 << 62)]


@behaviour(bare=True, status=500, log="exceptions must derive from BaseException")
def raising_text(environ, start_response):
    raise "text"


@behaviour(bare=True, status=500, log="BrokenPipeError")
def a_broken_pipe_of_its_own(environ, start_response):
    """No client has gone away: some other connection of the application has."""
    raise BrokenPipeError("of its own")


@behaviour(bare=True, status=500, log="Unprintable")
def an_exception_without_a_text(environ, start_response):
    class Unprintable(Exception):
        def __str__(self):
            raise ValueError("not even its text")

        __repr__ = __str__

    raise Unprintable


@behaviour(bare=True, status=500, log="Chained")
def an_exception_that_causes_itself(environ, start_response):
    class Chained(Exception):
        pass

    first, second = Chained("first"), Chained("second")
    first.__cause__, second.__cause__ = second, first
    raise first


@behaviour(bare=True, status=500, log="Surrogate")
def an_exception_with_a_surrogate(environ, start_response):
    raise RuntimeError("Surrogate \udcff\0 and \x1b[31m")


@behaviour(bare=True, status=500, log="Many: x")
def an_exception_with_much_to_say(environ, start_response):
    raise RuntimeError("Many: " + "x" * 1_000_000)


@behaviour(bare=True, status=500, log="Group")
def a_group_of_exceptions(environ, start_response):
    if sys.version_info < (3, 11):
        raise RuntimeError("Group")
    raise ExceptionGroup("Group", [ValueError("one"), TypeError("two")])  # noqa: F821


@behaviour(bare=True, status=500, log="hash")
def an_exception_that_cannot_be_hashed(environ, start_response):
    class Odd(Exception):
        __hash__ = None

        def __eq__(self, other):
            raise ValueError("compared")

    raise Odd("hash")


def deeper(environ, start_response):
    return deeper(environ, start_response)


# -- recursion --------------------------------------------------------------------------------------------------------


@behaviour(bare=True, status=500, log="RecursionError")
def recursion_without_end(environ, start_response):
    return deeper(environ, start_response)


@behaviour(bare=True, status=500, log="RecursionError")
def recursion_in_a_step(environ, start_response):
    start_response("200 OK", PLAIN)

    class Pieces:
        def __iter__(self):
            return self

        def __next__(self):
            return next(self)

    return Pieces()


@behaviour(bare=True, broken="one", log="RecursionError")
def recursion_after_the_first_piece(environ, start_response):
    start_response("200 OK", PLAIN)
    yield b"one"
    deeper(environ, start_response)


@behaviour(bare=True, status=500, log="RecursionError")
def recursion_in_repr(environ, start_response):
    class Endless(Exception):
        def __repr__(self):
            return repr(self)

    raise RuntimeError(repr(Endless()))


@behaviour(answer="RecursionError")
def recursion_that_is_caught(environ, start_response):
    return ok(start_response, raised(deeper, environ, start_response).encode())


@behaviour(bare=True, answer="RecursionError", notes=["close"])
def recursion_in_close(environ, start_response):
    start_response("200 OK", PLAIN)

    class Pieces:
        def __iter__(self):
            return iter([b"RecursionError"])

        def close(self):
            note(environ, "close")
            deeper(environ, start_response)

    return Pieces()


# -- what the client is told ------------------------------------------------------------------------------------------


@behaviour(bare=True, status=500, answer="Internal Server Error")
def the_client_is_told_nothing_of_it(environ, start_response):
    start_response("200 OK", PLAIN + [("X-Secret", "1")])
    raise RuntimeError("the password is 12345")


@behaviour(bare=True, status=500, headers={"x-secret": None, "set-cookie": None})
def no_header_of_the_failed_answer_gets_out(environ, start_response):
    start_response("200 OK", PLAIN + [("X-Secret", "1"), ("Set-Cookie", "a=1")])
    raise RuntimeError("no header")
