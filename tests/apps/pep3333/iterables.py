"""What an application may return, and what it may not."""

import collections
import io
import itertools
import tempfile

from behaviours import PLAIN, application, behaviour, note, ok  # noqa: F401


class Lying(bytes):
    """Says that it is shorter than it is."""

    def __len__(self):
        return 1

    def __bytes__(self):
        return b"something else"


# -- what is iterable -------------------------------------------------------------------------------------------------


@behaviour(bare=True, answer="one piece", doors=["http-socket", "http"], headers={"content-length": "9", "transfer-encoding": None})
def a_list_of_one_has_a_length(environ, start_response):
    return ok(start_response, b"one piece")


@behaviour(answer="one piece", doors=["http-socket", "http"], headers={"transfer-encoding": "chunked"})
def a_generator_is_sent_in_chunks(environ, start_response):
    start_response("200 OK", PLAIN)
    return (piece for piece in [b"one ", b"piece"])


@behaviour(answer="abc")
def a_list(environ, start_response):
    return ok(start_response, b"a", b"b", b"c")


@behaviour(answer="abc")
def a_tuple(environ, start_response):
    start_response("200 OK", PLAIN)
    return (b"a", b"b", b"c")


@behaviour(answer="alone")
def a_tuple_of_one(environ, start_response):
    start_response("200 OK", PLAIN)
    return (b"alone",)


@behaviour(answer="")
def an_empty_list(environ, start_response):
    return ok(start_response)


@behaviour(answer="")
def an_empty_tuple(environ, start_response):
    start_response("200 OK", PLAIN)
    return ()


@behaviour(answer="abc")
def a_generator(environ, start_response):
    start_response("200 OK", PLAIN)

    def pieces():
        yield b"a"
        yield b"b"
        yield b"c"
        return b"not this"

    return pieces()


@behaviour(answer="")
def an_empty_generator(environ, start_response):
    start_response("200 OK", PLAIN)
    return iter(())


@behaviour(answer="abcd")
def a_generator_of_generators(environ, start_response):
    start_response("200 OK", PLAIN)

    def half(text):
        yield text[:1]
        yield text[1:]

    def pieces():
        yield from half(b"ab")
        yield from half(b"cd")

    return pieces()


@behaviour(bare=True, answer="abc")
def the_application_is_the_generator(environ, start_response):
    start_response("200 OK", PLAIN)
    yield b"a"
    yield b"bc"


@behaviour(answer="abc")
def an_iterator_of_its_own(environ, start_response):
    start_response("200 OK", PLAIN)

    class Pieces:
        left = [b"c", b"b", b"a"]

        def __iter__(self):
            return self

        def __next__(self):
            if not self.left:
                raise StopIteration
            return self.left.pop()

    pieces = Pieces()
    pieces.left = list(Pieces.left)
    return pieces


@behaviour(answer="abc")
def an_iterable_that_is_no_iterator(environ, start_response):
    start_response("200 OK", PLAIN)

    class Pieces:
        def __iter__(self):
            return iter([b"a", b"bc"])

    return Pieces()


@behaviour(answer="0123")
def a_sequence_without_iter(environ, start_response):
    start_response("200 OK", PLAIN)

    class Pieces:
        def __getitem__(self, index):
            if index > 3:
                raise IndexError
            return b"%d" % index

    return Pieces()


@behaviour(answer="alone")
def a_set(environ, start_response):
    start_response("200 OK", PLAIN)
    return {b"alone"}


@behaviour(answer="ab")
def the_keys_of_a_dict(environ, start_response):
    start_response("200 OK", PLAIN)
    return {b"a": 1, b"b": 2}


@behaviour(answer="abc")
def a_deque(environ, start_response):
    start_response("200 OK", PLAIN)
    return collections.deque([b"a", b"b", b"c"])


@behaviour(answer="ABC")
def a_map(environ, start_response):
    start_response("200 OK", PLAIN)
    return map(bytes.upper, [b"a", b"b", b"c"])


@behaviour(answer="abcd")
def a_chain(environ, start_response):
    start_response("200 OK", PLAIN)
    return itertools.chain([b"a", b"b"], (b"c",), iter([b"d"]))


@behaviour(answer="cba")
def a_reversed_list(environ, start_response):
    start_response("200 OK", PLAIN)
    return reversed([b"a", b"b", b"c"])


@behaviour(answer="xxx")
def a_callable_with_its_sentinel(environ, start_response):
    start_response("200 OK", PLAIN)
    pieces = [b"", b"x", b"x", b"x"]
    return iter(pieces.pop, b"")


@behaviour(answer="a\nb\n")
def a_file_in_memory(environ, start_response):
    start_response("200 OK", PLAIN)
    return io.BytesIO(b"a\nb\n")


@behaviour(answer="a\nb\n")
def a_file_on_disk(environ, start_response):
    start_response("200 OK", PLAIN)
    file = tempfile.TemporaryFile()
    file.write(b"a\nb\n")
    file.seek(0)
    return file


SHARED = [b"shared ", b"by all"]


@behaviour(answer="shared by all")
def a_list_that_is_returned_again_and_again(environ, start_response):
    start_response("200 OK", PLAIN)
    return SHARED


@behaviour(answer="list of its own")
def a_subclass_of_list(environ, start_response):
    start_response("200 OK", PLAIN)

    class Pieces(list):
        def __len__(self):
            return 17

    return Pieces([b"list ", b"of its own"])


