"""Websockets by uwsgi.websocket_*, one behaviour a path."""

import select
import time

import uwsgi


def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/plain":
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"plain"]
    if path == "/refuse":
        start_response("403 Forbidden", [("Content-Length", "2")])
        return [b"no"]
    try:
        if path == "/chosen":
            uwsgi.websocket_handshake(environ["HTTP_SEC_WEBSOCKET_KEY"], environ.get("HTTP_ORIGIN", ""), "second")
        else:
            uwsgi.websocket_handshake()
    except OSError as error:
        print(f"handshake: {error}")
        return []
    try:
        PATHS.get(path, echo)()
    except OSError as error:
        print(f"over: {error}")
    if path == "/framework":
        start_response("200 OK", [("Content-Length", "4")])
        return [b"body"]
    return ""


def echo():
    while True:
        uwsgi.websocket_send(uwsgi.websocket_recv())


def binary():
    while True:
        uwsgi.websocket_send_binary(uwsgi.websocket_recv())


def greet():
    uwsgi.websocket_send("héllo")
    uwsgi.websocket_send(b"bytes")
    uwsgi.websocket_send_binary(b"\x00\xff")


def poll():
    """As python-socketio and flask-uwsgi-websocket wait: on the descriptor, then without blocking."""
    fd = uwsgi.connection_fd()
    while uwsgi.is_connected(fd):
        select.select([fd], [], [], 1)
        message = uwsgi.websocket_recv_nb()
        while message:
            uwsgi.websocket_send(message)
            message = uwsgi.websocket_recv_nb()
    print("polled to the end")


def disconnect():
    uwsgi.websocket_recv()
    uwsgi.disconnect()
    uwsgi.websocket_send("too late")


def fail():
    raise ValueError("an application that fails")


def late():
    uwsgi.websocket_recv()
    time.sleep(60)


def deaf():
    time.sleep(6)


PATHS = {
    "/binary": binary,
    "/greet": greet,
    "/framework": greet,
    "/poll": poll,
    "/disconnect": disconnect,
    "/fail": fail,
    "/late": late,
    "/deaf": deaf,
}
