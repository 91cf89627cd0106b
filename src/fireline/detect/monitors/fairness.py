"""Groups that must be treated alike: who is chosen, who is chosen rightly, and whose scores hold."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fireline.detect.alike import by_group, points, rate_gap, watched
from fireline.detect.kinds import Array, Behind, Kind, Means, Monitor, Told
from fireline.terms.plan import Plan

TP, FN, FP, TN, N, GAP, GAP2 = range(7)
FIXED_POINT = 1_000_000


class _Fairness(Kind):
    """What the four share."""

    family = "fairness"
    layout = "treatment"
    test = "mean"
    scopes = ("service",)
    sides = "both"
    tolerance = 0.02
    k = 2
    pool = "drift"
    urgency = "ticket"
    least = 30
    merge_to = 30
    unit = "share difference"

    channels: tuple[str, ...] = ("",)

    def monitors(self, plan: Plan) -> Sequence[Monitor]:
        """One monitor a group of each column, the rarest first; of two groups one."""
        found = []
        for series, _, group in watched(plan.layout(self.layout)):
            what = f"{series.name.removeprefix('group:')}={group}"
            found.append(Monitor(self.name, f"group:{what}", what, channels=self.channels))
        return found

    def _beside(self, parts: list[tuple[Array, Array, Array]]) -> Means:
        value, variance, n = (np.stack([part[i] for part in parts], axis=1) for i in range(3))
        return Means(value, variance, n)


class DemographicParity(_Fairness):
    """Share of a group that is chosen less that of all others, beyond the reference's gap by two points.

    Counted on arrival: it needs no labels. Groups may rightly differ; that the gap changed is the news.

    >>> from fireline.detect.example import counted
    >>> from fireline.detect.example_layouts import SELECTION
    >>> groups = {"n:M": 100, "chosen:M": 30, "n:F": 50, "chosen:F": 10}
    >>> DemographicParity().ticks(*counted(SELECTION, {"group:sex": groups})).value.round(2)
    array([[-0.1]])
    """

    name = "demographic_parity"
    layout = "selection"

    def ticks(self, plan: Plan, counts: Array) -> Means:
        """Difference in the share chosen [T, groups watched]; n is the smaller side."""
        layout, parts = plan.layout(self.layout), []
        for series, place, _ in watched(layout):
            block = by_group(layout, counts, series)
            parts.append(rate_gap(block[..., 1], block[..., 0], place))
        return self._beside(parts)

    def tell(self, plan: Plan, monitor: Monitor, channel: int, behind: Behind) -> Told:
        """The gap in words."""
        now, before = (points(gap, "less often", "more often") for gap in behind.figures)
        return Told(f"{monitor.feature} is chosen {now} than all others, usually {before}")


class EqualOpportunity(_Fairness):
    """Share of a group's positives that are chosen (its true positive rate) less that of all others.

    >>> from fireline.detect.example import counted
    >>> from fireline.detect.example_layouts import TREATMENT
    >>> groups = {"tp:M": 60, "fn:M": 40, "tp:F": 20, "fn:F": 30}
    >>> EqualOpportunity().ticks(*counted(TREATMENT, {"group:sex": groups})).value.round(2)
    array([[-0.2]])
    """

    name = "equal_opportunity"
    optional = True

    def ticks(self, plan: Plan, counts: Array) -> Means:
        """Difference in the true positive rate [T, groups watched]; n is the smaller side's positives."""
        layout, parts = plan.layout(self.layout), []
        for series, place, _ in watched(layout):
            block = by_group(layout, counts, series)
            parts.append(rate_gap(block[..., TP], block[..., TP] + block[..., FN], place))
        return self._beside(parts)

    def tell(self, plan: Plan, monitor: Monitor, channel: int, behind: Behind) -> Told:
        """The gap in words."""
        now, before = (points(gap, "less often", "more often") for gap in behind.figures)
        here = f"who should be chosen is chosen {now} in {monitor.feature}"
        return Told(f"{here} than elsewhere, usually {before}")


class EqualizedOdds(_Fairness):
    """True and false positive rates of a group less those of all others, beyond the reference's gaps.

    Equalized odds asks for both to be alike (Hardt, Price and Srebro 2016); the finding names the one that
    parted.

    >>> from fireline.detect.example import counted
    >>> from fireline.detect.example_layouts import TREATMENT
    >>> men = {"tp:M": 60, "fn:M": 40, "fp:M": 5, "tn:M": 95}
    >>> women = {"tp:F": 20, "fn:F": 30, "fp:F": 5, "tn:F": 45}
    >>> EqualizedOdds().ticks(*counted(TREATMENT, {"group:sex": men | women})).value.round(2)
    array([[-0.2 ,  0.05]])
    """

    name = "equalized_odds"
    channels = ("true positives", "false positives")

    def ticks(self, plan: Plan, counts: Array) -> Means:
        """Differences in both rates [T, 2 x groups watched]; n is the smaller side's positives, or
        negatives."""
        layout, parts = plan.layout(self.layout), []
        for series, place, _ in watched(layout):
            block = by_group(layout, counts, series)
            parts.append(rate_gap(block[..., TP], block[..., TP] + block[..., FN], place))
            parts.append(rate_gap(block[..., FP], block[..., FP] + block[..., TN], place))
        return self._beside(parts)

    def tell(self, plan: Plan, monitor: Monitor, channel: int, behind: Behind) -> Told:
        """The gap in words."""
        now, before = (points(gap, "less often", "more often") for gap in behind.figures)
        wrongly = monitor.channels[channel] == "false positives"
        who = "who should not be" if wrongly else "who should be chosen"
        return Told(f"{who} is chosen {now} in {monitor.feature} than elsewhere, usually {before}")


class GroupCalibration(_Fairness):
    """Mean of label less score in a group less that of all others: whose scores say too little or too much.

    >>> from fireline.detect.example import counted
    >>> from fireline.detect.example_layouts import TREATMENT
    >>> groups = {"n:M": 100, "gap:M": 1_000_000, "n:F": 50, "gap:F": 4_000_000, "gap2:F": 9_000_000}
    >>> GroupCalibration().ticks(*counted(TREATMENT, {"group:sex": groups})).value.round(2)
    array([[0.07]])
    """

    name = "group_calibration"
    optional = True

    def ticks(self, plan: Plan, counts: Array) -> Means:
        """Difference in label less score [T, groups watched]; n is the smaller side."""
        layout, parts = plan.layout(self.layout), []
        for series, place, _ in watched(layout):
            block = by_group(layout, counts, series)[..., N:]
            block = block / np.array([1.0, FIXED_POINT, FIXED_POINT])
            own, rest = block[:, place], block.sum(axis=1) - block[:, place]
            (p, v), (q, w) = _mean(own), _mean(rest)
            parts.append((p - q, v + w, np.minimum(own[:, 0], rest[:, 0])))
        return self._beside(parts)

    def tell(self, plan: Plan, monitor: Monitor, channel: int, behind: Behind) -> Told:
        """The gap in words."""
        now, before = (points(gap, "too high", "too low") for gap in behind.figures)
        return Told(f"scores of {monitor.feature} lie {now} beside all others', usually {before}")


def _mean(sums: Array) -> tuple[Array, Array]:
    """Mean and its variance from n, sum and sum of squares [T, 3]; 1/4 an event where there is no spread to
    see."""
    n, total, squares = sums.T
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = total / n
        return mean, np.maximum(squares / n - mean**2, 1e-3) / n
