"""The player: sends the flights of March to the service, its labels to Fireline, and owns the clock."""

from __future__ import annotations

import http.client
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from fireline.clock import from_micros, iso, micros
from fireline.demo.delay_model import ASKED_BEFORE, CATEGORICAL, NUMERIC, features
from fireline.demo.timetable import Timetable
from fireline.errors import FirelineError

STEP = timedelta(minutes=5)


class Line:
    """A connection that is kept, and opened anew when the other side closed it."""

    def __init__(self, port: int, token: str = "", patience: float = 120.0) -> None:
        self._port, self._token, self._patience = port, token, patience
        self._connection: http.client.HTTPConnection | None = None

    def post(self, path: str, body: Any, form: str = "application/json", **headers: str) -> Any:
        """POST and read JSON. Raises FirelineError for any other status than 2xx."""
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self._ask("POST", path, sent, {"Content-Type": form, **headers})

    def get(self, path: str) -> Any:
        """GET and read JSON. Raises FirelineError for any other status than 2xx."""
        return self._ask("GET", path, None, {})

    def _ask(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Any:
        if self._token:
            headers = {**headers, "Authorization": f"Bearer {self._token}"}
        for again in (True, False):
            connection = self._connection or http.client.HTTPConnection(
                "127.0.0.1", self._port, timeout=self._patience
            )
            self._connection = connection
            try:
                connection.request(method, path, body, dict(headers))
                answer = connection.getresponse()
                text = answer.read()
            except (http.client.HTTPException, OSError) as error:
                connection.close()
                self._connection = None
                if again:
                    continue
                raise FirelineError(
                    f"nobody answers on port {self._port}: {error}",
                    todo="see the output above",
                    permanent=False,
                ) from None
            if answer.status >= 300:
                raise FirelineError(f"{method} {path} was answered with {answer.status}: {text[:300]!r}")
            return json.loads(text or b"null")
        return None


@dataclass(frozen=True, slots=True)
class Deploy:
    """What the deploy pipeline does, and when."""

    at: datetime
    split: Mapping[str, float]
    change: Mapping[str, Any]


@dataclass
class Player:
    """Plays ``flights`` step by step. The clock moves only when Fireline has done what was due."""

    flights: Timetable
    weather: Any
    service: Line
    fireline: Line
    name: str
    deploys: Sequence[Deploy]
    now: datetime
    requests: int = 0
    refused: int = 0
    _flight: int = field(default=0, init=False)
    _label: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        asked = self.flights.departs - ASKED_BEFORE
        self._order = np.argsort(asked, kind="stable")
        self._asked = asked[self._order]
        self._known_order = np.argsort(self.flights.known, kind="stable")
        self._known = self.flights.known[self._known_order]
        self._columns = features(self.flights, self.weather, "local")
        self._utc = (self.flights.departs // (3600 * 1_000_000) % 24).astype(float)
        self._flight = int(np.searchsorted(self._asked, micros(self.now)))
        self._label = int(np.searchsorted(self._known, micros(self.now)))
        self._deployed = sum(d.at < self.now for d in self.deploys)

    def step(self) -> datetime:
        """Everything of the next five minutes, and then the clock; the time it is now."""
        end = self.now + STEP
        for deploy in self.deploys[self._deployed :]:
            if deploy.at < end:
                self.service.post("/deploy", dict(deploy.split))
                self.fireline.post("/v1/changes", dict(deploy.change))
                self._deployed += 1
        sent = 0
        for at, flight in self._due(end):
            self._request(at, flight)
            sent += 1
        if sent:
            self.service.post("/flush", {})
        self._labels(end)
        self.fireline.post("/v1/drill/clock", {"to": iso(end)})
        self.now = end
        return end

    def _due(self, end: datetime) -> Iterator[tuple[datetime, dict[str, Any]]]:
        until = int(np.searchsorted(self._asked, micros(end)))
        for place in range(self._flight, until):
            row = int(self._order[place])
            yield from_micros(int(self._asked[place])), self._raw(row)
        self._flight = until

    def _raw(self, row: int) -> dict[str, Any]:
        """A request as the airline's system sends it: both clocks' hours, the weather, the flight."""
        found: dict[str, Any] = {"request_id": str(self.flights.request_id[row])}
        for name in NUMERIC:
            value = float(self._columns[name][row])
            found[name] = value if math.isfinite(value) else None
        for name in CATEGORICAL:
            found[name] = str(self._columns[name][row])
        found["local_hour"], found["utc_hour"] = found.pop("dep_hour"), float(self._utc[row])
        return found

    def _request(self, at: datetime, flight: Mapping[str, Any]) -> None:
        self.requests += 1
        try:
            self.service.post("/score", flight, **{"Fireline-Clock": iso(at)})
        except FirelineError as error:
            if "503" not in error.message:
                raise
            self.refused += 1

    def _labels(self, end: datetime) -> None:
        until = int(np.searchsorted(self._known, micros(end)))
        rows = [int(self._known_order[place]) for place in range(self._label, until)]
        self._label = until
        lines = [
            json.dumps({
                "request_id": str(self.flights.request_id[row]), "label": int(self.flights.late[row]),
                "label_time": iso(from_micros(int(self.flights.known[row]))),
            }).encode()
            for row in rows
        ]  # fmt: skip
        if lines:
            path, form = f"/v1/labels?service={self.name}", "application/x-ndjson"
            self.fireline.post(path, b"\n".join(lines) + b"\n", form)
