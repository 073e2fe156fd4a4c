"""The processes of this container as JSON: who they are, whose child, and their memory in kilobytes."""

import json
import os
import time


def processes():
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                title = file.read().replace(b"\0", b" ").decode(errors="replace").strip()
            with open(f"/proc/{pid}/stat") as file:
                parent = int(file.read().rsplit(") ", 1)[1].split()[1])
            with open(f"/proc/{pid}/smaps_rollup") as file:
                sizes = dict(line.split()[:2] for line in file.readlines()[1:])
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(pid) == os.getpid():
            continue
        kilobytes = {name.rstrip(":"): int(size) for name, size in sizes.items()}
        private = kilobytes["Private_Clean"] + kilobytes["Private_Dirty"]
        found.append({"pid": int(pid), "parent": parent, "title": title, "rss": kilobytes["Rss"], "pss": kilobytes["Pss"], "private": private})
    return found


# One that is just beginning or ending may not be looked at; one that stays so is a fault.
for patience in (0.2, 0.5, 1, 2, None):
    try:
        print(json.dumps(processes()))
        break
    except PermissionError:
        if patience is None:
            raise
        time.sleep(patience)
