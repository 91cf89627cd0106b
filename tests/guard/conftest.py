"""A real server on loopback that speaks the guard's contract, and may be told to misbehave."""

from __future__ import annotations

import asyncio
import gzip
import json
import threading
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from fireline.guard import signed
from fireline.terms.switch import Route, Switch
from tests.support.listening import free_port

KEY = "5ec4e7" * 8
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LONG = 60.0
"""Seconds that a call hangs for whoever waits for it: a test that takes less has not waited."""


def switch(version: int, *routes: Route, service: str = "pricing", expires_at=None) -> Switch:
    return Switch(service, version, tuple(routes), NOW, expires_at, "because a test says so")


def rollback(share: float = 1.0, to: str = "A", lasts: timedelta | None = None, **more) -> Route:
    return Route(
        "m-1", version=to, share=share, expires_at=datetime.now(UTC) + lasts if lasts else None, **more
    )


def envelope(told: Switch, key: str = KEY) -> dict[str, str]:
    text = json.dumps(told.as_json())
    return {"switch": text, "signature": signed(text, bytes.fromhex(key))}


class Ticks:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.at = 100.0

    def __call__(self) -> float:
        return self.at


class Listener(ThreadingHTTPServer):
    """Takes many guards at once."""

    daemon_threads = True
    request_queue_size = 128


class Server:
    """Keeps what it was sent; ``answers`` are statuses (with headers) to give before it takes anything."""

    def __init__(self) -> None:
        self.rows, self.labels, self.keys, self.heads, self.guards, self.sizes = [], [], [], [], [], []
        self.answers: list[tuple[int, dict[str, str]]] = []
        self.out = envelope(switch(0))
        self.version = 0
        self.clock = ""
        self.news = threading.Condition()
        self.http: Listener | None = None
        self.port = free_port()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self.http = Listener(("127.0.0.1", self.port), _handler(self))
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def stop(self) -> None:
        if self.http is not None:
            self.http.shutdown()
            self.http.server_close()
            self.http = None
            with self.news:
                self.news.notify_all()

    def put(self, told: Switch, key: str = KEY) -> None:
        self.put_raw(envelope(told, key), told.version)

    def put_raw(self, out: dict[str, str], version: int) -> None:
        with self.news:
            self.out, self.version = out, version
            self.news.notify_all()


def _handler(server: Server):
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *args):
            pass

        def do_GET(self):
            parts = urlsplit(self.path)
            server.guards.append(self.headers["Fireline-Guard"])
            known = int(self.headers["If-None-Match"].strip('"'))
            end = time.monotonic() + float(parse_qs(parts.query)["wait"][0])
            with server.news:
                while server.version == known and time.monotonic() < end and server.http is not None:
                    server.news.wait(0.05)
                changed = server.version != known
                body = json.dumps(server.out).encode() if changed else b""
            if server.http is None:
                self.close_connection = True
                return
            headers = {"ETag": f'"{server.version}"'} | (
                {"Fireline-Clock": server.clock} if server.clock else {}
            )
            self._answer(200 if changed else 304, headers, body)

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            server.heads.append(dict(self.headers))
            server.keys.append(self.headers["Idempotency-Key"])
            rows = [json.loads(line) for line in gzip.decompress(body).splitlines()]
            if server.answers:
                status, headers = server.answers.pop(0)
                self._answer(status, headers, b'{"error": "told to"}')
                return
            server.sizes.append(len(rows))
            into = server.labels if urlsplit(self.path).path.endswith("labels") else server.rows
            into.extend(rows)
            said = {"taken": len(rows), "duplicate_batch": False, "quarantined": []}
            self._answer(200, {}, json.dumps(said).encode())

        def _answer(self, status, headers, body):
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if status != 304:
                self.wfile.write(body)

    return Handler


@pytest.fixture
def server():
    made = Server()
    made.start()
    yield made
    made.stop()


@pytest.fixture(autouse=True)
def _alone(monkeypatch, tmp_path):
    """No guard of a test finds a server, or another's state, by itself."""
    for name in ("FIRELINE_URL", "FIRELINE_TOKEN", "FIRELINE_SWITCH_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("FIRELINE_STATE", str(tmp_path / "state"))


async def settled(holds, seconds: float = 30.0) -> None:
    """The loop's other tasks go on until ``holds()`` comes true."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "what runs beside the call did not end"
        await asyncio.sleep(0.001)


def until(holds, seconds: float = 30.0) -> bool:
    """Whether ``holds()`` came true in that time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if holds():
            return True
        time.sleep(0.005)
    return bool(holds())
