"""Takes the reference of a service out of its log: edges, counts and what is usual, frozen in one file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa

from fireline.clock import MICROS, iso, micros
from fireline.detect.baseline import Baseline, learn
from fireline.detect.kinds import Array
from fireline.errors import InputError, Where
from fireline.ingest import log_of, training_of
from fireline.recording import quality_rows
from fireline.runbook.load import load
from fireline.runbook.schema import Runbook
from fireline.telemetry.columns import Words, booleans, has, times
from fireline.telemetry.counters import Rows, declared
from fireline.telemetry.dedup import Dedup
from fireline.telemetry.labels import join_labels
from fireline.telemetry.layout import declare
from fireline.telemetry.log import Log
from fireline.telemetry.signals import NO_SIGNALS
from fireline.telemetry.tally import add_up, outcome, tally, tally_signals
from fireline.terms.counts import CountsRow, Scope
from fireline.terms.plan import Layout, Plan

DAY = 86_400
DAY_US = DAY * MICROS
LEAST_ROWS = 200
ROWS = 100_000
Progress = Callable[[str, float], None]


def take_baseline(
    runbook_path: Path,
    events: Iterable[Path | str],
    *,
    log: Log | None = None,
    signals: pa.Table | None = None,
    training: Path | None = None,
    progress: Progress = lambda what, done: None,
) -> Baseline:
    """Takes the runbook's reference window out of ``events`` (or of a ``log`` that was read already), learns
    what is usual and writes the baseline file the runbook names. ``signals`` are canonical ones of the same
    past, ``training`` the training data in place of the file that the runbook names. Raises InputError when
    the window holds too little."""
    runbook = load(runbook_path)
    if log is None:
        log = log_of(runbook, events, lambda path, i, n: progress(f"reading {path.name}", i / max(n, 1)))
    since, until = runbook.reference.since, runbook.reference.until
    where = Where(file=str(runbook_path), key="reference")
    if training is None and runbook.training is not None:
        training = runbook_path.parent / runbook.training.file
    baseline = learn_window(
        runbook, log.events(since, until), log.labels, signals=signals, training=training, where=where,
        progress=progress,
    )  # fmt: skip
    baseline.save(runbook_path.parent / runbook.reference.baseline)
    return baseline


def learn_window(
    runbook: Runbook,
    table: pa.Table,
    labels: pa.Table,
    *,
    stand_in: Mapping[int, int] | None = None,
    signals: pa.Table | None = None,
    training: Path | None = None,
    where: Where | None = None,
    progress: Progress = lambda what, done: None,
) -> Baseline:
    """What is usual in ``table``, the canonical events of the runbook's reference window.

    ``stand_in`` names days (since 1970, UTC) that are left out, and for each the day whose counts stand in
    for its own; ``training`` is the file of the training data. Raises InputError when the window holds too
    little.
    """
    since, until = runbook.reference.since, runbook.reference.until
    if stand_in:
        out = np.isin(times(table) // DAY_US, list(stand_in))
        table = table.filter(pa.array(~out))
    if has(table, "late"):
        table = table.filter(pa.array(~booleans(table, "late")))
    live = table.filter(pa.array(~booleans(table, "shadow"))) if len(table) else table
    if len(live) < LEAST_ROWS:
        raise InputError(
            f"the reference {iso(since)} to {iso(until)} holds {len(live)} events, too few to learn from",
            where=where or Where(key="reference"),
            todo="choose a later --until or give a longer log; two weeks are a good reference, four a "
            "better one",
        )
    plan = _with_labels(declare(runbook, live), runbook, live, labels)
    if training is not None:
        plan = replace(plan, training=training_of(plan, training))
    sampled = _between(signals, since, until, stand_in or {})
    further = declared(runbook, plan, Rows(sampled, Words(sampled)), ("signals",))
    plan = replace(plan, extras=(*plan.extras, *further))
    read = _Counted(plan, runbook, table, labels, progress, stand_in or {})
    read.keep(tally_signals(plan, sampled))
    age = int(runbook.labels.age.total_seconds()) * MICROS if runbook.labels else 0
    first = max(micros(since), int(times(live).min()))
    return learn(plan, read, first, micros(until), micros(until) - age, lambda what: progress(what, 1.0))


def _between(signals: pa.Table | None, since: datetime, until: datetime, out: Mapping[int, int]) -> pa.Table:
    """The signals of the reference's window but for the days ``out``, oldest first."""
    if signals is None or not len(signals):
        return NO_SIGNALS
    at = times(signals)
    inside = (at >= micros(since)) & (at < micros(until)) & ~np.isin(at // DAY_US, list(out))
    return signals.filter(pa.array(inside)).sort_by("time")


def _with_labels(plan: Plan, runbook: Runbook, live: pa.Table, labels: pa.Table) -> Plan:
    """The plan with the reference's shares of labelled, positive and correct events, and its extra layouts,
    declared."""
    if runbook.labels is None or len(labels) == 0:
        return replace(plan, extras=declared(runbook, plan, Rows(live, Words(live)), ("events",)))
    joined = join_labels(live, labels, now=runbook.reference.until, age=runbook.labels.age)
    said = live.column("prediction") if has(live, "prediction") else None
    label = outcome(plan, joined.column("label"), said)
    known = ~np.isnan(label)
    judged, right = _judged(plan, live, label)
    shares = (1.0, known.mean(), (label == 1).mean(), judged.mean(), (judged & right).mean())
    series = tuple(
        replace(s, shares=tuple(round(float(x), 9) for x in shares)) if s.name == "labels" else s
        for s in plan.quality.series
    )
    plan = replace(plan, quality=replace(plan.quality, series=series))
    extras = declared(runbook, plan, Rows(joined, Words(joined), label), ("events", "cohorts"))
    return replace(plan, extras=extras)


def _judged(plan: Plan, live: pa.Table, label: Array) -> tuple[Array, Array]:
    if plan.task == "multiclass":
        return ~np.isnan(label), label == 1
    if plan.task == "regression" or not has(live, "prediction"):
        none = np.zeros(len(label), bool)
        return none, none
    guess = outcome(plan, live.column("prediction"))
    return ~np.isnan(guess) & ~np.isnan(label), guess == label


class _Counted:
    """The reference's counts, held in memory; read like any others."""

    def __init__(
        self,
        plan: Plan,
        runbook: Runbook,
        table: pa.Table,
        labels: pa.Table,
        progress: Progress,
        stand_in: Mapping[int, int],
    ) -> None:
        self.stand_in = stand_in
        dedup = Dedup(runbook.service, runbook.dedup_horizon)
        self.rows: dict[tuple[str, int], list[CountsRow]] = {}
        for start in range(0, len(table), ROWS):
            split = dedup.split(table.slice(start, ROWS))
            dedup.remember(split.keys)
            self.keep(tally(plan, split.kept, split.dropped))
            if runbook.labels is not None:
                self.keep(quality_rows(plan, runbook, split.kept, labels))
            progress("counting the reference", min(1.0, (start + ROWS) / len(table)))

    def keep(self, rows: Iterable[CountsRow]) -> None:
        """Adds counts of other kinds."""
        for row in rows:
            self.rows.setdefault((row.layout, row.grain), []).append(row)

    def __call__(self, layout: Layout, grain: int, low: int, high: int) -> Mapping[Scope, Array]:
        found = add_up(self.rows.get((layout.identity, grain), []), layout, grain, low, high)
        per_day = DAY // grain
        for day, other in self.stand_in.items():
            first, last = max(low, day * per_day), min(high, (day + 1) * per_day)
            shift = (other - day) * per_day
            last = min(last, high - shift) if shift > 0 else last
            first = max(first, low - shift) if shift < 0 else first
            for counts in found.values() if first < last else ():
                counts[first - low : last - low] = counts[first + shift - low : last + shift - low]
        return found
