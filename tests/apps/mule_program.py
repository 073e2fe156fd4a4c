"""A program for a mule that asks for its messages itself."""

import atexit
import sys
import time

import uwsgi


def say(*words):
    print("said", *words, file=sys.stderr, flush=True)


atexit.register(say, "atexit")
say("program", __name__, uwsgi.worker_id(), uwsgi.mule_id(), sys.argv, uwsgi.in_farm(), uwsgi.in_farm("nofarm"))
began = time.monotonic()
say("nothing", uwsgi.mule_get_msg(timeout=1), 0.9 < time.monotonic() - began < 5)
uwsgi.mule_msg(b"abcdef", uwsgi.mule_id())
say("short", uwsgi.mule_get_msg(buffer_size=3))
while True:
    message = uwsgi.mule_get_msg()
    say("program got", message)
    if message == b"end":
        break
    if message.startswith(b"sleep"):
        time.sleep(60)
