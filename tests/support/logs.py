"""Small canonical logs for tests of counts and monitors: a service with every kind of column, and its
runbook."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from fireline.runbook.schema import Runbook
from fireline.telemetry.layout import declare
from fireline.terms.plan import Plan

START = 1_709_510_400  # Monday, 4 March 2024, UTC, in seconds
CARRIERS = ("AA", "B6", "DL", "UA", "rare", "=odd|one", "")
DEVICES = ("phone", "desk")


def runbook(task: str = "binary", positive: str | None = None, **changes: Any) -> Runbook:
    """A runbook for ``log``."""
    return Runbook.model_validate(
        {
            "service": "tests",
            "timezone": "America/New_York",
            "task": task,
            "ownership": {"team": "tests"},
            "columns": {
                "time": "time",
                "request_id": "request_id",
                "version": "version",
                "score": "score",
                "prediction": "prediction",
                "label": "label",
                "latency_ms": "latency_ms",
                "status": "status",
                "rung": "rung",
                "shadow": "shadow",
                "flags": ["toxic", "refused"],
                "segments": ["carrier", "device"],
                "features": {
                    "x": "numeric",
                    "zeros": "numeric",
                    "few": "numeric",
                    "same": "numeric",
                    "carrier": "categorical",
                    "tail": "categorical",
                },
            },
            "labels": {"age": "0m", "positive": positive},
            "reference": {"since": "2024-03-04T00:00:00Z", "until": "2024-04-01T00:00:00Z"},
            **changes,
        }
    )


def log(rng: np.random.Generator, times: np.ndarray, wild: bool = False) -> pa.Table:
    """Canonical events at ``times`` (int64 microseconds since 1970, [n]).

    ``wild``: infinities, nulls everywhere, values the reference never saw, values that lie on edges.
    """
    n = len(times)

    def maybe(values: np.ndarray, share: float, kind: pa.DataType | None = None) -> pa.Array:
        return pa.array(values, kind, mask=rng.random(n) < (share if wild else share / 10))

    score = np.round(1 / (1 + np.exp(-rng.normal(-1, 1, n))), 3)
    x = np.round(rng.normal(0, 1, n), 2)
    took = np.exp(rng.normal(4, 0.5, n))
    if wild and n:
        x = np.where(rng.random(n) < 0.2, rng.choice([np.inf, -np.inf, np.nan, 1e300, -4.0, 5e-324], n), x)
        took = np.where(rng.random(n) < 0.1, rng.choice([0.0, 1e9, np.nan], n), took)
    versions = ("A", "B", "") if wild else ("A",)
    carriers = CARRIERS if wild else CARRIERS[:4]
    wrong = rng.random(n) < 0.2
    tails = rng.zipf(1.3, n).clip(0, 300) + (rng.integers(0, 2, n) * 500 if wild else 0)
    return pa.table({
        "time": pa.array(times, pa.timestamp("us", tz="UTC")),
        "request_id": pa.array([f"r{i}" for i in range(n)], pa.string()),
        "version": maybe(rng.choice(versions, n), 0.1, pa.string()),
        "shadow": pa.array(rng.random(n) < (0.2 if wild else 0.0)),
        "weight": pa.array(np.ones(n)),
        "score": maybe(score, 0.1),
        "prediction": maybe(((score > 0.5) ^ wrong).astype(np.float64), 0.1),
        "latency_ms": maybe(took, 0.1),
        "status": pa.array(["200"] * n, pa.string()),
        "error": pa.array(rng.random(n) < 0.05),
        "rung": maybe(rng.choice(("current", "cached", ""), n, p=(0.9, 0.05, 0.05)), 0.1, pa.string()),
        "toxic": maybe(rng.random(n) < 0.1, 0.1),
        "refused": pa.array(np.zeros(n, bool)),
        "carrier": maybe(rng.choice(carriers, n), 0.1, pa.string()),
        "device": maybe(rng.choice(DEVICES, n), 0.1, pa.string()),
        "x": maybe(x, 0.1),
        "zeros": maybe(np.where(rng.random(n) < 0.7, 0.0, np.round(rng.exponential(1, n), 1)), 0.1),
        "few": maybe(rng.choice([0.0, 1.0, 2.0], n), 0.1),
        "same": maybe(np.where(rng.random(n) < 0.1, 8.0, 7.0) if wild else np.full(n, 7.0), 0.1),
        "tail": maybe(np.char.add("N", tails.astype(str)), 0.1, pa.string()),
        "row": pa.array(np.arange(1, n + 1)),
    })  # fmt: skip


def truth(rng: np.random.Generator, events: pa.Table, known: float = 0.8) -> np.ndarray:
    """Labels float64 [n]: 0, 1, or NaN where unknown; likelier 1 for a higher score."""
    score = np.nan_to_num(events.column("score").to_numpy(), nan=0.3)
    label = (rng.random(len(events)) < score).astype(np.float64)
    return np.where(rng.random(len(events)) < known, label, np.nan)


def reference(rows: int = 3000) -> pa.Table:
    """Reference events, tame, over a day."""
    rng = np.random.default_rng(20)
    return log(rng, np.sort(rng.integers(START, START + 86_400, rows)) * 1_000_000)


def plan(task: str = "binary", positive: str | None = None) -> Plan:
    """The plan declared from ``reference``."""
    return declare(runbook(task, positive), reference())
