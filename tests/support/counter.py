"""A model service for tests of the living loop: a process with a guard around two versions of a tiny model.

    python -m tests.support.counter --service NAME --port 8701 --state DIR --blank FEATURE [--deploy B]

It starts in a blink (standard library only). Version A answers what the log says it answered; version B
loses FEATURE in seven of ten requests, and its answer wanders with it.
"""

from __future__ import annotations

import argparse
import json
import sys
import zlib
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from fireline.clock import EPOCH, Clock, SystemClock
from fireline.guard import Guard, HeardClock, Refused, Rung

Row = Mapping[str, Any]


def version_a(row: Row) -> dict[str, Any]:
    """What the log says was answered."""
    return {**row, "by": "A"}


def version_b(row: Row, blank: str) -> dict[str, Any]:
    """The same with its feature code broken."""
    answer = dict(row)
    if zlib.crc32(str(row["request_id"]).encode()) % 10 < 7:
        answer.pop(blank, None)
        answer["score"] = round(min(0.99, 0.5 * answer["score"] + 0.45), 6)
        answer["prediction"] = int(answer["score"] > 0.5)
    return answer | {"by": "B"}


class Counter:
    """The guarded service. Its clock is the player's, or the real one."""

    def __init__(self, service: str, state: Path, blank: str, deployed: str, real: bool) -> None:
        self.clock: Clock = SystemClock() if real else HeardClock(EPOCH)
        self.guard = Guard(
            service,
            [
                Rung("current", kind="current", version="B", call=lambda row: version_b(row, blank)),
                Rung("last known good", kind="last_known_good", version="A", call=version_a),
                Rung("closed", kind="closed"),
            ],
            deploy={deployed: 1.0},
            describe=_described,
            exercise=0.0,
            clock=self.clock,
            state=state,
            wait=5.0,
            stale_after=3.0,
            outbox={"every": 0.05},
        )

    def step(self, rows: list[Row]) -> dict[str, Any]:
        """Each row is a request at its own time; who answered each."""
        answered: dict[str, int] = {}
        for row in rows:
            if isinstance(self.clock, HeardClock):
                self.clock.hear(row["at"])
            try:
                said = self.guard.call(
                    {name: value for name, value in row.items() if name != "at"},
                    key=row["request_id"],
                    segments={"region": row["region"]},
                )
                by = said["by"]
            except Refused:
                by = "nobody"
            answered[by] = answered.get(by, 0) + 1
        return {"answered": answered}

    def answer(self, path: str, told: Any) -> Any:
        """What the player asks for."""
        match path:
            case "/step":
                return self.step(told)
            case "/deploy":
                self.guard.deploy(told)
                return {"deployed": told}
            case "/flush":
                return {"away": self.guard.flush(float(told)), **self.guard.status()}
            case "/obeys":
                self.guard.wire.start(None)
                return {"version": self.guard.version}
            case _:
                return self.guard.status()


def _described(answer: Row) -> dict[str, Any]:
    own = ("request_id", "by")
    return {name: value for name, value in answer.items() if name not in own and value is not None}


def serve(counter: Counter, port: int) -> None:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            told = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"null")
            body = json.dumps(counter.answer(self.path, told), default=str).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    print("up", flush=True)
    server.serve_forever()


def main() -> int:
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("--service", required=True)
    ask.add_argument("--port", type=int, required=True)
    ask.add_argument("--state", type=Path, required=True)
    ask.add_argument("--blank", required=True)
    ask.add_argument("--deploy", default="A")
    ask.add_argument("--real-clock", action="store_true")
    told = ask.parse_args()
    serve(Counter(told.service, told.state, told.blank, told.deploy, told.real_clock), told.port)
    return 0


if __name__ == "__main__":
    sys.exit(main())
