"""Healthy service-months in which everything is watched: what `bench/worlds.py --sets healthy` plays.

Five tasks by turns; protected groups, a KPI, rungs, embeddings, feature ages, the local hour as an input,
signals, jobs and training data in each. Every second one lies over the change of clocks, every third one
asks for the optional kinds as well, and all decisions may act by themselves: what they would do is then to
be seen.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from fireline.clock import iso, parse_time
from fireline.detect.registry import kinds
from fireline.drill.jobs import PARAMS, SCHEDULES
from fireline.drill.world import Task
from fireline.drill.worlds import World

TASKS: tuple[Task, ...] = get_args(Task)
WINTER, CLOCKS_CHANGE = datetime(2026, 1, 5, tzinfo=UTC), datetime(2026, 2, 9, tzinfo=UTC)
TRAINED = 20_000  # rows of training data


def month(seed: int, reference: float, live: float, per_minute: float) -> World:
    """A healthy service's life, one harmless deploy in it."""
    return World(
        seed=seed, days=reference + live, reference_days=reference, per_minute=per_minute,
        start=CLOCKS_CHANGE if seed % 2 else WINTER, features=6, segments=2, task=TASKS[seed % len(TASKS)],
        groups=2, kpi=True, rungs=True, embedding=8, ages=True, hours=True, signals=True, jobs=True,
    )  # fmt: skip


def optional(seed: int) -> bool:
    """Whether the month asks for the optional kinds too."""
    return seed % 3 == 2


def agreed(text: str, seed: int) -> str:
    """The drafted runbook ``text`` with what a team adds: what its jobs owe, decisions that act, and (by
    ``seed``) monitors of every optional kind."""
    plain: dict[str, Any] = yaml.safe_load(text)
    plain["jobs"] = [
        {"name": one.job, "every": f"{one.every // timedelta(minutes=1)}m", "oldest_data": "3h"}
        for one in SCHEDULES
    ]
    plain["jobs"][-1] |= {
        "gate": True,
        "parameters": {name: [0, 2 * value] for name, value in PARAMS.items()},
    }
    for row in plain["decisions"]:
        row["authority"] = "auto"
    if optional(seed):
        asked = [
            {"monitor": kind.name, "on": True, "because": "asked for"} for kind in kinds() if kind.optional
        ]
        plain["monitors"] = [*(plain.get("monitors") or ()), *asked]
    return yaml.safe_dump(plain, sort_keys=False)


def trained_on(events: Path, until: datetime, folder: Path) -> str:
    """Writes training data, rows of the first half of the reference drawn at even steps; its file name."""
    table = pq.read_table(events)
    at = table.column("time").cast(pa.timestamp("us", "UTC")).to_numpy()
    first = at.min()
    half = first + (parse_time(iso(until)).replace(tzinfo=None) - first.astype(datetime)) / 2
    early = table.filter(pa.array(at < half))
    step = max(1, len(early) // TRAINED)
    pq.write_table(early.take(pa.array(range(0, len(early), step))), folder / "training.parquet")
    return "training.parquet"
