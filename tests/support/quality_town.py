"""Small services with labels, groups, arms, classes, numbers and rankings: their logs, and their towns."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pyarrow as pa

from fireline.detect.baseline import Baseline
from fireline.runbook.schema import Runbook
from fireline.telemetry.columns import Words
from fireline.telemetry.counters import Rows, declared
from fireline.telemetry.layout import declare
from fireline.telemetry.tally import add_up, tally, tally_quality
from fireline.terms.plan import Plan
from tests.support import logs, town
from tests.support.town import Tables, Town

REFERENCE, LIVE = 28, 6
CLASSES = ("cat", "dog", "bird")
ITEMS = 6


def runbook(task: str, **columns: object) -> Runbook:
    """A runbook for ``log``."""
    return Runbook.model_validate({
        "service": "tests", "task": task, "ownership": {"team": "tests"},
        "columns": {
            "time": "time", "request_id": "request_id", "version": "version", "label": "label", **columns,
        },
        "labels": {"age": "0m"},
        "reference": {"since": "2024-03-04T00:00:00Z", "until": "2024-04-01T00:00:00Z"},
    })  # fmt: skip


def columns_of(task: str) -> dict[str, object]:
    """Which columns the log of ``task`` has."""
    if task == "regression":
        return {"prediction": "prediction"}
    if task == "multiclass":
        return {"prediction": "prediction", "class_scores": {name: f"p_{name}" for name in CLASSES}}
    if task == "ranking":
        return {"score": "score", "query": "query", "item": "item", "rank": "rank"}
    if task == "llm":
        return {}
    return {
        "score": "score",
        "prediction": "prediction",
        "groups": ["sex"],
        "outcome": "outcome",
        "arm": "arm",
    }


def log(task: str, seed: int, rate: float, since: float, until: float) -> tuple[pa.Table, np.ndarray]:
    """Canonical events with a column ``label``, and the labels as numbers."""
    rng = np.random.default_rng(seed)
    at = town.times(rng, rate, since, until)
    if task == "ranking":
        at = np.repeat(at, ITEMS)
    n = len(at)
    columns = {
        "time": pa.array(at, pa.timestamp("us", tz="UTC")),
        "request_id": pa.array(np.char.add(f"{seed}-", np.arange(n).astype(str))),
        "version": pa.array(["A"] * n),
        "shadow": pa.array(np.zeros(n, bool)),
    }
    own, label, number = _parts(task, rng, n, seed)
    return pa.table({**columns, **own, "label": pa.array(label)}), number


def _parts(
    task: str, rng: np.random.Generator, n: int, seed: int
) -> tuple[dict[str, pa.Array], np.ndarray, np.ndarray]:
    if task == "regression":
        said = rng.normal(100, 10, n)
        truth = said + rng.normal(0, 3, n)
        return {"prediction": pa.array(said)}, truth, truth
    if task == "llm":
        won = (rng.random(n) < 0.6).astype(np.float64)
        return {}, won, won
    if task == "multiclass":
        truth = rng.choice(3, n, p=(0.5, 0.3, 0.2))
        scores = rng.dirichlet((1, 1, 1), n) * 0.5
        scores[np.arange(n), truth] += 0.5 * (rng.random(n) < 0.8)
        scores /= scores.sum(axis=1, keepdims=True)
        said = scores.argmax(axis=1)
        own = {f"p_{name}": pa.array(scores[:, i]) for i, name in enumerate(CLASSES)}
        names = np.array(CLASSES)
        own["prediction"] = pa.array(names[said])
        return own, names[truth], (said == truth).astype(np.float64)
    if task == "ranking":
        query = np.arange(n) // ITEMS
        score = rng.random(n)
        place = np.lexsort((-score, query))
        rank = np.empty(n)
        rank[place] = np.arange(n) % ITEMS + 1
        good = (rng.random(n) < 0.5 * score**2).astype(np.float64)
        own = {
            "score": pa.array(score), "rank": pa.array(rank),
            "query": pa.array(np.char.add(f"{seed}q", query.astype(str))),
            "item": pa.array(np.char.add("i", rng.integers(0, 50, n).astype(str))),
        }  # fmt: skip
        return own, good, good
    score = np.round(1 / (1 + np.exp(-rng.normal(-1, 1.5, n))), 4)
    label = (rng.random(n) < score).astype(np.float64)
    arm = rng.choice(("control", "B"), n)
    own = {
        "score": pa.array(score), "prediction": pa.array((score >= 0.5).astype(np.float64)),
        "sex": pa.array(rng.choice(("M", "F"), n, p=(0.6, 0.4))), "arm": pa.array(arm),
        "outcome": pa.array(np.round(rng.gamma(4, 5, n), 2)),
    }  # fmt: skip
    return own, label, label


def labelled(plan: Plan, table: pa.Table, label: np.ndarray) -> Plan:
    """The plan with the reference's shares of labels declared; nothing was judged where nothing was said."""
    made = town.with_labels(plan, label)
    if "prediction" in table.column_names:
        return made
    silent = tuple(
        replace(s, shares=(*s.shares[:3], 0.0, 0.0)) if s.name == "labels" else s for s in made.quality.series
    )
    return replace(made, quality=replace(made.quality, series=silent))


@cache
def built(task: str, arms: bool = True) -> tuple[Town, Baseline]:
    """The town of ``task`` and its baseline; without ``arms`` nothing tells which arm an event was in."""
    rate = {"ranking": 0.8, "binary": 5.0}.get(task, 3.0)
    named = columns_of(task) if arms else {k: v for k, v in columns_of(task).items() if k != "arm"}
    book = runbook(task, **named)
    parts = [log(task, 5, rate, 0, REFERENCE), log(task, 6, rate, REFERENCE, REFERENCE + LIVE)]
    parts = parts if arms else [(table.drop_columns(["arm"]), label) for table, label in parts]
    usual, label = parts[0]
    plan = labelled(declare(book, usual), usual, label)
    feeds = ("events", "cohorts")
    plan = replace(plan, extras=declared(book, plan, Rows(usual, Words(usual), label), feeds))
    rows = []
    for table, number in parts:
        rows += tally(plan, table) + tally_quality(plan, table, number)
    tables: Tables = {}
    days = REFERENCE + LIVE
    for layout in plan.layouts:
        for grain in sorted(set(layout.grains.values())):
            first = logs.START // grain
            tables[layout.name, grain] = add_up(rows, layout, grain, first, first + days * town.DAY // grain)
    made = Town(plan, days, tables)
    return made, town.baseline(made)
