"""Exceptions that nobody catches: those of threads, and those in `__del__` and callbacks. The interpreter prints them piece by
piece; here each becomes one record of the log, with the same words."""

import sys
import threading
import traceback

STDERR = sys.stderr


def _is_elsewhere():
    """Whether the application has sent standard error to a place of its own."""
    return sys.stderr is not STDERR


def _thread_hook(write, default):
    def excepthook(args):
        if args.exc_type is SystemExit or _is_elsewhere():
            return default(args)
        name = threading.get_ident() if args.thread is None else args.thread.name
        lines = traceback.format_exception(args.exc_type, args.exc_value, args.exc_traceback)
        write(f"Exception in thread {name}:\n{''.join(lines)}")

    return excepthook


def _unraisable_hook(write, default):
    def unraisablehook(args):
        if _is_elsewhere():
            return default(args)
        title = args.err_msg or "Exception ignored in"
        if args.object is not None:
            try:
                title += f": {args.object!r}"
            except Exception:
                title += ": <object repr() failed>"
        elif args.err_msg:
            title += ":"
        else:
            title = ""
        lines = traceback.format_exception(args.exc_type, args.exc_value, args.exc_traceback, chain=False)
        write("\n".join([title] * bool(title) + ["".join(lines)]))

    return unraisablehook


def install(write):
    """Sets the hooks, where nobody has set others."""
    default = getattr(threading, "__excepthook__", threading.excepthook)
    if threading.excepthook is default:
        threading.excepthook = _thread_hook(write, default)
    if sys.unraisablehook is sys.__unraisablehook__:
        sys.unraisablehook = _unraisable_hook(write, sys.__unraisablehook__)
