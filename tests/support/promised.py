"""A service of which everything can be promised: its rows, what they come to when counted by hand, and its
counts in a store, old ones rolled up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cache, cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from fairlearn import metrics as fair
from sklearn import metrics as sk

from fireline.clock import from_micros
from fireline.live.keeping import Keeping, keep_small
from fireline.reader import CountsReader
from fireline.runbook.schema import Runbook, Slo
from fireline.store import Store
from fireline.telemetry.columns import Words
from fireline.telemetry.counters import Rows, declared
from fireline.telemetry.layout import declare
from fireline.telemetry.tally import tally, tally_quality
from fireline.terms.counts import SERVICE, CountsRow
from fireline.terms.plan import Plan
from tests.support import logs, town

Array = np.ndarray
DAYS, RATE = 16, 1.2
START_US = logs.START * 10**6
HOUR, MINUTE = 3600 * 10**6, 60 * 10**6
END = START_US + DAYS * 24 * HOUR
SILENT = (START_US + 15 * 24 * HOUR + 7 * HOUR, START_US + 15 * 24 * HOUR + 8 * HOUR)
"""An hour in which nothing came."""


def runbook(task: str = "binary", **more: Any) -> Runbook:
    """Its runbook."""
    known = logs.runbook().columns.model_dump(exclude_defaults=True)
    columns = {**known, "groups": ["sex"], "outcome": "outcome", "feature_times": {"x": "x_time"}}
    return logs.runbook(task, columns=columns, labels={"age": "2h"}, **more)


@dataclass(frozen=True)
class Made:
    """Rows as arrays, the plan, and the store with their counts."""

    plan: Plan
    store: Store
    rows: dict[str, Array]
    task: str
    known: dict[tuple[str, int, int], float | None] = field(default_factory=dict)

    def figure(self, name: str, at: int, step: int) -> float | None:
        """A slice's figure, computed once."""
        if (name, at, step) not in self.known:
            self.known[name, at, step] = FIGURES[name](self.between(at, at + step).rows)
        return self.known[name, at, step]

    @cached_property
    def reader(self) -> CountsReader:
        return CountsReader(self.store, "tests", SERVICE)

    def counts(self, layout: Any, grain: int, first: int, stop: int) -> Any:
        return self.reader(layout, grain, first, stop).get(SERVICE)

    def between(self, since: int, until: int) -> Made:
        """Only the rows of then."""
        low, high = np.searchsorted(self.rows["time"], (since, until))
        return replace(self, rows={name: column[low:high] for name, column in self.rows.items()}, known={})


def events(task: str, seed: int = 3) -> tuple[pa.Table, Array]:
    """Canonical rows and labels; a few came late."""
    rng = np.random.default_rng(seed)
    at = town.times(rng, RATE, 0, DAYS)
    at = at[(at < SILENT[0]) | (at >= SILENT[1])]
    table, n = logs.log(rng, at), len(at)
    took = rng.exponential(100.0, n)
    score = np.round(1 / (1 + np.exp(-rng.normal(-1, 1.5, n))), 2)  # each value has a bin of its own
    label = (rng.random(n) < score).astype(float)
    said = (score >= 0.4).astype(float)
    if task == "regression":
        said = rng.normal(50, 10, n)
        label = said + rng.normal(0, 4, n)
    own: dict[str, Any] = {
        "score": score, "prediction": said, "outcome": np.round(rng.gamma(4, 5, n), 2),
        "sex": rng.choice(("M", "F"), n, p=(0.6, 0.4)), "x.age": took, "late": rng.random(n) < 0.02,
    }  # fmt: skip
    for name, values in own.items():
        column = pa.array(values)
        place = table.column_names.index(name) if name in table.column_names else len(table.column_names)
        table = table.set_column(place, name, column) if place < len(table.column_names) else (
            table.append_column(name, column)
        )  # fmt: skip
    return table, np.where(rng.random(n) < 0.9, label, np.nan)


@cache
def tallied(task: str) -> tuple[Plan, dict[int, list[CountsRow]], dict[str, Array]]:
    """The plan, the counts of each day, and the rows that came in time."""
    table, label = events(task)
    plan = town.with_labels(declare(runbook(task), table), label)
    whole = Rows(table, Words(table), label)
    plan = replace(plan, extras=declared(runbook(task), plan, whole, ("events", "cohorts")))
    days = table.column("time").cast(pa.int64()).to_numpy() // (24 * HOUR)
    on_time = ~table.column("late").to_numpy(zero_copy_only=False)
    counted = {}
    for day in np.unique(days).tolist():
        cohort = (days == day) & on_time
        counted[day] = tally(plan, table.filter(pa.array(days == day)))
        counted[day] += tally_quality(plan, table.filter(pa.array(cohort)), label[cohort])
    rows = {name: table.column(name).to_numpy(zero_copy_only=False)[on_time] for name in table.column_names}
    rows |= {"time": table.column("time").cast(pa.int64()).to_numpy()[on_time], "label": label[on_time]}
    return plan, counted, rows


