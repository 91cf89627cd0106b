"""What numeric features measure: their logarithm's and their own first two moments, and which values repeat.

A histogram says that values moved; the mean of log|x| says by which factor, and a few hash buckets
whether one exact value comes again and again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from fireline.runbook.schema import Runbook
from fireline.telemetry.columns import Array, has, numbers
from fireline.telemetry.counters import Counter, Rows
from fireline.telemetry.grid import Marks
from fireline.terms.counts import QUARTER, ScopeKind, Series
from fireline.terms.plan import Layout, Plan

FIXED_POINT = 1_000_000
SUMS = ("log", "log2", "x", "x2")
BUCKETS = 32
FURTHEST = 2e3  # in reference root mean squares: a million such values squared still fit 63 bits
_TURN = np.uint64(0x9E3779B97F4A7C15)


class Values(Counter):
    """Per numeric feature: n, those not zero, fixed-point sums of log|x|, its square, x and its square, and
    counts of 32 hash buckets of exact values.

    ``edges`` of a series are the reference's root mean square (the unit of x), and the mean and variance of
    log|x|; ``shares`` are per value present.
    """

    name = "values"
    grains: ClassVar[Mapping[ScopeKind, int]] = {"service": QUARTER, "version": QUARTER}
    sums = True

    def declare(self, runbook: Runbook, plan: Plan, reference: Rows) -> tuple[Series, ...]:
        """One series for each numeric feature that has any value."""
        found = []
        for name, kind in plan.features.items():
            values = numbers(reference.table, name) if kind == "numeric" else np.empty(0)
            values = values[np.isfinite(values)]
            if values.size:
                found.append(_series(name, values, plan.reference))
        return tuple(found)

    def marks(self, plan: Plan, layout: Layout, rows: Rows) -> Marks:
        """Counts and sums of every feature there."""
        marks = Marks(layout.width)
        for series in layout.series:
            name, start = series.name.removeprefix("feature:"), layout.offsets[series.name]
            if not has(rows.table, name):
                continue
            values = numbers(rows.table, name)
            there = np.isfinite(values)
            marks.where(start, there)
            marks.where(start + 1, there & (values != 0))
            for at, figure in enumerate(_figures(values, there, series.edges[0])):
                amounts = np.rint(figure * FIXED_POINT).astype(np.int64)
                marks.sums.append((start + 2 + at, amounts))
            cells = start + 2 + len(SUMS) + same_bucket(values)
            marks.dense.append(np.where(there, cells, layout.width).astype(np.int32))
        return marks


def same_bucket(values: Array) -> Array:
    """The bucket 0..31 of each exact value [n]: int64, equal for equal values."""
    bits = np.ascontiguousarray(values + 0.0).view(np.uint64)
    with np.errstate(over="ignore"):
        mixed = (bits ^ (bits >> np.uint64(29))) * _TURN
        mixed = (mixed ^ (mixed >> np.uint64(32))) * _TURN
    return (mixed >> np.uint64(59)).astype(np.int64)


def _figures(values: Array, there: Array, scale: float) -> tuple[Array, Array, Array, Array]:
    """log|x|, its square, x in ``scale`` and its square, 0 where there is none: float64 [n] each."""
    some = there & (values != 0)
    log = np.log(np.abs(np.where(some, values, 1.0)))
    x = np.clip(np.where(there, values, 0.0) / scale, -FURTHEST, FURTHEST)
    return log, log**2, x, x**2


def _series(name: str, values: Array, tag: str) -> Series:
    scale = float(np.sqrt(np.mean(np.clip(values, -1e150, 1e150) ** 2)))
    scale = scale if scale > 0 else 1.0
    some = np.log(np.abs(values[values != 0])) if (values != 0).any() else np.zeros(1)
    cells = ("n", "nonzero", *SUMS, *(f"same{i}" for i in range(BUCKETS)))
    same = np.bincount(same_bucket(values), minlength=BUCKETS) / len(values)
    shares = (1.0, float((values != 0).mean()), 0.0, 0.0, 0.0, 0.0, *same.tolist())
    edges = (scale, round(float(some.mean()), 9), round(float(some.var()), 9))
    return Series(
        f"feature:{name}", "moments", QUARTER, cells, edges,
        shares=tuple(round(x, 9) for x in shares), reference=tag,
    )  # fmt: skip
