"""Talks to an echo application by the library `websockets`: client.py URL [binary]. Prints what it has seen."""

import ssl
import sys

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

url, kinds = sys.argv[1], sys.argv[2:]
context = None
if url.startswith("wss:"):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE

messages = [b"", b"\x00\xff", bytes(300), bytes(range(256)) * 2000] if "binary" in kinds else ["", "é", "x" * 126, "y" * 400_000]
with connect(url, ssl=context, subprotocols=["chat", "other"], max_size=None) as socket:
    print("protocol", socket.subprotocol)
    for message in messages:
        socket.send(message)
        assert socket.recv(timeout=10) == message, len(message)
    print("messages", len(messages))
    pieces = [message[:1] for message in messages if message]
    socket.send(pieces)
    assert socket.recv(timeout=10) == pieces[0][:0].join(pieces)
    print("fragments", len(pieces))
    assert socket.ping(b"are you there").wait(10)
    print("pong")
    socket.close(4321, "enough")
    try:
        socket.recv()
    except ConnectionClosed as closed:
        print("closed", closed.rcvd.code if closed.rcvd else None)
