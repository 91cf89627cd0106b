"""What is seen of a service beside its events: gauges, calls to dependencies, canaries, users' reports."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fireline.clock import MICROS, from_micros, iso, micros
from fireline.drill.population import Floats, Ints, chance

MINUTE = 60 * MICROS
KINDS = ("gauge", "call", "canary", "report")
GAUGES = {
    "cpu": (0.34, 0.02, 0.12),
    "memory": (0.55, 0.01, 0.02),
    "gpu": (0.41, 0.02, 0.15),
    "queue_depth": (2.0, 0.5, 1.0),
    "replicas": (4.0, 0.0, 1.0),
    "learner_loss": (0.36, 0.01, 0.0),
    "learner_weight_norm": (12.0, 0.05, 0.0),
    "learner_updates": (60.0, 4.0, 20.0),
}
"""Name -> usual level, spread from minute to minute, and what a doubled load adds."""
DEPENDENCIES = {"feature-store": 4.0, "vendor-model": 180.0}
"""Name -> usual latency in ms."""
CANARIES = ("plain question", "known customer")
REPORTS = ("the answer is wrong", "this makes no sense", "it refused to help", "outdated information")
CALL_FAILURES = 0.002
CALLS_A_MINUTE = 4.0
CANARY_EVERY = 5


@dataclass
class Samples:
    """Samples side by side, one a row: ``time`` (int64 us), ``kind`` and ``name`` (codes), ``value``,
    ``latency`` (NaN none), ``ok`` (-1 none, else 0 or 1), ``message`` (code, -1 none), ``gone``."""

    names: list[str]
    messages: list[str]
    rows: dict[str, NDArray[Any]]
    more: list[dict[str, Any]] = field(default_factory=list)

    def message(self, text: str) -> int:
        """The code of a message, new when it was never said."""
        if text not in self.messages:
            self.messages.append(text)
        return self.messages.index(text)

    def add(self, at: int, kind: str, name: str, **figures: Any) -> None:
        """One more sample at ``at`` (microseconds)."""
        self.more.append({"at": iso(from_micros(at)), "kind": kind, "name": name, **figures})


Upsetting = Callable[[Samples, Ints, Floats, np.random.Generator], None]


@dataclass(frozen=True)
class Upset:
    """What goes differently with samples of ``kind`` (and ``name``) in [since, until): ``strength`` climbs
    from 0 to 1 over ``ramp``."""

    kind: str
    since: datetime
    do: Upsetting
    name: str | None = None
    until: datetime | None = None
    ramp: timedelta = timedelta(0)

    def reach(self, samples: Samples) -> tuple[Ints, Floats]:
        """The samples it touches and how strongly."""
        at = samples.rows["time"]
        found = (at >= micros(self.since)) & (samples.rows["kind"] == KINDS.index(self.kind))
        if self.until is not None:
            found &= at < micros(self.until)
        if self.name is not None:
            found &= samples.rows["name"] == samples.names.index(self.name)
        rows = np.flatnonzero(found)
        if not self.ramp:
            return rows, np.ones(len(rows))
        climbed = (at[rows] - micros(self.since)) / (self.ramp.total_seconds() * MICROS)
        return rows, np.minimum(climbed, 1.0)


def signals(seed: int, start: datetime, rate: Floats, upsets: tuple[Upset, ...]) -> list[dict[str, Any]]:
    """All samples as JSON rows, by time. ``rate`` is the expected requests of each minute [minutes]."""
    first = micros(start)
    load = rate / max(float(rate.mean()), 1e-9) - 1
    parts = [*_gauges(seed, first, load), *_calls(seed, first, rate), *_canaries(seed, first, len(rate))]
    parts.append(_reports(seed, first, rate))
    names = [*GAUGES, *DEPENDENCIES, *CANARIES, "report"]
    samples = Samples(names, list(REPORTS), _joined(parts, names))
    for number, upset in enumerate(upsets):
        rows, strength = upset.reach(samples)
        upset.do(samples, rows, strength, chance(seed, "upset", number))
    told = [*_told(samples), *samples.more]
    return sorted(told, key=lambda row: (row["at"], row["kind"], row["name"]))


Part = dict[str, Any]


def _gauges(seed: int, first: int, load: Floats) -> list[Part]:
    found = []
    at = first + np.arange(len(load), dtype=np.int64) * MINUTE
    for name, (level, spread, by_load) in GAUGES.items():
        noise = chance(seed, "gauge", name).normal(0, 1, len(load)) * spread
        value = np.maximum(level + by_load * load + noise, 0.0)
        found.append({"kind": "gauge", "name": name, "time": at, "value": np.round(value, 4)})
    return found


def _calls(seed: int, first: int, rate: Floats) -> list[Part]:
    found = []
    for name, usual in DEPENDENCIES.items():
        rng = chance(seed, "calls", name)
        minute = np.repeat(
            np.arange(len(rate), dtype=np.int64), rng.poisson(np.minimum(rate, CALLS_A_MINUTE))
        )
        at = np.sort(first + minute * MINUTE + (rng.random(len(minute)) * MINUTE).astype(np.int64))
        ok = (rng.random(len(at)) >= CALL_FAILURES).astype(np.int8)
        took = np.round(usual * rng.lognormal(0, 0.4, len(at)), 2)
        found.append({"kind": "call", "name": name, "time": at, "ok": ok, "latency": took})
    return found


def _canaries(seed: int, first: int, minutes: int) -> list[Part]:
    at = first + np.arange(0, minutes, CANARY_EVERY, dtype=np.int64) * MINUTE
    found = []
    for name in CANARIES:
        rng = chance(seed, "canary", name)
        took = np.round(90 * rng.lognormal(0, 0.3, len(at)), 2)
        found.append(
            {"kind": "canary", "name": name, "time": at, "ok": np.ones(len(at), np.int8), "latency": took}
        )
    return found


def _reports(seed: int, first: int, rate: Floats) -> Part:
    rng = chance(seed, "reports")
    minute = np.repeat(np.arange(len(rate), dtype=np.int64), rng.poisson(rate * 0.002))
    at = np.sort(first + minute * MINUTE + (rng.random(len(minute)) * MINUTE).astype(np.int64))
    return {"kind": "report", "name": "report", "time": at, "message": rng.integers(0, len(REPORTS), len(at))}


def _joined(parts: list[Part], names: list[str]) -> dict[str, NDArray[Any]]:
    sizes = [len(part["time"]) for part in parts]
    none: dict[str, float] = {"value": np.nan, "latency": np.nan, "ok": -1, "message": -1}
    rows: dict[str, NDArray[Any]] = {
        "time": np.concatenate([part["time"] for part in parts]),
        "kind": np.repeat([KINDS.index(part["kind"]) for part in parts], sizes),
        "name": np.repeat([names.index(part["name"]) for part in parts], sizes),
        "gone": np.zeros(sum(sizes), np.bool_),
    }
    for column, empty in none.items():
        filled = [part.get(column, np.full(n, empty)) for part, n in zip(parts, sizes, strict=True)]
        rows[column] = np.concatenate(filled)
    return rows


def _told(samples: Samples) -> list[dict[str, Any]]:
    rows = samples.rows
    found = []
    for i in np.flatnonzero(~rows["gone"]):
        row: dict[str, Any] = {
            "at": iso(from_micros(int(rows["time"][i]))),
            "kind": KINDS[rows["kind"][i]],
            "name": samples.names[rows["name"][i]],
        }
        if not np.isnan(rows["value"][i]):
            row["value"] = float(rows["value"][i])
        if rows["ok"][i] >= 0:
            row["ok"] = bool(rows["ok"][i])
        if not np.isnan(rows["latency"][i]):
            row["latency_ms"] = float(rows["latency"][i])
        if rows["message"][i] >= 0:
            row["message"] = samples.messages[int(rows["message"][i])]
        found.append(row)
    return found
