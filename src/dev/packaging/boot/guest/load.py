"""A hundred requests a second, a new connection each, until a line comes in; then tells how many were lost."""

import select
import socket
import sys

where = sys.argv[1]


def answered():
    try:
        if where.startswith("/"):
            stream = socket.socket(socket.AF_UNIX)
            stream.connect(where)
        else:
            stream = socket.create_connection(("127.0.0.1", int(where)))
        with stream:
            stream.settimeout(20)
            stream.sendall(b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n")
            answer = b""
            while piece := stream.recv(4096):
                answer += piece
        return answer.split(b" ", 2)[1:2] == [b"200"]
    except OSError as error:
        print(error, file=sys.stderr)
        return False


sent = lost = 0
while True:
    sent += 1
    lost += not answered()
    if sent == 10:
        print("serving" if lost == 0 else "lost already", flush=True)
    if select.select([sys.stdin], [], [], 0.01)[0]:
        break
print(f"lost {lost} of {sent}", flush=True)
