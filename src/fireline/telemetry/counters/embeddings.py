"""Projections of embeddings, in standard deviations of the reference: where their centroid lies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from fireline.runbook.schema import Runbook
from fireline.telemetry.columns import Array, has, numbers
from fireline.telemetry.counters import Counter, Rows
from fireline.telemetry.derived import vector_columns
from fireline.telemetry.grid import Marks
from fireline.terms.counts import QUARTER, ScopeKind, Series
from fireline.terms.plan import Layout, Plan

FIXED_POINT = 1_000_000
FURTHEST = 20.0
LEAST_VECTORS = 200


class Embeddings(Counter):
    """Per embedding: n, fixed-point sums of the log of the norm and of each projection, standardised, and of
    the squared distance from the centroid (the mean of the projections' squares).

    ``edges`` are the nine means, then the nine standard deviations, then mean and deviation of the distance.
    """

    name = "embeddings"
    grains: ClassVar[Mapping[ScopeKind, int]] = {"service": QUARTER, "version": QUARTER}
    sums = True

    def declare(self, runbook: Runbook, plan: Plan, reference: Rows) -> tuple[Series, ...]:
        """One series for each embedding with at least 200 vectors."""
        found = []
        for name in runbook.columns.embeddings:
            if not has(reference.table, f"{name}.norm"):
                continue
            parts = _parts(name, reference)
            parts = parts[np.isfinite(parts).all(axis=1)]
            if len(parts) >= LEAST_VECTORS:
                found.append(_series(name, parts, plan.reference))
        return tuple(found)

    def marks(self, plan: Plan, layout: Layout, rows: Rows) -> Marks:
        """Vectors there, and their figures."""
        marks = Marks(layout.width)
        for series in layout.series:
            if not has(rows.table, f"{series.name}.norm"):
                continue
            start, width = layout.offsets[series.name], series.width - 2
            edges = np.asarray(series.edges)
            parts = (_parts(series.name, rows) - edges[:width]) / edges[width : 2 * width]
            parts = np.clip(parts, -FURTHEST, FURTHEST)
            there = np.isfinite(parts).all(axis=1)
            marks.where(start, there)
            far = ((parts[:, 1:] ** 2).mean(axis=1) - edges[-2]) / edges[-1]
            for at, figure in enumerate((*parts.T, np.clip(far, -FURTHEST, FURTHEST))):
                amounts = np.rint(np.where(there, figure, 0.0) * FIXED_POINT).astype(np.int64)
                marks.sums.append((start + 1 + at, amounts))
        return marks


def _parts(name: str, rows: Rows) -> Array:
    """The log of the norm and the projections of each row: float64 [n, 9]."""
    found = np.stack([numbers(rows.table, column) for column in vector_columns(name)], axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        found[:, 0] = np.log(found[:, 0])
    return found


def _series(name: str, parts: Array, tag: str) -> Series:
    mean, spread = parts.mean(axis=0), np.maximum(parts.std(axis=0), 1e-6)
    far = np.clip(((parts[:, 1:] - mean[1:]) / spread[1:]) ** 2, 0, FURTHEST**2).mean(axis=1)
    edges = (*mean.tolist(), *spread.tolist(), float(far.mean()), max(float(far.std()), 1e-6))
    cells = ("n", "norm", *(f"p{i}" for i in range(parts.shape[1] - 1)), "distance")
    return Series(
        name, "moments", QUARTER, cells, tuple(round(float(e), 9) for e in edges),
        shares=(1.0, *(0.0 for _ in cells[1:])), reference=tag,
    )  # fmt: skip
