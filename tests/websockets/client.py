"""Talks to an echo application by the library `websockets`: client.py URL [binary]. Prints what it has seen.

The library's asyncio client, because that has one thread: `websockets.sync` reads and writes one TLS connection from
two, which OpenSSL does not allow and CPython guards against from 3.13 on only. Before, a request sent while the
server's session tickets arrive may be waited for in vain.
"""

import asyncio
import ssl
import sys

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

BINARY = [b"", b"\x00\xff", bytes(300), bytes(range(256)) * 2000]
TEXT = ["", "é", "x" * 126, "y" * 400_000]


async def talk(url, messages):
    context = None
    if url.startswith("wss:"):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    async with connect(url, ssl=context, subprotocols=["chat", "other"], max_size=None, proxy=None) as socket:
        print("protocol", socket.subprotocol)
        for message in messages:
            await socket.send(message)
            assert await asyncio.wait_for(socket.recv(), 10) == message, len(message)
        print("messages", len(messages))
        pieces = [message[:1] for message in messages if message]
        await socket.send(pieces)
        assert await asyncio.wait_for(socket.recv(), 10) == pieces[0][:0].join(pieces)
        print("fragments", len(pieces))
        await asyncio.wait_for(await socket.ping(b"are you there"), 10)
        print("pong")
        await socket.close(4321, "enough")
        try:
            await socket.recv()
        except ConnectionClosed as closed:
            print("closed", closed.rcvd.code if closed.rcvd else None)


url, kinds = sys.argv[1], sys.argv[2:]
asyncio.run(talk(url, BINARY if "binary" in kinds else TEXT))
