"""A client of HTTP/2 with the framing, the coding and the judgement of python-h2 (single-threaded: one TLS connection).

    peer.py requests ADDRESS    asks what stdin lists as JSON, whether it may be asked or not; tells how each ended, a line each
    peer.py manners ADDRESS     behaves as a client should in many ways; tells what it got
"""

import json
import socket
import ssl
import sys

import h2.config
import h2.connection
import h2.events
import h2.settings

PATIENCE = 20


class Peer:
    """One connection."""

    def __init__(self, address, careful=True):
        host, port = address.split(":")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols(["h2"])
        raw = socket.create_connection((host, int(port)), timeout=PATIENCE)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = context.wrap_socket(raw, server_hostname="localhost")
        assert self.socket.selected_alpn_protocol() == "h2"
        # What comes is always judged; what goes out only when we behave.
        config = h2.config.H2Configuration(
            client_side=True,
            header_encoding="latin-1",
            validate_outbound_headers=careful,
            normalize_outbound_headers=careful,
        )
        self.h2 = h2.connection.H2Connection(config)
        self.h2.initiate_connection()
        self.flush()
        self.events = []

    def flush(self):
        self.socket.sendall(self.h2.data_to_send())

    def next(self):
        """The next event; None is the end of the connection."""
        while not self.events:
            try:
                data = self.socket.recv(65536)
            except (ConnectionResetError, ssl.SSLError):
                return None
            if not data:
                return None
            self.events = self.h2.receive_data(data)
            self.flush()
        return self.events.pop(0)

    def end_of(self, stream):
        """How a stream ends."""
        status, headers, pieces = 0, [], []
        while event := self.next():
            if isinstance(event, h2.events.ConnectionTerminated):
                return {"end": "goaway", "code": int(event.error_code)}
            if getattr(event, "stream_id", None) != stream:
                continue
            if isinstance(event, h2.events.StreamReset):
                return {"end": "reset", "code": int(event.error_code)}
            if isinstance(event, h2.events.ResponseReceived):
                headers = list(event.headers)
                status = int(dict(headers)[":status"])
            if isinstance(event, h2.events.DataReceived):
                pieces.append(event.data)
                self.h2.acknowledge_received_data(event.flow_controlled_length, stream)
                self.flush()
            if isinstance(event, h2.events.StreamEnded):
                body = b"".join(pieces).decode("latin-1")
                return {"end": "answer", "status": status, "headers": headers, "body": body}
        return {"end": "closed"}


def latin(fields):
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields]


def requests(address):
    peer = Peer(address, careful=False)
    for asked in json.load(sys.stdin):
        stream = peer.h2.get_next_available_stream_id()
        pieces, trailers = asked["body"], asked["trailers"]
        peer.h2.send_headers(stream, latin(asked["fields"]), end_stream=not pieces and not trailers)
        for number, piece in enumerate(pieces, 1):
            peer.h2.send_data(stream, piece.encode("latin-1"), end_stream=number == len(pieces) and not trailers)
        if trailers:
            peer.h2.send_headers(stream, latin(trailers), end_stream=True)
        peer.flush()
        end = peer.end_of(stream)
        print(json.dumps(end), flush=True)
        if end["end"] in ("goaway", "closed"):
            peer = Peer(address, careful=False)


def manners(address):
    peer = Peer(address)

    def ask(method, path, more=(), body=None):
        stream = peer.h2.get_next_available_stream_id()
        fields = [(":method", method), (":scheme", "https"), (":authority", "localhost"), (":path", path), *more]
        peer.h2.send_headers(stream, fields, end_stream=body is None)
        peer.flush()
        heard = []
        while body:
            # As the windows and the frames allow.
            room = min(peer.h2.local_flow_control_window(stream), peer.h2.max_outbound_frame_size, len(body))
            if room == 0:
                heard.append(peer.next())
                continue
            piece, body = body[:room], body[room:]
            peer.h2.send_data(stream, piece, end_stream=not body)
            peer.flush()
        peer.events = heard + peer.events
        return stream

    def tell(name, stream):
        end = peer.end_of(stream)
        print(name, end["end"], end.get("status", end.get("code")), len(end.get("body", "")), flush=True)

    tell("get", ask("GET", "/hello"))
    tell("head", ask("HEAD", "/hello"))
    tell("post", ask("POST", "/read", body=b"x" * 10))
    tell("a large body", ask("POST", "/read", body=b"x" * 3_000_000))
    tell("a large answer", ask("GET", "/big"))
    peer.h2.update_settings({h2.settings.SettingCodes.HEADER_TABLE_SIZE: 0})
    peer.flush()
    tell("no table", ask("GET", "/hello", [("x-one", "1")]))
    peer.h2.update_settings({h2.settings.SettingCodes.HEADER_TABLE_SIZE: 4096})
    tell("a table again", ask("GET", "/hello", [("x-one", "1")]))
    peer.h2.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 1000})
    tell("small windows", ask("GET", "/large"))
    peer.h2.update_settings({h2.settings.SettingCodes.MAX_FRAME_SIZE: 1 << 20})
    tell("large frames", ask("GET", "/large"))
    peer.h2.ping(b"how are ")
    tell("a ping", ask("GET", "/hello"))
    streams = [ask("GET", "/hello") for _ in range(100)]
    done = sum(peer.end_of(stream)["status"] == 200 for stream in streams[-1:])
    print("many at once", done, flush=True)
    stream = ask("GET", "/big")
    peer.h2.reset_stream(stream, 8)
    peer.flush()
    tell("behind a reset", ask("GET", "/hello"))
    names = {name for name, _ in peer.end_of(ask("GET", "/hello"))["headers"]}
    assert names & {"connection", "keep-alive", "transfer-encoding", "upgrade"} == set(), names
    peer.h2.close_connection()
    peer.flush()
    while peer.next():
        pass
    print("the end", flush=True)


{"requests": requests, "manners": manners}[sys.argv[1]](sys.argv[2])
