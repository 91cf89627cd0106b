"""A service with two dependencies, gauges, an age, a canary and users' reports, as counts over weeks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pyarrow as pa

from fireline.detect.baseline import Baseline
from fireline.telemetry.columns import Words
from fireline.telemetry.counters import Rows, declared
from fireline.telemetry.signals import SCHEMA
from fireline.telemetry.tally import add_up, tally_signals
from fireline.terms.counts import SERVICE
from tests.support import logs
from tests.support import town as towns
from tests.support.places import Place
from tests.support.town import DAY, MICRO, Tables, Town

DAYS, REFERENCE = 34, 28
DECLARED = [
    {"name": "cpu", "kind": "gauge", "above": 0.9},
    {"name": "orders_table", "kind": "age", "above": 7200},
    {"name": "refund", "kind": "canary", "every": "5m"},
]


def sampled(seed: int, since: float, until: float) -> pa.Table:
    """Canonical signals of some days."""
    rng = np.random.default_rng(seed)
    minutes = np.arange(int(since * 1440), int(until * 1440))
    parts = [
        _calls(rng, minutes, "features", 20, 0.004, 12.0), _calls(rng, minutes, "vectors", 5, 0.001, 40.0),
        _figures(rng, minutes, "gauge", "cpu", np.clip(0.5 + 0.2 * np.sin(minutes / 229), 0, 1), 0.05),
        _figures(rng, minutes[::5], "gauge", "weights_norm", np.full(len(minutes[::5]), 3.0), 0.1),
        _figures(rng, minutes[::10], "age", "orders_table", 1800 + 60.0 * (minutes[::10] % 60), 30),
        _calls(rng, minutes[::5], "refund", 1, 0.001, 90.0, "canary"),
        _reports(rng, minutes), _reports(rng, minutes, "error", "fetch"),
    ]  # fmt: skip
    return pa.concat_tables(parts).sort_by("time")


def _rows(kind: str, name: str, at: np.ndarray, **columns: np.ndarray) -> pa.Table:
    n = len(at)
    found = {field.name: pa.nulls(n, field.type) for field in SCHEMA}
    found |= {name: pa.array(values) for name, values in columns.items()}
    found |= {
        "time": pa.array((logs.START + at) * MICRO, pa.timestamp("us", "UTC")),
        "kind": pa.array([kind] * n), "name": pa.array([name] * n), "row": pa.array(np.arange(n)),
    }  # fmt: skip
    return pa.table(found, schema=SCHEMA)


def _calls(
    rng: np.random.Generator, minutes: np.ndarray, name: str, rate: float, errors: float, ms: float,
    kind: str = "call",
) -> pa.Table:  # fmt: skip
    count = rng.poisson(rate, len(minutes)) if kind == "call" else np.ones(len(minutes), int)
    at = np.repeat(minutes * 60, count) + rng.integers(0, 60, count.sum())
    return _rows(
        kind, name, at, ok=rng.random(len(at)) >= errors, latency_ms=ms * rng.lognormal(0, 0.4, len(at))
    )


def _figures(
    rng: np.random.Generator, minutes: np.ndarray, kind: str, name: str, usual: np.ndarray, spread: float
) -> pa.Table:
    return _rows(kind, name, minutes * 60, value=usual + rng.normal(0, spread, len(minutes)))


def _reports(
    rng: np.random.Generator, minutes: np.ndarray, kind: str = "report", name: str = "wrong"
) -> pa.Table:
    return _rows(kind, name, np.repeat(minutes * 60, rng.poisson(0.02, len(minutes))))


@cache
def place() -> tuple[Town, Baseline]:
    """The service, and what is usual in its first weeks."""
    book = logs.runbook(signals=DECLARED)
    events, _ = towns.events(3, 1.0, 0, 2)
    plan = towns.declare(book, events)
    usual = sampled(1, 0, REFERENCE)
    plan = replace(plan, extras=declared(book, plan, Rows(usual, Words(usual)), ("signals",)))
    rows = tally_signals(plan, usual) + tally_signals(plan, sampled(2, REFERENCE, DAYS))
    tables: Tables = {}
    for layout in plan.extras:
        for grain in set(layout.grains.values()):
            first = logs.START // grain
            tables[layout.name, grain] = add_up(rows, layout, grain, first, first + DAYS * DAY // grain)
    town = Town(plan, DAYS, tables)
    return town, towns.baseline(town, REFERENCE)


def cells(series: str, cell: str, share: float) -> Callable[[Town, Tables, float], None]:
    """``share`` of a signal's samples get ``cell``; with a share below 0 that much of them is lost."""

    def edit(town: Town, tables: Tables, day: float) -> None:
        layout = town.plan.layout("signals")
        counts = tables["signals", 60][SERVICE][int(day * DAY) // 60 :, layout.span(series)]
        n, at = counts[:, 0], layout.by_name[series].cells.index(cell)
        counts[:, at] = np.random.default_rng(0).binomial(n, abs(share)) if share > 0 else 0

    return edit


def more(series: str) -> Callable[[Town, Tables, float], None]:
    """One more every other minute."""

    def edit(town: Town, tables: Tables, day: float) -> None:
        span = town.plan.layout("signals").span(series)
        counts = tables["signals", 60][SERVICE][int(day * DAY) // 60 :, span]
        counts[:, 0] += np.random.default_rng(0).poisson(0.5, len(counts))

    return edit


def heavier(town: Town, tables: Tables, day: float) -> None:
    """The norm of the weights grows by six of its standard deviations."""
    span = town.plan.layout("gauges").span("gauge:weights_norm")
    counts = tables["gauges", 900][SERVICE][int(day * DAY) // 900 :, span]
    counts[:, 2] += 12 * counts[:, 1] + 36_000_000 * counts[:, 0]
    counts[:, 1] += 6_000_000 * counts[:, 0]


KINDS = {
    "dependency_errors": Place(place, cells("call:features", "failed", 0.2), "features"),
    "dependency_latency": Place(place, cells("call:vectors", "slow", 0.6), "vectors"),
    "saturation": Place(place, cells("gauge:cpu", "beyond", 0.7), "cpu"),
    "staleness": Place(place, cells("age:orders_table", "beyond", 0.9), "orders_table"),
    "canary_failing": Place(place, cells("canary:refund", "failed", 0.95), "refund"),
    "signal_silence": Place(place, cells("canary:refund", "n", -1), "refund", empty_is_data=True),
    "report_rate": Place(place, more("report:wrong"), "wrong", empty_is_data=True),
    "error_lines": Place(place, more("error:fetch"), "fetch", empty_is_data=True),
    "gauge_shift": Place(place, heavier, "weights_norm"),
}
