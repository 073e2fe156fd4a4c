"""Answers what the machine tests ask for."""

import os
import sys
import time


def application(environ, start_response):
    path = environ["PATH_INFO"]
    body = f"hello from Python {sys.version_info[0]}.{sys.version_info[1]} in {os.getpid()}"
    if path == "/sleep":
        time.sleep(60)
    elif path == "/secret":
        with open(os.environ["CREDENTIALS_DIRECTORY"] + "/secret") as secret:
            body = secret.read()
    elif path == "/greeting":
        body = os.environ.get("GREETING", "none")
    elif path.startswith("/write"):
        try:
            with open(path.removeprefix("/write"), "w") as file:
                file.write("written")
            body = "written"
        except OSError as error:
            body = f"denied: {error.strerror}"
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [body.encode()]
