"""Applications that end, kill or double their worker. Each has a server of its own (tests/pep3333/endings.rs).

`status` lists what the client of a door may be told: 0 is a connection that is closed without a whole answer.
"""

import ctypes
import os
import resource
import signal
import subprocess
import sys
import threading
import time

import uwsgi
from behaviours import PLAIN, Closing, application, behaviour, note, ok  # noqa: F401


def piece(then):
    yield b"piece"
    then()


# -- the worker leaves in order -----------------------------------------------------------------------------------------


@behaviour(bare=True, log=r"asked this worker to exit \(.*\), code 0")
def sys_exit(environ, start_response):
    sys.exit()


@behaviour(bare=True, log=r"asked this worker to exit \(.*\), code 3")
def sys_exit_with_a_code(environ, start_response):
    sys.exit(3)


@behaviour(bare=True, log="^a farewell$")
def system_exit_with_text(environ, start_response):
    raise SystemExit("a farewell")


@behaviour(bare=True, log="code 1")
def system_exit_with_an_object(environ, start_response):
    raise SystemExit(["neither", "code", "nor", "text"])


@behaviour(bare=True, log="code 4")
def system_exit_after_the_head(environ, start_response):
    start_response("200 OK", PLAIN)
    sys.exit(4)


@behaviour(bare=True, log="code 5")
def system_exit_in_a_step(environ, start_response):
    start_response("200 OK", PLAIN)
    return piece(lambda: sys.exit(5))


@behaviour(bare=True, whole=True, log="code 6")
def system_exit_in_close(environ, start_response):
    start_response("200 OK", PLAIN + [("Content-Length", "5")])

    class Leaving(Closing):
        def close(self):
            sys.exit(6)

    return Leaving(environ, [b"whole"])


@behaviour(bare=True, log="KeyboardInterrupt")
def keyboard_interrupt(environ, start_response):
    raise KeyboardInterrupt


@behaviour(bare=True, log="KeyboardInterrupt")
def keyboard_interrupt_in_a_step(environ, start_response):
    start_response("200 OK", PLAIN)

    def interrupt():
        raise KeyboardInterrupt

    return piece(interrupt)


# -- the worker dies --------------------------------------------------------------------------------------------------


@behaviour(bare=True)
def os_exit(environ, start_response):
    os._exit(0)


@behaviour(bare=True)
def os_exit_with_a_code(environ, start_response):
    os._exit(7)


@behaviour(bare=True)
def os_exit_in_a_step(environ, start_response):
    start_response("200 OK", PLAIN)
    return piece(lambda: os._exit(7))


@behaviour(bare=True)
def os_exit_in_a_thread(environ, start_response):
    threading.Thread(target=os._exit, args=(7,)).start()
    time.sleep(20)


@behaviour(bare=True, log="signal 11|SIGSEGV")
def segmentation_fault(environ, start_response):
    ctypes.string_at(0)


@behaviour(bare=True, log="signal 11|SIGSEGV")
def segmentation_fault_in_a_step(environ, start_response):
    start_response("200 OK", PLAIN)
    return piece(lambda: ctypes.string_at(0))


@behaviour(bare=True, log="signal 6|SIGABRT")
def abort(environ, start_response):
    os.abort()


@behaviour(bare=True, log="signal 9|SIGKILL")
def kill(environ, start_response):
    os.kill(os.getpid(), signal.SIGKILL)


@behaviour(bare=True, log="overflowed its stack|signal (6|11)|SIG(ABRT|SEGV)")
def the_stack_of_c_overflows(environ, start_response):
    """Each level is a frame of C, and the limit that Python has for them is gone."""
    sys.setrecursionlimit(1 << 30)

    class Endless:
        def __repr__(self):
            return repr(self)

    repr(Endless())


# -- the worker lives -------------------------------------------------------------------------------------------------


@behaviour(bare=True, lives=True, log="MemoryError")
def out_of_memory(environ, start_response):
    """A limit stands for a machine that has no more."""
    used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + (64 << 20), before[1]))
    try:
        return [b"x" * (1 << 20) for _ in range(1000)]
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


@behaviour(bare=True, lives=True, answer="child 7")
def fork_and_exit(environ, start_response):
    child = os.fork()
    if child == 0:
        os._exit(7)
    return ok(start_response, f"child {os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}".encode())


@behaviour(bare=True, lives=True, answer="parent")
def fork_a_child_that_outlives_the_request(environ, start_response):
    """The child holds the connection too: its client must see the end all the same."""
    if os.fork() == 0:
        time.sleep(3)
        os._exit(0)
    return ok(start_response, b"parent")


@behaviour(bare=True, lives=True, answer="child 1")
def fork_a_child_that_raises(environ, start_response):
    child = os.fork()
    if child == 0:
        try:
            raise RuntimeError("in the child")
        finally:
            os._exit(1)
    return ok(start_response, f"child {os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}".encode())


@behaviour(bare=True, lives=True, answer="child 7")
def fork_a_child_that_calls_sys_exit(environ, start_response):
    child = os.fork()
    if child == 0:
        sys.exit(7)
    return ok(start_response, f"child {os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}".encode())


@behaviour(bare=True, lives=True, answer="child")
def subprocess_of_the_application(environ, start_response):
    return ok(start_response, subprocess.run(["printf", "child"], capture_output=True, check=True).stdout)


@behaviour(bare=True, lives=True, answer="42")
def multiprocessing_by_fork(environ, start_response):
    import multiprocessing

    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    process = context.Process(target=lambda: theirs.send(42))
    process.start()
    answer = ours.recv()
    process.join()
    return ok(start_response, str(answer).encode())


@behaviour(bare=True, lives=True, answer="parent")
def fork_a_child_that_goes_on_as_the_worker(environ, start_response):
    """The child returns from the application like its parent, as a forgotten `os._exit` has it: it must not answer too."""
    if os.fork() == 0:
        return ok(start_response, b"child")
    time.sleep(0.3)
    return ok(start_response, b"parent")


@behaviour(bare=True, lives=True, answer="parent", log="came back from it")
def fork_a_child_that_goes_on_from_the_hook_after_the_request(environ, start_response):
    def hook():
        uwsgi.after_req_hook = None
        if os.fork() != 0:
            time.sleep(0.3)

    uwsgi.after_req_hook = hook
    return ok(start_response, b"parent")


@behaviour(bare=True, lives=True, answer="parent", log="came back from it")
def fork_a_child_that_goes_on_from_a_handler_of_a_signal(environ, start_response):
    uwsgi.signal(17)
    return ok(start_response, b"parent")


def double(number):
    if os.fork() != 0:
        time.sleep(0.3)


uwsgi.register_signal(17, "worker", double)


@behaviour(bare=True, lives=True)
def fork_a_child_that_raises_out_of_the_application(environ, start_response):
    if os.fork() == 0:
        raise RuntimeError("out of the child")
    time.sleep(0.3)
    return ok(start_response)