def made(task: str = "binary", keeping: Keeping | None = None) -> Made:
    """The service counted, and its old counts rolled up by ``keeping``."""
    plan, counted, rows = tallied(task)
    store = Store.open(":memory:")
    for day, counts in counted.items():
        with store.begin() as tx:
            tx.commit_batch(f"day-{day}", at=from_micros(END), service="tests", counts=counts)
    if keeping is not None:
        keep_small(store, "tests", from_micros(END), from_micros(END), keeping)
    return Made(plan, store, rows, task)


# -- by hand --


def by_hand(one: Made, slo: Slo, since: int, until: int) -> tuple[float, float]:
    """What was bad of what, row by row."""
    if slo.sliced is not None:
        return _slices(one, slo, since, until)
    rows = one.between(since, until).rows
    bad, counted = _events(one, slo, rows)
    return float((bad & counted).sum()), float(counted.sum())


def _events(one: Made, slo: Slo, rows: dict[str, Array]) -> tuple[Array, Array]:
    everything = np.ones(len(rows["time"]), bool)
    took = rows["latency_ms"].astype(float)
    told = ~np.isnan(rows["label"]) & ~np.isnan(rows["prediction"].astype(float))
    limit = one.plan.layout("ages").series[0].edges[1] if slo.indicator == "freshness" else 0.0
    found: dict[str, tuple[Array, Array]] = {
        "availability": (rows["error"].astype(bool), everything),
        "null_share": (np.isnan(rows["x"].astype(float)), everything),
        "flag_rate": (np.array([v is True for v in rows["toxic"].tolist()]), everything),
        "fallback_share": (rows["rung"] == "cached", everything),
        "latency": (took >= (slo.threshold or 0), ~np.isnan(took)),
        "accuracy": (rows["prediction"].astype(float) != rows["label"], told),
        "freshness": (rows["x.age"] > limit, everything),
    }
    return found[slo.indicator]


def _slices(one: Made, slo: Slo, since: int, until: int) -> tuple[float, float]:
    assert slo.sliced is not None
    step = slo.sliced // timedelta(microseconds=1)
    starts = range(-(-since // step) * step, until // step * step, step)
    if slo.indicator == "freshness":
        return _stale(one, slo, [at for at in starts if at >= START_US], step)
    figures = [one.figure(slo.indicator, at, step) for at in starts]
    known = [figure for figure in figures if figure is not None]
    missed = [(f < slo.threshold) if slo.side == "floor" else (f > slo.threshold) for f in known]  # type: ignore[operator]
    return float(sum(missed)), float(len(known))


def _stale(one: Made, slo: Slo, starts: list[int], step: int) -> tuple[float, float]:
    """A minute is stale when nothing came in it and the whole minutes before that make up the threshold."""
    filled = set(np.unique(one.rows["time"] // MINUTE).tolist())
    lead = int((slo.threshold or 60) // 60)
    bad = [
        any(not any(m - k in filled for k in range(lead)) for m in range(at // MINUTE, (at + step) // MINUTE))
        for at in starts
    ]
    return float(sum(bad)), float(len(bad))


def _auc(rows: dict[str, Array]) -> float | None:
    known = ~np.isnan(rows["label"])
    label, score = rows["label"][known], rows["score"][known]
    few = min((label == 0).sum(), (label == 1).sum())
    return float(sk.roc_auc_score(label, score)) if few >= 20 else None


def _rmse(rows: dict[str, Array]) -> float | None:
    known = ~np.isnan(rows["label"])
    if known.sum() < 20:
        return None
    return float(np.sqrt(sk.mean_squared_error(rows["label"][known], rows["prediction"][known])))


def _bias(rows: dict[str, Array]) -> float | None:
    known = ~np.isnan(rows["label"])
    if known.sum() < 20:
        return None
    return abs(float(rows["label"][known].mean() - rows["score"][known].mean()))


def _kpi(rows: dict[str, Array]) -> float | None:
    return float(rows["outcome"].mean()) if len(rows["outcome"]) >= 20 else None


def _parity(rows: dict[str, Array]) -> float | None:
    said, sex = rows["prediction"], rows["sex"]
    if min((sex == "M").sum(), (sex == "F").sum()) < 30:
        return None
    return float(fair.demographic_parity_difference(said, said, sensitive_features=sex))


def _odds(rows: dict[str, Array], classes: tuple[int, ...], figure: Callable[..., float]) -> float | None:
    known = ~np.isnan(rows["label"])
    label, said, sex = rows["label"][known], rows["prediction"][known], rows["sex"][known]
    fewest = min(((sex == s) & (label == y)).sum() for s in "MF" for y in classes)
    return float(figure(label, said, sensitive_features=sex)) if fewest >= 30 else None


FIGURES: dict[str, Callable[[dict[str, Array]], float | None]] = {
    "auc": _auc,
    "rmse": _rmse,
    "calibration": _bias,
    "kpi": _kpi,
    "demographic_parity": _parity,
    "equal_opportunity": lambda rows: _odds(rows, (1,), fair.equal_opportunity_difference),
    "equalized_odds": lambda rows: _odds(rows, (0, 1), fair.equalized_odds_difference),
}
