"""`start_response`: when, how often, with which status, with `exc_info`; and the `write()` that it returns."""

import sys
import threading

from behaviours import PLAIN, Closing, application, behaviour, note, ok, raised, shown  # noqa: F401


def caught(text="caught"):
    try:
        raise ValueError(text)
    except ValueError:
        return sys.exc_info()


# -- when -------------------------------------------------------------------------------------------------------------


@behaviour(answer="body")
def called_at_once(environ, start_response):
    start_response("200 OK", PLAIN)
    return [b"body"]


@behaviour(bare=True, status=201, answer="late")
def called_in_the_first_step(environ, start_response):
    start_response("201 Created", PLAIN)
    yield b"late"


@behaviour(bare=True, answer="later")
def called_after_an_empty_piece(environ, start_response):
    yield b""
    start_response("200 OK", PLAIN)
    yield b"later"


@behaviour(bare=True, status=500, log="AssertionError: body bytes before start_response")
def called_after_the_first_bytes(environ, start_response):
    yield b"too early"
    start_response("200 OK", PLAIN)


@behaviour(bare=True, answer="by a thread")
def called_by_another_thread(environ, start_response):
    thread = threading.Thread(target=start_response, args=("200 OK", PLAIN))
    thread.start()
    thread.join()
    return [b"by a thread"]


@behaviour(bare=True, status=500, log="without calling start_response")
def never_called(environ, start_response):
    return [b"a body without a head"]


@behaviour(bare=True, status=500)
def never_called_and_nothing_returned(environ, start_response):
    return []


@behaviour(bare=True, status=500)
def never_called_by_a_generator(environ, start_response):
    return
    yield b""


@behaviour(bare=True, status=500, notes=["close"])
def called_in_close_is_too_late(environ, start_response):
    class Late(Closing):
        def close(self):
            super().close()
            start_response("200 OK", PLAIN)

    return Late(environ, [])


@behaviour(bare=True, status=500, log="TypeError")
def called_with_nothing(environ, start_response):
    start_response()
    return []


@behaviour(bare=True, status=500)
def called_with_too_much(environ, start_response):
    start_response("200 OK", PLAIN, None, None)
    return []


@behaviour(bare=True, answer="named")
def called_with_names(environ, start_response):
    start_response(status="200 OK", headers=PLAIN, exc_info=None)
    return [b"named"]


# -- twice, and with exc_info -----------------------------------------------------------------------------------------


@behaviour(bare=True, answer="AssertionError", headers={"x-second": None})
def called_twice(environ, start_response):
    start_response("200 OK", PLAIN)
    return [raised(start_response, "404 Not Found", PLAIN + [("X-Second", "1")]).encode()]


@behaviour(bare=True, status=500, log="called twice without exc_info")
def called_twice_and_not_caught(environ, start_response):
    start_response("200 OK", PLAIN)
    start_response("200 OK", PLAIN)
    return [b"never"]


@behaviour(bare=True, answer="sent OSError")
def called_twice_after_the_head(environ, start_response):
    start_response("200 OK", PLAIN)(b"sent ")
    return [raised(start_response, "404 Not Found", PLAIN).encode()]


@behaviour(answer="none")
def exc_info_none(environ, start_response):
    start_response("200 OK", PLAIN, None)
    return [b"none"]


@behaviour(status=500, answer="first")
def exc_info_in_the_first_call(environ, start_response):
    start_response("500 Broken", PLAIN, caught())
    return [b"first"]


@behaviour(status=503, answer="replaced", headers={"x-first": None, "x-second": "2"})
def exc_info_replaces_the_head(environ, start_response):
    start_response("200 OK", PLAIN + [("X-First", "1"), ("Content-Length", "1000")])
    start_response("503 Busy", PLAIN + [("X-Second", "2")], caught())
    return [b"replaced"]


@behaviour(status=418, answer="thrice", headers={"x-second": None})
def exc_info_replaces_again(environ, start_response):
    start_response("200 OK", PLAIN)
    start_response("503 Busy", PLAIN + [("X-Second", "2")], caught())
    start_response("418 Teapot", PLAIN, caught())
    return [b"thrice"]


@behaviour(status=503, answer="after nothing")
def exc_info_after_an_empty_write(environ, start_response):
    start_response("200 OK", PLAIN)(b"")
    start_response("503 Busy", PLAIN, caught())
    return [b"after nothing"]


