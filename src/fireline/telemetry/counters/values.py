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
from fireline.telemetry.grid import EXACT, Lots, Marks
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
        """Counts and sums of every feature there, made a stretch of rows at a time."""
        there = [s for s in layout.series if has(rows.table, s.name.removeprefix("feature:"))]
        if not there:
            return Marks(layout.width)
        values = np.stack([rows.numbers(s.name.removeprefix("feature:")) for s in there])
        starts = np.array([layout.offsets[s.name] for s in there], np.int32)
        scales = np.array([[s.edges[0]] for s in there])
        cells = (np.arange(2 + len(SUMS))[:, None] + starts).ravel()

        def of(low: int, high: int) -> tuple[Array, Array]:
            x = values[:, low:high]
            finite = np.isfinite(x)
            same = same_bucket(x) + (starts[:, None] + np.int32(2 + len(SUMS)))
            return np.where(finite, same, np.int32(layout.width)), _amounts(x, finite, scales)

        return Marks(layout.width, lots=Lots(cells, EXACT // int(FURTHEST**2 * FIXED_POINT), of))


def same_bucket(values: Array) -> Array:
    """The bucket 0..31 of each exact value: int32 in ``values``' shape, equal for equal values."""
    bits = (values + 0.0).view(np.uint64)
    bits ^= bits >> np.uint64(29)
    with np.errstate(over="ignore"):
        bits *= _TURN
        bits ^= bits >> np.uint64(32)
        bits *= _TURN
    bits >>= np.uint64(59)
    return bits.astype(np.int32)


def _amounts(values: Array, there: Array, scales: Array) -> Array:
    """What values [F, r] add: those there, those not zero, and in millionths log|x|, its square, x in
    ``scales`` [F, 1] and its square, 0 where there is none: whole float64 [6 F, r], figure by figure."""
    features, n = values.shape
    found = np.empty((2 + len(SUMS), features, n))
    some = there & (values != 0)
    found[0], found[1] = there, some
    log, x = found[2], found[4]
    np.log(np.abs(np.where(some, values, 1.0)), out=log)
    np.divide(np.where(there, values, 0.0), scales, out=x)
    np.clip(x, -FURTHEST, FURTHEST, out=x)
    np.square(log, out=found[3])
    np.square(x, out=found[5])
    found[2:] *= FIXED_POINT
    np.rint(found[2:], out=found[2:])
    return found.reshape(-1, n)


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
