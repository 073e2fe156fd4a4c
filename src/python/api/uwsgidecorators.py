"""Decorators over the uwsgi module. Those whose part of the server is not built raise when they are used."""

import functools
import threading

import uwsgi

_post_fork = []


def _run_post_fork():
    for function in _post_fork:
        function()


uwsgi.post_fork_hook = _run_post_fork


def postfork(function=None, *args, **kwargs):
    """Runs the function in each process after its fork; usable bare or called."""
    if callable(function):
        _post_fork.append(functools.partial(function, *args, **kwargs) if args or kwargs else function)
        return function

    def decorate(wrapped):
        _post_fork.append(functools.partial(wrapped, *([function] if function is not None else []), *args, **kwargs))
        return wrapped

    return decorate


def thread(function):
    """Each call runs in a daemon thread of its own, which is returned."""

    @functools.wraps(function)
    def start(*args, **kwargs):
        runner = threading.Thread(target=function, args=args, kwargs=kwargs, daemon=True)
        runner.start()
        return runner

    return start


def _absent(name, needs):
    def decorator(*args, **kwargs):
        raise RuntimeError(f"uwsgidecorators.{name} needs {needs}, which rsgi does not build yet")

    decorator.__name__ = name
    return decorator


for _name, _needs in {
    "spool": "the spooler", "spoolforever": "the spooler", "spoolraw": "the spooler",
    "rpc": "RPC", "signal": "signals", "timer": "timers", "rbtimer": "timers", "cron": "cron", "filemon": "file monitors",
    "mule": "mules", "muleloop": "mules", "mulemsg": "mules", "mulefunc": "mules", "mule_functions": "mules",
    "mulemsg_loop": "mules", "mule_brain": "mules", "mule_brainloop": "mules",
    "farm": "farms", "farm_loop": "farms", "lock": "locks", "harakiri": "user harakiri", "erlang": "Erlang",
}.items():
    globals()[_name] = _absent(_name, _needs)
del _name, _needs
