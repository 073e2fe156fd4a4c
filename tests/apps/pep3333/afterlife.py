"""Threads that outlive their request and go on to use its objects; objects that are kept for later requests."""

import io
import threading
import time

from behaviours import PLAIN, Closing, application, behaviour, note, ok, raised  # noqa: F401


def afterwards(environ, use, error="ValueError"):
    """Uses something in a thread until it says that the request is over; notes how the last use ended."""

    def work():
        until = time.monotonic() + 10
        while (how := raised(use)) != error and time.monotonic() < until:
            time.sleep(0.001)
        note(environ, how)

    threading.Thread(target=work).start()


@behaviour(bare=True, body=b"hello", answer="gone", notes=["ValueError"])
def input_read(environ, start_response):
    afterwards(environ, lambda: environ["wsgi.input"].read(1))
    return ok(start_response, b"gone")


@behaviour(bare=True, body=b"hello", answer="gone", notes=["ValueError"])
def input_read_of_nothing(environ, start_response):
    afterwards(environ, lambda: environ["wsgi.input"].read(0))
    return ok(start_response, b"gone")


@behaviour(bare=True, body=b"hello", answer="gone", notes=["ValueError"])
def input_readline(environ, start_response):
    afterwards(environ, lambda: environ["wsgi.input"].readline())
    return ok(start_response, b"gone")


@behaviour(bare=True, body=b"hello", answer="gone", notes=["ValueError"])
def input_readlines(environ, start_response):
    afterwards(environ, lambda: environ["wsgi.input"].readlines())
    return ok(start_response, b"gone")


@behaviour(bare=True, body=b"hello", answer="gone", notes=["ValueError"])
def input_iterated(environ, start_response):
    afterwards(environ, lambda: list(environ["wsgi.input"]))
    return ok(start_response, b"gone")


@behaviour(bare=True, body=b"hello", answer="gone", notes=["ValueError"])
def input_told(environ, start_response):
    afterwards(environ, lambda: environ["wsgi.input"].tell())
    return ok(start_response, b"gone")


@behaviour(bare=True, body=b"x" * 300_000, answer="gone", notes=["ValueError"])
def input_read_while_the_request_ends(environ, start_response):
    """The thread is reading when the application returns."""
    afterwards(environ, lambda: environ["wsgi.input"].read(7))
    return ok(start_response, b"gone")


@behaviour(bare=True, answer="gone", notes=["ValueError"])
def start_response_called(environ, start_response):
    answer = ok(start_response, b"gone")
    afterwards(environ, lambda: start_response("404 Too Late", PLAIN))
    return answer


@behaviour(bare=True, answer="gone", notes=["ValueError"])
def write_called(environ, start_response):
    write = start_response("200 OK", PLAIN + [("Content-Length", "4")])
    write(b"gone")
    afterwards(environ, lambda: write(b"surplus"))
    return []


@behaviour(bare=True, answer="gone", notes=["ValueError"])
def write_of_nothing_called(environ, start_response):
    write = start_response("200 OK", PLAIN)
    afterwards(environ, lambda: write(b""))
    return [b"gone"]


@behaviour(bare=True, status=500, notes=["ValueError"])
def input_read_after_an_error(environ, start_response):
    afterwards(environ, lambda: environ["wsgi.input"].read(0))
    raise RuntimeError("before the answer")


@behaviour(bare=True, answer="gone", notes=["late"], log="written to wsgi.errors by a thread")
def errors_and_environ_live_on(environ, start_response):
    def work():
        time.sleep(0.05)
        environ["wsgi.errors"].write("written to wsgi.errors by a thread\n")
        environ["wsgi.errors"].flush()
        assert environ["PATH_INFO"] == "/errors_and_environ_live_on"
        note(environ, "late")

    threading.Thread(target=work).start()
    return ok(start_response, b"gone")


@behaviour(bare=True, answer="gone", notes=["close", "from memory"])
def the_file_wrapper_lives_on(environ, start_response):
    wrapper = environ["wsgi.file_wrapper"]

    def work():
        deadline = time.monotonic() + 10
        while raised(environ["wsgi.input"].tell) != "ValueError" and time.monotonic() < deadline:
            time.sleep(0.001)
        note(environ, b"".join(wrapper(io.BytesIO(b"from memory"))).decode())

    threading.Thread(target=work).start()
    start_response("200 OK", PLAIN)
    return Closing(environ, [b"gone"])


KEPT = {}


@behaviour(bare=True, answer="kept", notes=["ValueError", "ValueError", "ValueError"])
def kept_for_the_next_request(environ, start_response):
    """Each run tries the objects of the one before; the first one has only the request of a connection before it."""
    last = KEPT.get("objects")
    write = start_response("200 OK", PLAIN)
    KEPT["objects"] = (environ["wsgi.input"], start_response, write)
    if last is None:
        for _ in range(3):
            note(environ, "ValueError")
    else:
        note(environ, raised(last[0].read))
        note(environ, raised(last[1], "200 OK", PLAIN))
        note(environ, raised(last[2], b"surplus"))
    return [b"kept"]


@behaviour(bare=True, answer="one two three four ")
def the_answer_is_made_by_threads(environ, start_response):
    write = start_response("200 OK", PLAIN)
    for text in (b"one ", b"two ", b"three ", b"four "):
        thread = threading.Thread(target=write, args=(text,))
        thread.start()
        thread.join()
    return []


@behaviour(bare=True, answer="x" * 40_000)
def many_threads_write_at_once(environ, start_response):
    write = start_response("200 OK", PLAIN)
    threads = [threading.Thread(target=lambda: [write(b"x" * 100) for _ in range(50)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return []


@behaviour(bare=True, answer="done", notes=["close"])
def a_daemon_thread_that_never_ends(environ, start_response):
    threading.Thread(target=threading.Event().wait, daemon=True).start()
    start_response("200 OK", PLAIN)
    return Closing(environ, [b"done"])


@behaviour(bare=True, answer="done", notes=["local"])
def thread_locals_stay_with_their_thread(environ, start_response):
    local = threading.local()
    local.value = "local"
    thread = threading.Thread(target=lambda: note(environ, local.value) if hasattr(local, "value") else None)
    thread.start()
    thread.join()
    note(environ, local.value)
    return ok(start_response, b"done")
