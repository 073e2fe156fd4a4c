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


def postfork(function):
    """Runs the function in each process after its fork; `postfork(N)` only in worker N."""
    if callable(function):
        _post_fork.append(function)
        return function

    def decorate(wrapped):
        _post_fork.append(lambda: wrapped() if not function or uwsgi.worker_id() == function else None)
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


spooler_functions = {}

# What uwsgi.spool itself looks at, and what belongs to the call of a function with arguments.
_ROUTING = ("message_dict", "spooler", "priority", "at", "body")


def _bytes(value):
    return value.encode() if isinstance(value, str) else value


def _text(value):
    try:
        return value.decode() if isinstance(value, bytes) else value
    except UnicodeDecodeError:
        return value


class _spoolraw:
    """A function of which each call becomes a task; what it returns decides what becomes of the task."""

    verdict = None

    def __init__(self, function, pass_arguments=False):
        if not hasattr(uwsgi, "spool"):
            raise Exception(f"you have to enable the uWSGI spooler to use @{type(self).__name__} decorator")
        self.f, self.pass_arguments = function, pass_arguments
        functools.update_wrapper(self, function)
        spooler_functions[function.__name__] = function

    def __call__(self, *args, **kwargs):
        task = {"ud_spool_func": self.f.__name__}
        if self.verdict is not None:
            task["ud_spool_ret"] = str(self.verdict)
        if self.pass_arguments:
            task.update({key: kwargs.pop(key) for key in _ROUTING if key in kwargs})
            task.update(args=pickle.dumps(args), kwargs=pickle.dumps(kwargs))
        else:
            task.update(*args[:1], **kwargs)
        return uwsgi.spool({_bytes(key): _bytes(value) for key, value in task.items()})

    spool = __call__


class _spool(_spoolraw):
    verdict = uwsgi.SPOOL_OK


class _spoolforever(_spoolraw):
    verdict = uwsgi.SPOOL_RETRY


def _spooling(kind, name):
    def decorator(f=None, pass_arguments=False):
        if f is None:
            return lambda function: kind(function, pass_arguments)
        return kind(f, pass_arguments)

    decorator.__name__ = name
    return decorator


spoolraw = _spooling(_spoolraw, "spoolraw")
spool = _spooling(_spool, "spool")
spoolforever = _spooling(_spoolforever, "spoolforever")


def manage_spool_request(variables):
    """Runs the function that a task names."""
    variables = {_text(key): value for key, value in variables.items()}
    function = spooler_functions.get(_text(variables.get("ud_spool_func")))
    if function is None:
        return uwsgi.SPOOL_IGNORE
    if "args" in variables and "kwargs" in variables:
        result = function(*pickle.loads(variables["args"]), **pickle.loads(variables["kwargs"]))
    else:
        result = function({key: _text(value) for key, value in variables.items()})
    verdict = variables.get("ud_spool_ret", result)
    return int(verdict) if verdict is not None else None


if hasattr(uwsgi, "spool"):
    uwsgi.spooler = manage_spool_request


def get_free_signal():
    for number in range(256):
        if not uwsgi.signal_registered(number):
            return number
    raise Exception("No free uwsgi signal available")


class signal:
    """The function handles signal `num`, in the processes that the target names."""

    def __init__(self, num, **kwargs):
        self.num, self.target = num, kwargs.get("target", "")

    def __call__(self, function):
        uwsgi.register_signal(self.num, self.target, function)
        return function


class _source:
    """A signal, by default a free one, that something raises."""

    def __init__(self, *args, **kwargs):
        self.args = args
        self.num, self.target = kwargs.get("signum"), kwargs.get("target", "")

    def __call__(self, function):
        number = get_free_signal() if self.num is None else self.num
        uwsgi.register_signal(number, self.target, function)
        self.add(number, *self.args)
        return function


class timer(_source):
    """The function runs every `secs` seconds."""

    def __init__(self, secs, **kwargs):
        super().__init__(secs, **kwargs)

    add = staticmethod(uwsgi.add_timer)


class rbtimer(timer):
    add = staticmethod(uwsgi.add_rb_timer)


class cron(_source):
    """The function runs at set times; -1 is any, -N every N."""

    def __init__(self, minute, hour, day, month, dayweek, **kwargs):
        super().__init__(minute, hour, day, month, dayweek, **kwargs)

    add = staticmethod(uwsgi.add_cron)


class filemon(_source):
    """The function runs when a file changes."""

    def __init__(self, fsobj, **kwargs):
        super().__init__(fsobj, **kwargs)

    add = staticmethod(uwsgi.add_file_monitor)


def lock(function):
    """One call at a time, over all processes (lock 0); in a spooler the function is not called."""

    @functools.wraps(function)
    def call(*args, **kwargs):
        if uwsgi.i_am_the_spooler():
            return None
        uwsgi.lock()
        try:
            return function(*args, **kwargs)
        finally:
            uwsgi.unlock()

    return call


def harakiri(seconds):
    """A request that calls the function has so many seconds for it; without a request it is just called."""

    def decorate(function):
        @functools.wraps(function)
        def call(*args, **kwargs):
            try:
                uwsgi.set_user_harakiri(seconds)
                is_limited = True
            except RuntimeError:
                is_limited = False
            try:
                return function(*args, **kwargs)
            finally:
                if is_limited:
                    uwsgi.set_user_harakiri(0)

        return call

    return decorate


def _absent(name, needs):
    def decorator(*args, **kwargs):
        raise RuntimeError(f"uwsgidecorators.{name} needs {needs}, which rsgi does not build yet")

    decorator.__name__ = name
    return decorator


for _name, _needs in {"rpc": "RPC", "erlang": "Erlang"}.items():
    globals()[_name] = _absent(_name, _needs)
del _name, _needs
