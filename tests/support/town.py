"""A small faultless service over weeks, as counts: what monitors are tried on, and faults made by editing
them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pyarrow as pa

from fireline.detect.baseline import Baseline, learn
from fireline.runbook.schema import Runbook
from fireline.telemetry.columns import Words
from fireline.telemetry.counters import Rows, declared
from fireline.telemetry.layout import declare
from fireline.telemetry.tally import add_up, tally, tally_quality
from fireline.terms.counts import Scope
from fireline.terms.plan import Layout, Plan
from tests.support import logs

DAY = 86_400
MICRO = 1_000_000
PIECE = 50_000
Dress = Callable[[pa.Table, np.random.Generator], pa.Table]
Tables = dict[tuple[str, int], dict[Scope, np.ndarray]]


@dataclass(frozen=True)
class Town:
    """Counts of ``days`` from ``logs.START``, by layout name and grain, each [ticks, width] a scope."""

    plan: Plan
    days: int
    tables: Tables

    def read(self, layout: Layout, grain: int, low: int, high: int) -> Mapping[Scope, np.ndarray]:
        """What a judge reads; ticks outside the town's days are empty."""
        first = logs.START // grain
        ticks = self.days * DAY // grain
        before, after = max(0, first - low), max(0, high - first - ticks)
        inside = slice(min(max(low - first, 0), ticks), max(min(high - first, ticks), 0))
        beside = (min(before, high - low), min(after, high - low))
        found = {scope: counts[inside] for scope, counts in self.tables.get((layout.name, grain), {}).items()}
        for counts in found.values():
            counts.flags.writeable = False  # it is the town's own
        return found if beside == (0, 0) else {s: np.pad(c, (beside, (0, 0))) for s, c in found.items()}

    def at(self, day: float) -> int:
        """Microseconds since 1970 of a day of the town."""
        return (logs.START + int(day * DAY)) * MICRO

    def edited(self, edit: Callable[[Tables], None]) -> Town:
        """A copy with other counts."""
        copies = _Copies(self.tables)
        edit(copies)
        return replace(self, tables=self.tables | copies)


class _Copies(Tables):
    """Copies of the tables that are asked for: all of a town's are hundreds of megabytes."""

    def __init__(self, tables: Tables) -> None:
        super().__init__()
        self.tables = tables

    def __missing__(self, key: tuple[str, int]) -> dict[Scope, np.ndarray]:
        self[key] = {scope: counts.copy() for scope, counts in self.tables[key].items()}
        return self[key]


def times(rng: np.random.Generator, rate: float, since: float, until: float) -> np.ndarray:
    """Instants of requests, ``rate`` a minute on average, more by day and on weekdays: int64 microseconds."""
    minutes = np.arange(int(since * 1440), int(until * 1440))
    shape = (1 + 0.6 * np.sin(2 * np.pi * (minutes / 60 - 9) / 24)) * np.where(
        (minutes // 1440) % 7 >= 5, 0.7, 1.0
    )
    count = rng.poisson(rate * shape)
    second = np.repeat(minutes * 60, count) + rng.integers(0, 60, count.sum())
    return (logs.START + np.sort(second)) * MICRO


def events(
    seed: int, rate: float, since: float, until: float, newcomer: float = 0.0
) -> tuple[pa.Table, np.ndarray]:
    """Events of those days and their labels; ``newcomer`` is the share that version B serves, as well as
    A."""
    rng = np.random.default_rng(seed)
    table = logs.log(rng, times(rng, rate, since, until))
    served = np.where(rng.random(len(table)) < newcomer, "B", "A")
    table = table.set_column(table.column_names.index("version"), "version", pa.array(served))
    return table, logs.truth(rng, table)


def with_labels(plan: Plan, label: np.ndarray) -> Plan:
    """The plan with the reference's shares of labels declared."""
    known = float((~np.isnan(label)).mean())
    judged = 0.0 if plan.task == "regression" else known
    shares = (1.0, known, float((label == 1).mean()), judged, judged * 0.8)
    series = tuple(replace(s, shares=shares) if s.name == "labels" else s for s in plan.quality.series)
    return replace(plan, quality=replace(plan.quality, series=series))


def build(
    seed: int = 1,
    rate: float = 5.0,
    reference: int = 28,
    live: int = 30,
    task: str = "binary",
    newcomer: float = 0.0,
    dress: Dress | None = None,
    **changes: object,
) -> Town:
    """A town whose first ``reference`` days are the reference; version B joins on the first live day.

    ``dress`` adds columns to its events, ``changes`` say so in the runbook.
    """
    usual, label = events(seed, rate, 0, reference)
    lived, after = events(seed + 1, rate, reference, reference + live, newcomer)
    if dress is not None:
        rng = np.random.default_rng(seed + 100)
        usual, lived = dress(usual, rng), dress(lived, rng)
    book = logs.runbook(task, **changes)
    plan = with_labels(declare(book, usual), label)
    plan = replace(plan, extras=declared(book, plan, Rows(usual, Words(usual)), ("events",)))
    rows = []
    for table, truth in ((usual, label), (lived, after)):
        if task == "regression":
            said = table.column("prediction").to_numpy()
            truth = said + np.random.default_rng(seed).normal(0, 0.3, len(said))
        for low in range(0, len(table), PIECE):
            part = table.slice(low, PIECE)
            rows += tally(plan, part) + tally_quality(plan, part, truth[low : low + PIECE])
    days = reference + live
    tables: Tables = {}
    for layout in plan.layouts:
        for grain in sorted(set(layout.grains.values())):
            first = logs.START // grain
            tables[layout.name, grain] = add_up(rows, layout, grain, first, first + days * DAY // grain)
    return Town(plan, days, tables)


def baseline(town: Town, days: int = 28) -> Baseline:
    """What is usual in the town's first ``days``."""
    until = town.at(days)
    return learn(town.plan, town.read, town.at(0), until, until, lambda what: None)


@cache
def calm() -> tuple[Town, Baseline]:
    """A binary service at 5 requests a minute, and its baseline."""
    town = build(live=30, newcomer=0.1)
    return town, baseline(town)


@cache
def calm_numbers() -> tuple[Town, Baseline]:
    """The same with a regression task, a few live days."""
    town = build(seed=7, live=7, task="regression")
    return town, baseline(town)


def runbook(**changes: object) -> Runbook:
    """The town's runbook."""
    return logs.runbook(**changes)
