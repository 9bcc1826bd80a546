"""A provider that says exactly what a test wrote down, and can break off: what the scripted ones cannot be told to do."""

import http.server
import json
import socket
import struct
import sys
import threading
from dataclasses import dataclass
from typing import Tuple

# How an answer ends: properly, or without the end that HTTP wants, by FIN or by RST.
CLEAN = "clean"
CLOSE = "close"
RESET = "reset"

# A wait that only a broken test reaches.
PATIENCE_SECONDS = 30


@dataclass(frozen=True)
class Reply:
    """One answer: its pieces one by one, then its end. A broken end waits for `release`: a reset overtakes what is on its way."""

    status: int = 200
    content_type: str = "application/json"
    pieces: Tuple[bytes, ...] = ()
    end: str = CLEAN


def events(*pieces, end=CLEAN):
    """A stream of these pieces, each a write of its own."""
    return Reply(content_type="text/event-stream", pieces=tuple(piece.encode() for piece in pieces), end=end)


def whole(document, status=200):
    """A JSON answer."""
    return Reply(status=status, pieces=(json.dumps(document).encode(),))


class OwnProvider:
    """A server on a free port of 127.0.0.1 that gives every request the same reply, until it is given another."""

    def __init__(self):
        self.reply = None
        # What was asked, as JSON.
        self.requests = []
        self._may_end = threading.Event()
        provider = self

        class Handler(_Handler):
            owner = provider

        self._server = _Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def root(self):
        """Its URL, without a path."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()

    def forget(self):
        """As new: no reply, no requests, and ends that wait."""
        self.reply = None
        self.requests = []
        self._may_end = threading.Event()

    def release(self):
        """The client has seen what came before the end. An answer that is never released stalls."""
        self._may_end.set()


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """A gateway that hangs up is nothing to report."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    owner = None

    def do_POST(self):
        owner = self.owner
        reply, may_end = owner.reply, owner._may_end
        owner.requests.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        self.send_response(reply.status)
        self.send_header("content-type", reply.content_type)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for piece in reply.pieces:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        if reply.end == CLEAN:
            self.wfile.write(b"0\r\n\r\n")
            return
        may_end.wait(PATIENCE_SECONDS)
        self.close_connection = True
        if reply.end == RESET:
            # Closing with a linger time of zero sends RST in place of FIN.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()

    def log_message(self, *_):
        """Nothing: what was asked is in `requests`."""
