"""Decorators over the uwsgi module. Those whose part of the server is not built raise when they are used."""

import functools
import pickle
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


mule_functions = {}
_mule_starts = []


def _start_mule():
    """Called by the server in each mule, before its program or its first message."""
    for start in _mule_starts:
        start()


def _in_mule(number, run):
    """Runs `run` at the start of the mule with that number."""
    _mule_starts.append(lambda: run() if uwsgi.mule_id() == number else None)


def _decorates_mule(name, body):
    """A decorator for a function that belongs to the mule `number`; `body` says how it runs there."""

    def decorator(number):
        def decorate(function):
            _in_mule(number, lambda: body(function))
            return function

        return decorate

    decorator.__name__ = name
    return decorator


def _forever(function):
    while True:
        function()


def _each_message(function):
    while True:
        message = uwsgi.mule_get_msg()
        if message:
            function(message)


mule = _decorates_mule("mule", lambda function: function())
muleloop = _decorates_mule("muleloop", _forever)
mulemsg = _decorates_mule("mulemsg", _each_message)


class mule_brain:
    """The function as the whole work of one mule; `mule(number)` makes the same."""

    def __init__(self, function, number):
        self.f, self.num = function, number
        _in_mule(number, self)

    def __call__(self):
        self.f()


class mule_brainloop(mule_brain):
    def __call__(self):
        _forever(self.f)


class mulemsg_loop(mule_brain):
    def __call__(self):
        _each_message(self.f)


class farm_loop:
    """The function gets each message to a farm, in every mule of it."""

    def __init__(self, function, farm):
        self.f, self.farm = function, farm
        _mule_starts.append(self)

    def __call__(self):
        if not uwsgi.in_farm(self.farm):
            return
        while True:
            message = uwsgi.farm_get_msg()
            if message:
                self.f(message)


def farm(name=None, **_kwargs):
    def decorate(function):
        farm_loop(function, name)
        return function

    return decorate


def _mule_call(function, target):
    key = f"{function.__module__}.{function.__qualname__}"
    mule_functions[key] = function

    @functools.wraps(function)
    def send(*args, **kwargs):
        call = {"service": "uwsgi_mulefunc", "func": key, "args": args, "kwargs": kwargs}
        return uwsgi.mule_msg(pickle.dumps(call), target)

    return send


def mulefunc(target=None):
    """Calls of the function run in a mule: in any, in the one with a number, in one of a farm by name."""
    if callable(target):
        return _mule_call(target, None)
    return lambda function: _mule_call(function, target)


def mule_msg_dispatcher(message):
    """Runs the call in a message; other messages are left to the hooks that know them."""
    try:
        call = pickle.loads(message)
    except Exception:
        call = None
    if isinstance(call, dict) and call.get("service") == "uwsgi_mulefunc":
        return mule_functions[call["func"]](*call["args"], **call["kwargs"])
    if not getattr(uwsgi, "mule_msg_extra_hooks", None):
        uwsgi.log(f"a message of {len(message)} bytes is no call of a mulefunc, and no other hook is set")


uwsgi.mule_msg_hook = mule_msg_dispatcher


def _absent(name, needs):
    def decorator(*args, **kwargs):
        raise RuntimeError(f"uwsgidecorators.{name} needs {needs}, which rsgi does not build yet")

    decorator.__name__ = name
    return decorator


for _name, _needs in {
    "spool": "the spooler", "spoolforever": "the spooler", "spoolraw": "the spooler",
    "rpc": "RPC", "signal": "signals", "timer": "timers", "rbtimer": "timers", "cron": "cron", "filemon": "file monitors",
    "lock": "locks", "harakiri": "user harakiri", "erlang": "Erlang",
}.items():
    globals()[_name] = _absent(_name, _needs)
del _name, _needs
