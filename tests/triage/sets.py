"""Small books made by hand: a reference and a window after it, in which single things are changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from fireline.clock import MICROS, micros
from fireline.triage.book import Book
from fireline.triage.case import Frame
from fireline.triage.figure import Moment, moment
from fireline.triage.onset import Onset
from fireline.triage.windows import Windows, windows
from tests.triage.scenes import runbook

START = datetime(2026, 3, 2, tzinfo=UTC)
ONSET = START + timedelta(days=17)
NOW = ONSET + timedelta(hours=12)
REGIONS = np.array(["north", "south", "east", "west", "isles"], dtype=object)


@dataclass
class Made:
    """A book with its windows around ONSET and the moment figures are made at."""

    book: Book
    spans: Windows
    at: Moment
    onset: Onset


def columns(seed: int, since: datetime, until: datetime, per_hour: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    hours = (until - since).total_seconds() / 3600
    n = int(hours * per_hour)
    time = np.sort(rng.uniform(0, hours * 3600 * MICROS, n).astype(np.int64)) + micros(since)
    score = rng.beta(2, 5, n)
    return {
        "time": time,
        "request_id": np.array([f"q{seed}-{i}" for i in range(n)], dtype=object),
        "version": np.full(n, "A", dtype=object),
        "shadow": np.zeros(n, dtype=bool),
        "region": rng.choice(REGIONS, n, p=[0.3, 0.25, 0.2, 0.15, 0.1]),
        "channel": rng.choice(np.array(["web", "app", "partner"], dtype=object), n),
        "device": rng.choice(
            np.array(["phone", "laptop", "tablet", "tv"], dtype=object), n, p=[0.5, 0.3, 0.15, 0.05]
        ),
        "plan": rng.choice(np.array(["free", "basic", "pro"], dtype=object), n),
        "amount": np.exp(rng.normal(3.7, 0.6, n)),
        "age": np.round(rng.normal(40, 12, n)),
        "distance": rng.gamma(2, 10, n),
        "warmth": rng.normal(10, 5, n),
        "hour": rng.uniform(0, 24, n),
        "pace": rng.normal(0, 1, n),
        "host": rng.choice(np.array(["h1", "h2", "h3"], dtype=object), n),
        "source": rng.choice(np.array([f"s{i}" for i in range(30)], dtype=object), n),
        "error": rng.random(n) < 0.01,
        "latency_ms": np.exp(rng.normal(4, 0.3, n)),
        "status": np.full(n, "200", dtype=object),
        "score": score,
        "label": (rng.random(n) < score).astype(float),
        "label_time": (time + 3600 * MICROS).astype(float),
    }


def hit(rows: dict[str, Any]) -> Any:
    """Where the rows after are past the onset."""
    return rows["time"] >= micros(ONSET)


def make(
    change: Any = None, seed: int = 1, per_hour: int = 200, width: timedelta = timedelta(minutes=5)
) -> Made:
    """Two weeks of reference, three calm days and half a day since ONSET; ``change(rows)`` alters the rows
    after."""
    before = columns(seed, START, START + timedelta(days=14), per_hour // 2)
    after = columns(seed + 1000, ONSET - timedelta(days=3), NOW, per_hour)
    if change is not None:
        after = change(after) or after
    book = Book(Frame(before), Frame(after), runbook(labels={"age": "2h", "usual_share": 1.0}))
    spans = windows(book, ONSET, ONSET + width)
    onset = Onset(ONSET, ONSET + width, "step", timedelta(0), 0, 20.0, "")
    return Made(book, spans, moment(book, spans.hit, NOW), onset)
