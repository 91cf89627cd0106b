"""The demo's pager: a receiver of signed webhooks, as a team would run behind its phones."""

from __future__ import annotations

import hmac
import json
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from fireline.channels.webhook import signature

Ring = Callable[[Mapping[str, Any]], None]


class Pager:
    """Listens on a port of its own; each page that is rightly signed, and not known yet, rings once."""

    def __init__(self, secret: str, ring: Ring) -> None:
        self.pages: list[Mapping[str, Any]] = []
        self.forged = 0
        known: set[str] = set()
        pager = self

        class Handler(BaseHTTPRequestHandler):
            """One page a request."""

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if not _signed(secret.encode(), self.headers.get("Fireline-Signature", ""), body):
                    pager.forged += 1
                    self.send_response(401)
                    self.end_headers()
                    return
                page = json.loads(body)
                key = self.headers.get("Idempotency-Key", "")
                if key not in known:
                    known.add(key)
                    pager.pages.append(page)
                    ring(page)
                self.send_response(204)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """The story tells of it."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, name="demo-pager", daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


def _signed(secret: bytes, header: str, body: bytes) -> bool:
    """Whether the header proves that ``body`` comes from who knows ``secret``."""
    at = dict(part.split("=", 1) for part in header.split(",") if "=" in part).get("t", "")
    return at.isdigit() and hmac.compare_digest(header, signature(secret, body, int(at)))
