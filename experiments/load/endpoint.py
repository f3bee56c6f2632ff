"""A chat endpoint on loopback that hangs, fails, and answers rubbish, in turn."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HANGS_S = 30.0


class BadEndpoint:
    """What is known of it.

    Attributes:
        url: for `--endpoint`.
        calls: so many it has let down.
    """

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/v1"
        self.calls = 0


@contextmanager
def bad_endpoint() -> Iterator[BadEndpoint]:
    """Run one until the block ends."""
    over = threading.Event()
    turns = itertools.count()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            """Let the caller down."""
            made.calls += 1
            turn = next(turns) % 3
            if turn == 0:
                over.wait(HANGS_S)
                return
            body = b"<html>" if turn == 1 else b'{"choices": [{"message": null}]}'
            self.send_response(500 if turn == 1 else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        made = BadEndpoint(server.server_address[1])
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield made
        finally:
            over.set()
            server.shutdown()