@behaviour(bare=True, status=503, answer="after nothing")
def exc_info_after_an_empty_piece(environ, start_response):
    start_response("200 OK", PLAIN)
    yield b""
    start_response("503 Busy", PLAIN, caught())
    yield b"after nothing"


@behaviour(bare=True, answer="sent True True")
def exc_info_after_the_head_raises_the_same_exception(environ, start_response):
    start_response("200 OK", PLAIN)(b"sent ")
    info = caught()
    try:
        start_response("503 Busy", PLAIN, info)
    except ValueError as error:
        names = []
        trace = error.__traceback__
        while trace:
            names.append(trace.tb_frame.f_code.co_name)
            trace = trace.tb_next
        return [b"%s %s" % (str(error is info[1]).encode(), str("caught" in names).encode())]
    return [b"nothing raised"]


@behaviour(bare=True, broken="sent", log="ValueError: not caught")
def exc_info_after_the_head_not_caught(environ, start_response):
    start_response("200 OK", PLAIN)(b"sent")
    start_response("503 Busy", PLAIN, caught("not caught"))
    return [b"never"]


@behaviour(bare=True, broken="yielded", notes=["close"])
def exc_info_after_the_first_piece(environ, start_response):
    start_response("200 OK", PLAIN)

    def pieces():
        yield b"yielded"
        start_response("503 Busy", PLAIN, caught())
        yield b"never"

    return Closing(environ, pieces())


@behaviour(bare=True, answer="sent OSError")
def exc_info_of_nothing_after_the_head(environ, start_response):
    start_response("200 OK", PLAIN)(b"sent ")
    return [raised(start_response, "503 Busy", PLAIN, (None, None, None)).encode()]


@behaviour(bare=True, answer="sent TypeError")
def exc_info_that_is_none_after_the_head(environ, start_response):
    start_response("200 OK", PLAIN)(b"sent ")
    return [raised(start_response, "503 Busy", PLAIN, 5).encode()]


@behaviour(status=500, answer="an error page", log="")
def a_framework_that_answers_its_own_errors(environ, start_response):
    try:
        start_response("200 OK", PLAIN)
        raise KeyError("in the view")
    except KeyError:
        start_response("500 Sorry", PLAIN, sys.exc_info())
        return [b"an error page"]


@behaviour(bare=True, answer="ValueError second")
def a_refused_head_can_be_followed_by_a_good_one(environ, start_response):
    wrong = raised(start_response, "nonsense", PLAIN)
    start_response("200 OK", PLAIN)
    return [wrong.encode(), b" second"]


@behaviour(bare=True, status=500)
def a_refused_replacement_leaves_no_head(environ, start_response):
    start_response("200 OK", PLAIN)
    raised(start_response, "nonsense", PLAIN, caught())
    return [b"never"]


# -- the status -------------------------------------------------------------------------------------------------------




@behaviour(status=299, answer="", headers={":reason": "Quite Fine Indeed"})
def a_status_of_its_own(environ, start_response):
    start_response("299 Quite Fine Indeed", PLAIN)
    return []


@behaviour(bare=True, status=404, headers={":reason": "Not Found"})
def a_status_without_a_reason(environ, start_response):
    start_response("404", PLAIN)
    return []


@behaviour(bare=True, status=999, headers={":reason": "As Far As It Goes"})
def the_last_status(environ, start_response):
    start_response("999 As Far As It Goes", PLAIN)
    return []


@behaviour(bare=True, headers={":reason": "gr\u00fcn"})
def a_reason_in_latin_1(environ, start_response):
    start_response("200 gr\u00fcn", PLAIN)
    return []


@behaviour(bare=True, answer="['ValueError', 'ValueError', 'ValueError', 'ValueError', 'ValueError', 'ValueError', 'ValueError']")
def a_status_without_three_digits(environ, start_response):
    wrong = ["", "OK", "20 OK", "2000 OK", " 200 OK", "099 Low", "200OK"]
    return shown(start_response, [raised(start_response, status, PLAIN) for status in wrong])


@behaviour(bare=True, answer="['TypeError', 'TypeError', 'TypeError', 'TypeError']")
def a_status_that_is_no_text(environ, start_response):
    wrong = [200, b"200 OK", None, ("200", "OK")]
    return shown(start_response, [raised(start_response, status, PLAIN) for status in wrong])


