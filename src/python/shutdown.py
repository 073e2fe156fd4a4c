import threading
import time


def join(seconds):
    """Waits for all non-daemon threads as the interpreter does at its end, but no longer than that; names what is left.

    `threading._shutdown` itself knows no timeout and must run on the main thread, so its two steps are done here: the
    callbacks (by which executors end their idle threads), then the joins.
    """
    deadline = time.monotonic() + seconds
    joiner = threading.Thread(target=_join_all, name="uWSGIShutdown", daemon=True)
    joiner.start()
    joiner.join(max(0, deadline - time.monotonic()))
    return [thread.name for thread in _waited_for()] if joiner.is_alive() else []


def _join_all():
    threading._SHUTTING_DOWN = True
    for callback in reversed(threading._threading_atexits):
        callback()
    while waited_for := _waited_for():
        for thread in waited_for:
            thread.join()


def _waited_for():
    return [thread for thread in threading.enumerate() if not thread.daemon and thread is not threading.main_thread()]
