import os
import sys
import sysconfig
import threading
import time

import uwsgi


def watch(seconds, ignored):
    """Reloads the instance when a module of the application changes; looks every so many seconds."""
    ignored = frozenset(ignored)
    # The first look is over before the first request.
    arguments = (seconds, ignored, _stamps(ignored))
    threading.Thread(target=_run, args=arguments, name="uWSGIAutoReloader", daemon=True).start()


def _run(seconds, ignored, seen):
    has_asked = False
    while True:
        time.sleep(seconds)
        now = _stamps(ignored)
        # A file that is new to us was imported meanwhile, or nobody has it yet. After a reload that has failed (for this process
        # is still here) it may be what was missing.
        changed = sorted(path for path, stamp in now.items() if seen.get(path, None if has_asked else stamp) != stamp)
        if changed:
            has_asked = True
            uwsgi.log(f"[rsgi-python-reloader] module/file {changed[0]} has been modified")
            # Should it fail, this process goes on and sees the file mended.
            uwsgi.reload()
        seen = now


def _stamps(ignored):
    """What tells a changed file from the file before, by path."""
    paths = {file for name, module in list(sys.modules.items()) if name not in ignored and (file := _file(module))}
    # Neighbours too: a module that cannot be imported is in no list of modules, and mending it is to be seen.
    for directory in {os.path.dirname(path) for path in paths if not path.startswith(_INSTALLED)}:
        paths.update(_sources(directory))
    paths.difference_update(file for name in ignored if (file := _file(sys.modules.get(name))))
    return {path: stamp for path in paths if (stamp := _stamp(path))}


def _file(module):
    file = getattr(module, "__file__", None)
    return os.path.abspath(file) if isinstance(file, str) else None


def _sources(directory):
    try:
        with os.scandir(directory) as entries:
            return [entry.path for entry in entries if entry.name.endswith(".py")]
    except OSError:
        return []


def _stamp(path):
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


# Where nobody edits: the standard library and what was installed.
_INSTALLED = tuple(
    os.path.join(path, "") for name, path in sysconfig.get_paths().items() if name in {"stdlib", "purelib", "platlib"}
)