@behaviour(answer="from iter")
def a_subclass_of_list_that_iterates_otherwise(environ, start_response):
    start_response("200 OK", PLAIN)

    class Pieces(list):
        def __iter__(self):
            return iter([b"from ", b"iter"])

    return Pieces([b"from the list"])


@behaviour(answer="hint")
def a_length_hint_that_lies(environ, start_response):
    start_response("200 OK", PLAIN)

    class Pieces:
        def __iter__(self):
            return iter([b"hi", b"nt"])

        def __len__(self):
            return 1 << 40

        def __length_hint__(self):
            raise RuntimeError("asked for a hint")

    return Pieces()


@behaviour(answer="fine")
def a_length_that_raises(environ, start_response):
    start_response("200 OK", PLAIN)

    class Pieces:
        def __iter__(self):
            return iter([b"fine"])

        def __len__(self):
            raise RuntimeError("asked for a length")

    return Pieces()


@behaviour(bare=True, answer="bytes")
def bytes_themselves(environ, start_response):
    """No list: uWSGI takes them as one piece, and so does this server."""
    start_response("200 OK", PLAIN)
    return b"bytes"


# -- pieces -----------------------------------------------------------------------------------------------------------


@behaviour(answer="ab")
def empty_pieces_between(environ, start_response):
    return ok(start_response, b"", b"a", b"", b"", b"b", b"")


@behaviour(answer="")
def only_empty_pieces(environ, start_response):
    return ok(start_response, b"", b"", b"")


@behaviour(answer="0123456789" * 500)
def many_small_pieces(environ, start_response):
    start_response("200 OK", PLAIN)
    return (b"%d" % (n % 10) for n in range(5000))


@behaviour(answer="x" * 700_000)
def one_large_piece(environ, start_response):
    return ok(start_response, b"x" * 700_000)


@behaviour(answer="a" * 100_000 + "b" + "c" * 100_000)
def large_and_small_pieces(environ, start_response):
    return ok(start_response, b"a" * 100_000, b"b", b"c" * 100_000)


@behaviour(answer=bytes(range(256)).decode("latin-1"))
def every_byte(environ, start_response):
    return ok(start_response, *(bytes([n]) for n in range(256)))


@behaviour(answer="0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n")
def pieces_that_look_like_framing(environ, start_response):
    return ok(start_response, b"0\r\n\r\n", b"HTTP/1.1 200 OK\r\n", b"\r\n")


@behaviour(bare=True, answer="subclass")
def a_subclass_of_bytes_alone(environ, start_response):
    return ok(start_response, Lying(b"subclass"))


@behaviour(bare=True, answer="two subclasses")
def subclasses_of_bytes(environ, start_response):
    return ok(start_response, Lying(b"two "), Lying(b"subclasses"))


@behaviour(bare=True, status=500, log="yielded str, it must yield bytes")
def text_alone(environ, start_response):
    return ok(start_response, "text")


@behaviour(bare=True, status=500, log="yielded str, it must yield bytes")
def text_itself(environ, start_response):
    start_response("200 OK", PLAIN)
    return "text"


@behaviour(bare=True, broken="bytes ")
def text_after_bytes(environ, start_response):
    return ok(start_response, b"bytes ", "text")


@behaviour(bare=True, status=500, log="yielded NoneType")
def none_alone(environ, start_response):
    return ok(start_response, None)


@behaviour(bare=True, broken="bytes")
def none_after_bytes(environ, start_response):
    return ok(start_response, b"bytes", None)


@behaviour(bare=True, status=500, log="yielded int")
def numbers(environ, start_response):
    return ok(start_response, 1, 2)


@behaviour(bare=True, status=500, log="yielded bytearray")
def a_bytearray(environ, start_response):
    return ok(start_response, bytearray(b"array"))


@behaviour(bare=True, status=500, log="yielded memoryview")
def a_memoryview(environ, start_response):
    return ok(start_response, memoryview(b"view"))


@behaviour(bare=True, status=500, log="yielded list")
def a_list_in_a_list(environ, start_response):
    return ok(start_response, [b"nested"])


# -- what is not iterable ---------------------------------------------------------------------------------------------


@behaviour(bare=True, status=500, log="'NoneType' object is not iterable")
def nothing(environ, start_response):
    start_response("200 OK", PLAIN)


@behaviour(bare=True, status=500, log="'int' object is not iterable")
def a_number(environ, start_response):
    start_response("200 OK", PLAIN)
    return 42


@behaviour(bare=True, status=500, log="'function' object is not iterable")
def a_function(environ, start_response):
    start_response("200 OK", PLAIN)
    return lambda: [b"never"]


@behaviour(bare=True, status=500, log="coroutine")
def a_coroutine(environ, start_response):
    start_response("200 OK", PLAIN)

    async def answer():
        return [b"never"]

    return answer()


@behaviour(bare=True, status=500, log="RuntimeError: no iterator today")
def iter_that_raises(environ, start_response):
    start_response("200 OK", PLAIN)

    class Pieces:
        def __iter__(self):
            raise RuntimeError("no iterator today")

    return Pieces()


@behaviour(bare=True, status=500, log="non-iterator")
def iter_that_gives_no_iterator(environ, start_response):
    start_response("200 OK", PLAIN)

    class Pieces:
        def __iter__(self):
            return 5

    return Pieces()


@behaviour(bare=True, status=500, notes=["close"], log="not iterable")
def not_iterable_but_closed(environ, start_response):
    start_response("200 OK", PLAIN)

    class Nothing:
        def close(self):
            note(environ, "close")

    return Nothing()
