"""Readings of quality counts that several kinds share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fireline.detect.kinds import Array
from fireline.terms.plan import Layout, Plan

FIXED_POINT = 1_000_000


def fixed_means(plan: Plan, counts: Array, first: str, second: str, n: Array) -> tuple[Array, Array]:
    """Mean [T] and the variance of the mean [T] from fixed-point sums of a figure and of its square."""
    start, cells = plan.quality.offsets["moments"], plan.quality.by_name["moments"].cells
    total, squares = (counts[:, start + cells.index(name)] for name in (first, second))
    return means_of_fixed(total, squares, n)


def means_of_fixed(total: Array, squares: Array, n: Array) -> tuple[Array, Array]:
    """Means and the variance of each from sums in fixed point of a figure and of its square over ``n``."""
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = total / FIXED_POINT / n
        return mean, np.maximum(squares / FIXED_POINT / n - mean**2, 1e-9) / n


def in_label_units(plan: Plan, seen: float, usual: float) -> str:
    """An error counted in spreads of the reference's predictions, said in the label's own units.

    >>> from fireline.detect.example import plan
    >>> in_label_units(plan("regression"), 0.438, 0.24)
    '0.438, usually 0.24'
    """
    said = f"{seen * plan.error_scale:.3g}, usually {usual * plan.error_scale:.3g}"
    return said if plan.error_scale == 1.0 else f"{said} ({seen:.3g} of the usual spread of predictions)"


def labelled(plan: Plan, counts: Array) -> Array:
    """Labelled events [T] as float64."""
    start = plan.quality.offsets["labels"]
    column = start + plan.quality.by_name["labels"].cells.index("labelled")
    found: Array = counts[:, column].astype(np.float64)
    return found


def column(layout: Layout, counts: Array, series: str, cell: str) -> Array:
    """One cell of counts [T, width] as float64 [T]."""
    at = layout.offsets[series] + layout.by_name[series].cells.index(cell)
    found: Array = counts[:, at].astype(np.float64)
    return found


def columns(layout: Layout, counts: Array, series: str, cells: Sequence[str]) -> Array:
    """Several cells of counts [T, width] side by side as float64 [T, cells]."""
    index = layout.by_name[series].cells.index
    found: Array = counts[:, [layout.offsets[series] + index(cell) for cell in cells]].astype(np.float64)
    return found


def mean_of(total: Array, squares: Array, n: Array) -> tuple[Array, Array]:
    """Mean and the variance of the mean from sums of a figure and of its square over ``n`` events; without
    events NaN."""
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = total / n
        return mean, np.maximum(squares / n - mean**2, 1e-9) / n


def share_of(hits: Array, n: Array) -> tuple[Array, Array]:
    """Share and the variance of it, after two more hits and two more misses (Agresti and Coull 1998), so that
    a few events without a hit are not taken for certain; NaN without events."""
    with np.errstate(invalid="ignore", divide="ignore"):
        near = (np.maximum(hits, 0) + 2) / (np.maximum(n, hits) + 4)
        return np.where(n > 0, hits / n, np.nan), near * (1 - near) / n
