"""Scores as probabilities: what they were off by, by log loss, Brier score and expected calibration error."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fireline.detect.kinds import Array, Kind, Means, Monitor
from fireline.detect.quality import FIXED_POINT, column, columns, mean_of
from fireline.terms.plan import Plan

RELATIVE = 0.02
TENTHS = range(10)


class _Loss(Kind):
    """What the three share."""

    family = "calibration"
    layout = "losses"
    test = "mean"
    scopes = ("service", "version")
    sides = "up"
    tolerance = 0.005
    k = 2
    least = 20
    merge_to = 100
    optional = True

    def _mean(self, plan: Plan, counts: Array, name: str) -> Means:
        layout = plan.layout(self.layout)
        n = column(layout, counts, "losses", "n")
        sums = columns(layout, counts, "losses", (name, f"{name}2")) / FIXED_POINT
        value, variance = mean_of(sums[:, 0], sums[:, 1], n)
        return Means(value[:, None], variance[:, None], n[:, None])

    def tolerances(self, plan: Plan, base: Array) -> Array:
        """A fiftieth of what is usual, at least the tolerance."""
        return np.maximum(RELATIVE * np.abs(base), self.tolerance)


class LogLoss(_Loss):
    """Mean of -ln of the probability given to what happened, up by more than a fiftieth.

    Probabilities are kept a ten-millionth from 0 and 1. By itself for several classes whose scores are
    logged; a binary service has `calibration`, which says which way.

    >>> from fireline.detect.example import counted
    >>> from fireline.detect.example_layouts import LOSSES
    >>> example = counted(LOSSES, {"losses": {"n": 10, "log": 4_000_000, "log2": 2_000_000}})
    >>> LogLoss().ticks(*example).value
    array([[0.4]])
    """

    name = "log_loss"
    unit = "log loss"

    def by_itself(self, plan: Plan) -> bool:
        """For several classes."""
        return plan.task == "multiclass"

    def monitors(self, plan: Plan) -> Sequence[Monitor]:
        """One monitor, where probabilities meet labels."""
        return (Monitor(self.name, "losses"),) if plan.layout(self.layout).series else ()

    def ticks(self, plan: Plan, counts: Array) -> Means:
        """Log loss [T, 1]."""
        return self._mean(plan, counts, "log")


class Brier(_Loss):
    """Mean squared distance of the score from what happened, up by more than a fiftieth.

    >>> from fireline.detect.example import counted
    >>> from fireline.detect.example_layouts import LOSSES
    >>> example = counted(LOSSES, {"losses": {"n": 10, "brier": 1_500_000, "brier2": 400_000}})
    >>> Brier().ticks(*example).value
    array([[0.15]])
    """

    name = "brier"
    tolerance = 0.002
    unit = "Brier score"

    def monitors(self, plan: Plan) -> Sequence[Monitor]:
        """One monitor, where a binary score in [0, 1] meets labels."""
        return (Monitor(self.name, "losses"),) if "tenths" in plan.layout(self.layout).by_name else ()

    def ticks(self, plan: Plan, counts: Array) -> Means:
        """Brier score [T, 1]."""
        return self._mean(plan, counts, "brier")


class Ece(_Loss):
    """Expected calibration error over ten bins of equal width, beyond what chance alone would read.

    A perfect score reads sum sqrt(2/pi p(1 - p)) of each bin by chance: that is taken off, so that quiet
    hours do not look worse calibrated than busy ones.

    >>> from fireline.detect.example import counted
    >>> from fireline.detect.example_layouts import LOSSES
    >>> tenths = {"n2": 300, "gap2": 9_000_000, "n7": 100, "gap7": -11_000_000}
    >>> Ece().ticks(*counted(LOSSES, {"tenths": tenths})).value
    array([[0.05]])
    """

    name = "ece"
    tolerance = 0.02
    merge_to = 200
    unit = "ECE"

    def monitors(self, plan: Plan) -> Sequence[Monitor]:
        """One monitor, where a binary score in [0, 1] meets labels."""
        return (Monitor(self.name, "tenths"),) if "tenths" in plan.layout(self.layout).by_name else ()

    def ticks(self, plan: Plan, counts: Array) -> Means:
        """Calibration error beyond chance [T, 1]."""
        layout = plan.layout(self.layout)
        n = columns(layout, counts, "tenths", [f"n{i}" for i in TENTHS]).sum(axis=1)
        gap = columns(layout, counts, "tenths", [f"gap{i}" for i in TENTHS]) / FIXED_POINT
        spread = (
            np.maximum(columns(layout, counts, "tenths", [f"spread{i}" for i in TENTHS]), 0) / FIXED_POINT
        )
        with np.errstate(invalid="ignore", divide="ignore"):
            value = (np.abs(gap).sum(axis=1) - np.sqrt(2 / np.pi * spread).sum(axis=1)) / n
            variance = np.maximum(spread.sum(axis=1), 1e-6) / n**2
        return Means(value[:, None], variance[:, None], n[:, None])

    def tolerances(self, plan: Plan, base: Array) -> Array:
        """Two points."""
        return np.full(len(base), self.tolerance)
