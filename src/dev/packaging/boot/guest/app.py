"""Tells what it is made of. `/slow` takes a while, and says in the log that it has begun; `/allowed` tries what a server must not do."""

import ctypes
import mmap
import os
import socket
import sys
import time

CLONE_NEWUTS = 0x04000000


def unshare():
    if ctypes.CDLL(None).unshare(CLONE_NEWUTS):
        raise OSError


ATTEMPTS = {
    "write into /etc": lambda: open("/etc/attempt", "w"),
    "write beside its code": lambda: open(__file__ + ".attempt", "w"),
    "see the first process": lambda: os.stat("/proc/1/status"),
    "look into /root": lambda: os.listdir("/root"),
    "become root": lambda: os.setuid(0),
    "make a device": lambda: os.mknod("/tmp/attempt", 0o20600, os.makedev(1, 3)),
    "open a raw socket": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW),
    "enter a namespace": unshare,
    "get memory to write and execute": lambda: mmap.mmap(
        -1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC
    ),
    "go before others": lambda: os.nice(-1),
}


def allowed():
    for name, attempt in ATTEMPTS.items():
        try:
            attempt()
            yield name
        except OSError:
            pass


def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/slow":
        print("slow has begun", flush=True)
        time.sleep(2)
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    secret = open(folder + "/secret").read().strip() if folder else None
    told = {"uid": os.getuid(), "pid": os.getpid(), "secret": secret, "greeting": os.environ.get("GREETING")}
    if path == "/allowed":
        told = {"allowed": len(list(allowed())), "which": ", ".join(allowed())}
    start_response("200 OK", [("Content-Type", "text/plain")])
    return ["".join(f"{name}={value}\n" for name, value in told.items()).encode()]


# Run by root and outside of any sandbox, all of it works: the attempts are worth something.
if __name__ == "__main__":
    missing = ATTEMPTS.keys() - set(allowed())
    sys.exit(f"even root cannot: {missing}" if missing else 0)
