"""A receiver of webhooks on loopback, as strict as a device that rings: it keeps everything it was sent, in
order, and a test says "this, and nothing else"."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


@dataclass(frozen=True)
class Call:
    """One request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Receiver:
    """Answers what ``answers`` gives (a status, or headers too), then always 204; ``before`` runs first."""

    answers: list[int | tuple[int, dict[str, str]]] = field(default_factory=list)
    before: Callable[[Call], None] | None = None
    calls: list[Call] = field(default_factory=list)

    def __enter__(self) -> Self:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                call = Call(self.command, self.path, headers, body)
                receiver.calls.append(call)
                if receiver.before is not None:
                    receiver.before(call)
                said = receiver.answers.pop(0) if receiver.answers else 204
                status, more = said if isinstance(said, tuple) else (said, {})
                try:
                    self.send_response(status)
                    for name, value in {"Content-Length": "0", **more}.items():
                        self.send_header(name, value)
                    self.end_headers()
                except OSError:
                    return

            do_GET = do_POST = answer

            def log_message(self, format: str, *args: Any) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, args=[0.02], daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    @property
    def port(self) -> int:
        return int(self.server.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    @property
    def rang(self) -> list[tuple[str, str]]:
        """(kind, incident) of everything received, duplicates by key told apart as a receiver does."""
        seen: set[str] = set()
        said = []
        for call in self.calls:
            key = call.headers["idempotency-key"]
            if key not in seen:
                seen.add(key)
                said.append((call.json["kind"], call.json["incident"]))
        return said