@behaviour(bare=True, answer="['ValueError', 'ValueError', 'ValueError', 'ValueError', 'ValueError']", headers={"x-injected": None})
def a_status_that_splits(environ, start_response):
    wrong = ["200 OK\r\nX-Injected: 1", "200 OK\nX-Injected: 1", "200 OK\rX", "200 \0", "200\r\nX-Injected: 1"]
    return shown(start_response, [raised(start_response, status, PLAIN) for status in wrong])


@behaviour(bare=True, answer="ValueError")
def a_status_beyond_latin_1(environ, start_response):
    return ok(start_response, raised(start_response, "200 \u20ac", PLAIN).encode())


@behaviour(bare=True, answer="a subclass")
def a_status_of_a_subclass(environ, start_response):
    class Text(str):
        pass

    start_response(Text("200 OK"), PLAIN)
    return [b"a subclass"]


@behaviour(bare=True, answer="['ValueError', 'ValueError', 'ValueError', 'ValueError']")
def an_interim_status_is_no_answer(environ, start_response):
    interim = ["100 Continue", "101 Switching Protocols", "103 Early Hints", "199 Other"]
    return shown(start_response, [raised(start_response, status, []) for status in interim])


# -- write() ----------------------------------------------------------------------------------------------------------


@behaviour(answer="written twice and returned")
def written_and_returned(environ, start_response):
    write = start_response("200 OK", PLAIN)
    write(b"written ")
    write(b"")
    write(b"twice ")
    return [b"and returned"]


@behaviour(answer="only written")
def only_written(environ, start_response):
    start_response("200 OK", PLAIN)(b"only written")
    return []


@behaviour(answer="12345", headers={"content-length": "5"})
def written_with_a_length(environ, start_response):
    write = start_response("200 OK", PLAIN + [("Content-Length", "5")])
    write(b"12")
    write(b"345")
    return []


@behaviour(bare=True, answer="None")
def write_returns_nothing(environ, start_response):
    write = start_response("200 OK", PLAIN)
    return [repr(write(b"")).encode()]


@behaviour(bare=True, answer="['TypeError', 'TypeError', 'TypeError', 'TypeError', 'TypeError']")
def write_what_is_no_bytes(environ, start_response):
    write = start_response("200 OK", PLAIN)
    wrong = ["text", bytearray(b"x"), memoryview(b"x"), None, 5]
    return [repr([raised(write, data) for data in wrong]).encode()]


@behaviour(bare=True, answer="subclass")
def write_a_subclass_of_bytes(environ, start_response):
    class Bytes(bytes):
        def __len__(self):
            return 1

    start_response("200 OK", PLAIN)(Bytes(b"subclass"))
    return []


@behaviour(answer="x" * 300_000)
def write_large(environ, start_response):
    write = start_response("200 OK", PLAIN)
    for _ in range(3):
        write(b"x" * 100_000)
    return []


@behaviour(answer="0123456789" * 500)
def write_often(environ, start_response):
    write = start_response("200 OK", PLAIN)
    for n in range(5000):
        write(b"%d" % (n % 10))
    return []


@behaviour(bare=True, answer="yielded written yielded")
def write_between_pieces(environ, start_response):
    write = start_response("200 OK", PLAIN)

    def pieces():
        yield b"yielded "
        write(b"written ")
        yield b"yielded"

    return pieces()


@behaviour(bare=True, answer="by a thread")
def write_by_another_thread(environ, start_response):
    write = start_response("200 OK", PLAIN)
    thread = threading.Thread(target=write, args=(b"by a thread",))
    thread.start()
    thread.join()
    return []


@behaviour(bare=True, answer="done", notes=["nothing"])
def write_in_close(environ, start_response):
    """The answer is complete by then: what is written is surplus and goes nowhere."""
    write = start_response("200 OK", PLAIN + [("Content-Length", "4")])

    class Late(Closing):
        def close(self):
            note(environ, raised(write, b"too late"))

    return Late(environ, [b"done"])


@behaviour(bare=True, broken="written", log="TypeError")
def write_and_return_nothing_iterable(environ, start_response):
    start_response("200 OK", PLAIN)(b"written")
    return None


@behaviour(bare=True, broken="written", log="RuntimeError: after write")
def write_and_raise(environ, start_response):
    start_response("200 OK", PLAIN)(b"written")
    raise RuntimeError("after write()")


@behaviour(bare=True, leaves_after=50_000, notes=["OSError", "OSError"])
def write_to_a_client_that_left(environ, start_response):
    write = start_response("200 OK", PLAIN)

    def endless():
        while True:
            write(b"x" * 65536)

    note(environ, raised(endless))
    note(environ, raised(write, b"x"))
    return []
