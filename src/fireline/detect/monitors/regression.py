"""Numbers predicted: their root mean squared error, and whether they lie too high or too low."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fireline.detect.kinds import Array, Behind, Kind, Means, Monitor, Told
from fireline.detect.quality import FIXED_POINT, column, in_label_units, mean_of
from fireline.terms.plan import Plan

FOURTH_POINT = 10_000


class _Residual(Kind):
    """What the two share."""

    layout = "residuals"
    test = "mean"
    scopes = ("service", "version")
    tolerance = 0.02
    k = 2
    least = 20
    merge_to = 50
    unit = "spread"

    def monitors(self, plan: Plan) -> Sequence[Monitor]:
        """One monitor for regression."""
        return (Monitor(self.name, "residuals"),) if plan.layout(self.layout).series else ()

    def _sums(self, plan: Plan, counts: Array) -> tuple[Array, Array, Array, Array]:
        layout = plan.layout(self.layout)
        n, error, square, fourth = (
            column(layout, counts, "residuals", cell) for cell in ("n", "error", "square", "fourth")
        )
        return n, error / FIXED_POINT, square / FIXED_POINT, fourth / FOURTH_POINT


class Rmse(_Residual):
    """Root mean squared error of predictions, in spreads of the reference predictions: few large errors show.

    >>> from fireline.detect.example import counted
    >>> from fireline.detect.example_layouts import RESIDUALS
    >>> sums = {"n": 100, "square": 9_000_000, "fourth": 30_000}
    >>> Rmse().ticks(*counted(RESIDUALS, {"residuals": sums})).value
    array([[0.3]])
    """

    name = "rmse"
    family = "accuracy"
    sides = "up"
    optional = True

    def ticks(self, plan: Plan, counts: Array) -> Means:
        """Root mean squared error [T, 1], its variance by the delta method."""
        n, _, square, fourth = self._sums(plan, counts)
        mean, variance = mean_of(square, fourth, n)
        with np.errstate(invalid="ignore", divide="ignore"):
            value = np.sqrt(np.maximum(mean, 0.0))
            variance = variance / np.maximum(4 * mean, 1e-9)
        return Means(value[:, None], variance[:, None], n[:, None])

    def tell(self, plan: Plan, monitor: Monitor, channel: int, behind: Behind) -> Told:
        """The error in words."""
        return Told(f"root mean squared error {in_label_units(plan, *behind.figures)}")


class ErrorBias(_Residual):
    """Mean of label less prediction, in spreads: predictions that lie too low or too high on the whole.

    >>> from fireline.detect.example import counted
    >>> from fireline.detect.example_layouts import RESIDUALS
    >>> sums = {"n": 100, "error": 12_000_000, "square": 9_000_000}
    >>> ErrorBias().ticks(*counted(RESIDUALS, {"residuals": sums})).value
    array([[0.12]])
    """

    name = "error_bias"
    family = "calibration"
    sides = "both"

    def ticks(self, plan: Plan, counts: Array) -> Means:
        """Mean error [T, 1]."""
        n, error, square, _ = self._sums(plan, counts)
        value, variance = mean_of(error, square, n)
        return Means(value[:, None], variance[:, None], n[:, None])

    def tell(self, plan: Plan, monitor: Monitor, channel: int, behind: Behind) -> Told:
        """The bias in words."""
        seen, usual = behind.figures
        place = "low" if seen > 0 else "high"
        other = "" if seen * usual >= 0 else " the other way"
        said, before = abs(seen) * plan.error_scale, abs(usual) * plan.error_scale
        return Told(
            f"predictions lie too {place} by {said:.3g} on average, usually by {before:.3g}{other} "
            f"({abs(seen):.3g} of their usual spread)"
        )
