"""The figure of each time slice, read off its counts: what objectives by time slices keep to their
thresholds.

Every function takes counts [T, width] of one layout, a row a slice, and gives the figure [T] and how many
events it rests on [T]; the figure is NaN where there is none.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from fireline.detect.alike import by_group
from fireline.detect.kinds import Array
from fireline.detect.metrics import auc_of_bins
from fireline.detect.quality import FIXED_POINT, column
from fireline.terms.plan import Layout

Figure = Callable[[Layout, Array], tuple[Array, Array]]
LEAST_IN_A_GROUP = 30


def ranked(layout: Layout, counts: Array) -> tuple[Array, Array]:
    """AUC of the binned scores (half the share of pairs that fall into one bin is its error); rests on the
    smaller class."""
    negatives, positives = (counts[:, layout.span(name)] for name in ("negatives", "positives"))
    values = [auc_of_bins(a, b).value for a, b in zip(negatives, positives, strict=True)]
    return np.array(values), np.minimum(negatives.sum(axis=1), positives.sum(axis=1))


def squared(layout: Layout, counts: Array) -> tuple[Array, Array]:
    """Root mean square error in the label's own unit; errors beyond a hundred spreads count as a hundred."""
    n, squares = (column(layout, counts, "residuals", cell) for cell in ("n", "square"))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.sqrt(squares / FIXED_POINT / n) * layout.series[0].edges[0], n


def off(layout: Layout, counts: Array) -> tuple[Array, Array]:
    """How far the mean score lies from the share of positives, whichever way."""
    n = column(layout, counts, "labels", "labelled")
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.abs(column(layout, counts, "moments", "bias") / FIXED_POINT / n), n


def mean_outcome(layout: Layout, counts: Array) -> tuple[Array, Array]:
    """Mean outcome in its own unit."""
    n, total = (column(layout, counts, "all", cell) for cell in ("n", "sum"))
    with np.errstate(invalid="ignore", divide="ignore"):
        return total / FIXED_POINT / n * layout.by_name["all"].edges[0], n


def chosen_gap(of: str) -> Figure:
    """Largest less smallest share chosen among the groups of column ``of`` that have thirty events or more
    (demographic parity difference); rests on the smallest of them."""

    def figure(layout: Layout, counts: Array) -> tuple[Array, Array]:
        block = _groups(layout, counts, of)
        return _gap(block[..., 1], block[..., 0])

    return figure


def opportunity_gap(of: str) -> Figure:
    """The same of true positive rates (equal opportunity difference)."""

    def figure(layout: Layout, counts: Array) -> tuple[Array, Array]:
        tp, fn = np.moveaxis(_groups(layout, counts, of)[..., :2], -1, 0)
        return _gap(tp, tp + fn)

    return figure


def odds_gap(of: str) -> Figure:
    """The larger of the gaps in true and in false positive rates (equalized odds difference)."""

    def figure(layout: Layout, counts: Array) -> tuple[Array, Array]:
        tp, fn, fp, tn = np.moveaxis(_groups(layout, counts, of)[..., :4], -1, 0)
        (a, few), (b, fewer) = _gap(tp, tp + fn), _gap(fp, fp + tn)
        return np.maximum(a, b), np.minimum(few, fewer)

    return figure


def _groups(layout: Layout, counts: Array, of: str) -> Array:
    """The declared groups' figures [T, groups, figures]; all others are left out, being no group."""
    return by_group(layout, counts, layout.by_name[f"group:{of}"])[:, :-1]


def _gap(hits: Array, n: Array) -> tuple[Array, Array]:
    there = n >= LEAST_IN_A_GROUP
    with np.errstate(invalid="ignore", divide="ignore"):
        rates = hits / n
    high = np.where(there, rates, -np.inf).max(axis=1)
    low = np.where(there, rates, np.inf).min(axis=1)
    enough = there.sum(axis=1) >= 2
    few = np.where(there, n, np.inf).min(axis=1)
    return np.where(enough, high - low, np.nan), np.where(enough, few, 0.0)
