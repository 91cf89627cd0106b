"""Numeric features that come multiplied: another unit, recognised by its ratio."""

from __future__ import annotations

import numpy as np

from fireline.detect.kinds import Array, Behind, Means, Monitor, Told
from fireline.detect.units import degrees_of, unit_of
from fireline.detect.values import NumericValues
from fireline.terms.plan import Plan

FIXED_POINT = 1e6
PRIOR = 10.0
ALIKE = 0.01  # of the usual variance
WIDENED = 0.2


class UnitChange(NumericValues):
    """The mean of log|x| of each numeric feature: values a quarter larger or smaller than usual, all alike.

    The finding names the factor with its error and, where one fits, the unit: 1.609 is kilometres for miles;
    Fahrenheit is told by mean and spread. A factor in a part of the rows is told by a spread that grew. One
    value that repeats has lost its spread and is not judged here.

    >>> from fireline.detect.example import counted
    >>> from fireline.terms.counts import Series
    >>> from fireline.terms.plan import Layout
    >>> cells = ("n", "nonzero", "log", "log2", "x", "x2", "same0", "same1")
    >>> age = Series("feature:age", "moments", 900, cells, (40.0, 3.6, 0.1), shares=(1, 1, 0, 0, 0, 0, 1, 1))
    >>> layout = Layout("values", (age,), {"service": 900}, sums=True)
    >>> sums = {"n": 100, "nonzero": 100, "log": 590_000_000, "log2": 3_491_000_000}
    >>> UnitChange().ticks(*counted(layout, {"feature:age": sums})).value
    array([[5.9]])
    """

    name = "unit_change"
    family = "range"
    sides = "both"
    tolerance = 0.25
    urgency = "page"
    least = 5
    unit = "log of the value"

    def ticks(self, plan: Plan, counts: Array) -> Means:
        """Mean of log|x| of the values that are not zero [T, features]."""
        layout = self.laid_out(plan)
        starts = np.array([layout.offsets[s.name] for s in layout.series])
        n = counts[:, starts + 1].astype(np.float64)
        usual = np.array([s.edges[2] for s in layout.series])
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = counts[:, starts + 2] / FIXED_POINT / n
            spread = np.maximum(counts[:, starts + 3] / FIXED_POINT - n * mean**2, 0.0)
            # Few values say little of their spread: ten of the reference's are added.
            variance = np.maximum((spread + PRIOR * usual) / (n + PRIOR), 1e-6) / n
        # Another unit moves all values and leaves their spread; one value that repeats has none.
        return Means(mean, variance, np.where(spread < ALIKE * usual * n, 0.0, n))

    def tell(self, plan: Plan, monitor: Monitor, channel: int, behind: Behind) -> Told | None:
        """The factor, its error, and the unit that it suggests."""
        series = self.laid_out(plan).series[channel]
        span = self.laid_out(plan).span(series.name)
        now, usual = (_moments(part[span], series.edges[0]) for part in (behind.now, behind.usual))
        if now is None or usual is None:
            return None
        shift = behind.seen - behind.expected
        error = float(np.sqrt(now[1] / now[4] + usual[1] / usual[4]))
        ratio = float(np.exp(shift))
        wider = np.sqrt(max(now[1], 1e-9)) / np.sqrt(max(usual[1], 1e-9))
        says = f"values of {monitor.channels[channel]} are {ratio:.4g} times the usual"
        says += f" (± {100 * error:.1g} %, {int(now[4]):,} values)"
        degrees = degrees_of(usual[2:4], now[2:4], float(np.exp(behind.expected)))
        # An hour spreads less than a day does: only a spread that grew says that not all rows are multiplied.
        named = degrees or (unit_of(shift, error) if wider < 1 + WIDENED else None)
        if named:
            says += f": {named}?"
        elif wider > 1 + WIDENED:
            says += ", some of them more: their spread grew"
        elif wider < 1 - WIDENED:
            says += ", and more alike than usual"
        details = {"ratio": float(f"{ratio:.6g}"), "ratio_error": float(f"{error:.3g}"), "suggests": named}
        return Told(says, ratio, 1.0, "times the usual", details)


def _moments(counts: Array, scale: float) -> tuple[float, float, float, float, float] | None:
    """Mean and variance of log|x|, mean and standard deviation of x, and how many values there are."""
    n, some = float(counts[0]), float(counts[1])
    if n < 2 or some < 2:
        return None
    log, log2, x, x2 = (float(c) / FIXED_POINT for c in counts[2:6])
    mean = x / n
    spread = np.sqrt(max(x2 / n - mean**2, 0.0))
    return log / some, max(log2 / some - (log / some) ** 2, 0.0), mean * scale, float(spread) * scale, some
