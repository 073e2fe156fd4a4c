"""Tries what a sandbox forbids, and says what came of it: `ok`, or the name of the error. /what?argument"""

import ctypes
import errno
import multiprocessing
import os
import platform
import signal
import socket
import subprocess
import tempfile

libc = ctypes.CDLL(None, use_errno=True)
X86 = platform.machine() == "x86_64"
CALLS = {"ptrace": 101 if X86 else 117, "bpf": 321 if X86 else 280, "perf_event_open": 298 if X86 else 241}
CALLS.update(mount=165 if X86 else 40, unshare=272 if X86 else 97, keyctl=250 if X86 else 219, io_uring_setup=425)
CALLS.update(process_vm_readv=310 if X86 else 270, clone3=435)


def read(path):
    with open(path, "rb") as file:
        file.read(1)


def write(path):
    with open(path, "a") as file:
        file.write("x")


def remove(path):
    os.remove(path)


def listing(path):
    os.listdir(path)


def run(program):
    subprocess.run([program], check=True, stdout=subprocess.DEVNULL)


def fork(_):
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)


def call(name):
    if libc.syscall(CALLS[name], 0, 0, 0, 0, 0) == -1:
        raise OSError(ctypes.get_errno(), "")


def x32(number):
    """The same call under the number that a program of 32 bits has for it."""
    if libc.syscall(0x40000000 | int(number), 0, 0, 0, 0, 0) == -1:
        raise OSError(ctypes.get_errno(), "")


def newuser(_):
    if libc.syscall(56 if X86 else 220, 0x10000000 | signal.SIGCHLD, 0, 0, 0, 0) == -1:
        raise OSError(ctypes.get_errno(), "")


def family(name):
    socket.socket(getattr(socket, name), socket.SOCK_DGRAM).close()


def connect(port):
    socket.create_connection(("localhost", int(port)), 10).close()


def temporary(_):
    with tempfile.TemporaryFile() as file:
        file.write(b"x" * 100_000)


def lock(_):
    multiprocessing.Lock().acquire()


TRIES = {f.__name__: f for f in (read, write, remove, listing, run, fork, call, x32, newuser, family, connect, temporary, lock)}


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    try:
        TRIES[environ["PATH_INFO"].strip("/")](environ["QUERY_STRING"])
        return [b"ok"]
    except OSError as error:
        return [errno.errorcode.get(error.errno, str(error)).encode()]
