"""Made-up traffic with a served version and another one's shadow on the same requests."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fireline.clock import MICROS, micros
from tests.lifecycle.make import at

Columns = dict[str, NDArray[Any]]
HOUR = 3600 * MICROS


def traffic(n: int, since: datetime, hours: float, seed: int = 1, version: str = "A") -> Columns:
    """``n`` live requests of a well model: AUC about 0.76, 2 % errors, 5 % nulls in x."""
    rng = np.random.default_rng(seed)
    time = np.sort(micros(since) + (rng.random(n) * hours * HOUR).astype(np.int64))
    x = rng.normal(size=n)
    score = 1 / (1 + np.exp(-(x - 1)))
    label = (rng.random(n) < score).astype(float)
    x = np.where(rng.random(n) < 0.05, np.nan, x)
    return {
        "time": time,
        "request_id": np.array([f"{since:%d%H}-{seed}-{i}" for i in range(n)], dtype=object),
        "version": np.full(n, version, dtype=object),
        "shadow": np.zeros(n, bool),
        "score": score,
        "label": label,
        "error": rng.random(n) < 0.02,
        "latency_ms": rng.lognormal(3, 0.5, n),
        "x": x,
        "carrier": rng.choice(np.array(["UA", "DL", "B6"], dtype=object), n),
    }


def answered_by(columns: Columns, version: str, *, shadow: bool = False, **changed: Any) -> Columns:
    """The same requests answered by another version, some columns changed."""
    n = len(columns["time"])
    return columns | {"version": np.full(n, version, dtype=object), "shadow": np.full(n, shadow)} | changed


def both(*parts: Columns) -> Columns:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def noisy(columns: Columns, much: float, seed: int = 7) -> NDArray[Any]:
    """The score with so much noise on its logit."""
    rng = np.random.default_rng(seed)
    logit = np.log(columns["score"] / (1 - columns["score"]))
    return np.asarray(1 / (1 + np.exp(-(logit + rng.normal(0, much, len(logit))))))


def reference(n: int = 20_000) -> Columns:
    return traffic(n, at(days=-14), 14 * 24, seed=3)
