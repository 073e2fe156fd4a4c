import builtins
import importlib
import signal
import sys
import types


def leave_by(number, code):
    """Has the signal end whatever runs on the main thread, as sys.exit() would."""

    def leave(_number, _frame):
        raise SystemExit(code)

    signal.signal(number, leave)


def run_file(path):
    """Runs a file as `python FILE` would."""
    with open(path, "rb") as source:
        code = compile(source.read(), path, "exec", dont_inherit=True)
    main = types.ModuleType("__main__")
    main.__file__ = path
    main.__builtins__ = builtins
    sys.modules["__main__"] = main
    exec(code, main.__dict__)


def run_function(module, name):
    getattr(importlib.import_module(module), name)()
