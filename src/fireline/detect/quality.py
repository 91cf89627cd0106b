"""Readings of quality counts that several kinds share."""

from __future__ import annotations

import numpy as np

from fireline.detect.kinds import Array
from fireline.terms.plan import Plan

FIXED_POINT = 1_000_000


def fixed_means(plan: Plan, counts: Array, first: str, second: str, n: Array) -> tuple[Array, Array]:
    """Mean [T] and the variance of the mean [T] from fixed-point sums of a figure and of its square."""
    series, span = plan.quality.by_name["moments"], plan.quality.span("moments")
    block = counts[:, span] / FIXED_POINT
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = block[:, series.cells.index(first)] / n
        spread = np.maximum(block[:, series.cells.index(second)] / n - mean**2, 1e-9)
        return mean, spread / n


def labelled(plan: Plan, counts: Array) -> Array:
    """Labelled events [T] as float64."""
    start = plan.quality.offsets["labels"]
    column = start + plan.quality.by_name["labels"].cells.index("labelled")
    found: Array = counts[:, column].astype(np.float64)
    return found
