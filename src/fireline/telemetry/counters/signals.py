"""Signals by the minute: how many samples of each, how many failed, were slow, or lay beyond their limits."""

from __future__ import annotations

from math import inf
from typing import ClassVar

import numpy as np

from fireline.runbook.schema import Runbook
from fireline.runbook.signals import Signal
from fireline.telemetry.columns import Array, numbers
from fireline.telemetry.counters import Counter, Rows
from fireline.telemetry.grid import Marks
from fireline.terms.counts import MINUTE, Series
from fireline.terms.plan import Layout, Plan

CELLS = ("n", "failed", "slow", "beyond")
MOST_SIGNALS = 200
LEAST_TIMED = 100


class SignalCounts(Counter):
    """One series a signal, called ``kind:name``: samples, failed ones, slow ones, ones beyond a limit.

    ``edges`` of a series are (above, below, slow in ms), infinite where there is none; ``values`` are (kind,
    seconds between samples as declared or 0); ``shares`` is (samples in the reference,).
    """

    name = "signals"
    feed = "signals"
    grains: ClassVar = {"service": MINUTE}

    def declare(self, runbook: Runbook, plan: Plan, reference: Rows) -> tuple[Series, ...]:
        """What the runbook declares, and what the reference holds, at most 200 signals."""
        birds = (Signal(name=one.name, kind="canary", every=one.every) for one in runbook.canaries)
        told = {f"{one.kind}:{one.name}": one for one in (*birds, *runbook.signals)}
        codes, names = of_signal(reference)
        counted = np.bincount(codes, minlength=len(names)) if len(codes) else np.zeros(len(names), int)
        met = sorted(zip(names, counted.tolist(), strict=True), key=lambda pair: (-pair[1], pair[0]))
        chosen = [*told, *(name for name, _ in met if name not in told)][:MOST_SIGNALS]
        took = numbers(reference.table, "latency_ms") if len(codes) else np.empty(0)
        tag, held = plan.reference, dict(met)
        return tuple(
            _series(name, told.get(name), took[codes == names.index(name)] if name in held else np.empty(0),
                    held.get(name, 0), tag)
            for name in sorted(chosen)
        )  # fmt: skip

    def marks(self, plan: Plan, layout: Layout, rows: Rows) -> Marks:
        """The conditions that hold for each sample of a declared signal."""
        marks = Marks(layout.width)
        codes, names = of_signal(rows)
        value, took = numbers(rows.table, "value"), numbers(rows.table, "latency_ms")
        failed = rows.table.column("ok").combine_chunks().fill_null(True).to_numpy(zero_copy_only=False) == 0
        for series in layout.series:
            if series.name not in names:
                continue
            at = np.flatnonzero(codes == names.index(series.name))
            above, below, slow = series.edges
            start = layout.offsets[series.name]
            holds = (
                np.ones(len(at), bool), failed[at], took[at] > slow,
                (value[at] > above) | (value[at] < below),
            )  # fmt: skip
            marks.sparse += [(at[flags], start + i) for i, flags in enumerate(holds)]
        return marks


def of_signal(rows: Rows) -> tuple[Array, list[str]]:
    """For each row the number of its signal, int64 [n], and the signals' names, ``kind:name``."""
    kinds, kind_names = rows.words.codes("kind") if len(rows.table) else (np.empty(0, np.int64), [])
    found, names = rows.words.codes("name") if len(rows.table) else (np.empty(0, np.int64), [])
    pairs, codes = np.unique(kinds * max(len(names), 1) + found, return_inverse=True)
    return codes, [f"{kind_names[p // len(names)]}:{names[p % len(names)]}" for p in pairs.tolist()]


def _series(name: str, told: Signal | None, took: Array, samples: int, tag: str) -> Series:
    kind = name.partition(":")[0]
    timed = took[np.isfinite(took)]
    slow = 1.25 * float(np.quantile(timed, 0.95)) if len(timed) >= LEAST_TIMED else inf
    above = below = None
    every = 0.0
    if told is not None:
        above, below, slow = told.above, told.below, told.slow_ms or slow
        every = told.every.total_seconds() if told.every else 0.0
    edges = (inf if above is None else above, -inf if below is None else below, slow)
    return Series(
        name, "signal", MINUTE, CELLS, edges, (kind, f"{every:g}"), shares=(float(samples),), reference=tag
    )
