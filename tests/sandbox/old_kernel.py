"""Runs a program as on a kernel without Landlock, whose system calls then do not exist: old_kernel.py PROGRAM ARGUMENT..."""

import ctypes
import errno
import os
import struct
import sys

LOAD, JUMP_LESS, RETURN = 0x20, 0x35, 0x06
ALLOW, ERRNO = 0x7FFF0000, 0x00050000
FIRST, LAST = 444, 446  # landlock_create_ruleset, landlock_add_rule, landlock_restrict_self; the same everywhere.
PROGRAM = [
    (LOAD, 0, 0, 0),  # the number of the call
    (JUMP_LESS, 0, 1, FIRST),
    (JUMP_LESS, 0, 1, LAST + 1),
    (RETURN, 0, 0, ALLOW),
    (RETURN, 0, 0, ERRNO | errno.ENOSYS),
]


class Filter(ctypes.Structure):
    _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.c_char_p)]


libc = ctypes.CDLL(None, use_errno=True)
code = b"".join(struct.pack("HBBI", *step) for step in PROGRAM)
for words in [(38, 1, 0, 0, 0), (22, 2, ctypes.byref(Filter(len(PROGRAM), code)))]:
    if libc.prctl(*words) != 0:
        raise OSError(ctypes.get_errno(), "prctl")
os.execv(sys.argv[1], ["rsgi", *sys.argv[2:]])
