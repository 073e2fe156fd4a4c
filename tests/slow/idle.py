"""Holds many connections that are kept after one request: idle.py HOST PORT COUNT. Says `held` and holds them until its standard
input ends."""
import resource
import socket
import sys

host, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
held = []
for _ in range(count):
    client = socket.create_connection((host, port), timeout=30)
    client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    answer = b""
    while not answer.endswith(b"ok"):
        piece = client.recv(4096)
        if not piece:
            sys.exit(f"closed after {len(held)} connections: {answer!r}")
        answer += piece
    held.append(client)
print("held", flush=True)
sys.stdin.read()
