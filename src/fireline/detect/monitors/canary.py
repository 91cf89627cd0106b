"""Synthetic canaries: known inputs through the real service, and whether the expected answers came."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fireline.detect.kinds import Array, Kind, Means, Monitor, Rates
from fireline.detect.sampled import cells, chosen, cold_base, every, kind_of, known, monitors
from fireline.terms.counts import Series
from fireline.terms.plan import Plan

USUAL = 0.01


def _canaries(series: Series) -> bool:
    return kind_of(series) == "canary"


def _expected(series: Series) -> bool:
    return kind_of(series) in ("canary", "gauge", "age") and (known(series) or every(series) > 0)


def _family(series: Series) -> str:
    return "canary" if kind_of(series) == "canary" else "freshness"


class CanaryFailing(Kind):
    """A canary whose answers are wrong, late or errors: two or three in a row tell.

    >>> from fireline.detect.example import counted
    >>> from fireline.detect.sampled import example
    >>> birds = example("canary:refund", every=60)
    >>> CanaryFailing().ticks(*counted(birds, {"canary:refund": {"n": 1, "failed": 1}}))
    Rates(hits=array([[1]]), n=array([[1]]))
    """

    name = "canary_failing"
    family = "canary"
    layout = "signals"
    scopes = ("service",)
    floor = 1e-2
    k = 2
    cold = True

    def monitors(self, plan: Plan) -> Sequence[Monitor]:
        """One monitor a canary."""
        return monitors(plan, self.name, _canaries)

    def ticks(self, plan: Plan, counts: Array) -> Rates:
        """Failed of all runs [T, canaries]."""
        return Rates(cells(plan, counts, _canaries, "failed"), cells(plan, counts, _canaries, "n"))

    def fixed_base(self, plan: Plan) -> Array:
        """One in a hundred where nothing is known."""
        return cold_base(plan, _canaries, USUAL)


class SignalSilence(Kind):
    """A canary, a gauge or an age that stopped coming: no data is its own alarm.

    >>> from fireline.detect.example import counted
    >>> from fireline.detect.sampled import example
    >>> birds = example("canary:refund", every=60)
    >>> SignalSilence().ticks(*counted(birds, {"canary:refund": {"n": 0}})).n
    array([[0.]])
    """

    name = "signal_silence"
    family = "freshness"
    layout = "signals"
    test = "silence"
    scopes = ("service",)
    k = 3
    unit = "samples"
    cold = True

    def monitors(self, plan: Plan) -> Sequence[Monitor]:
        """One monitor a signal that comes by the clock: of canaries, gauges and ages, not of calls."""
        return monitors(
            plan,
            self.name,
            _expected,
            lambda series: "canary" if kind_of(series) == "canary" else "freshness",
        )

    def ticks(self, plan: Plan, counts: Array) -> Means:
        """Samples [T, signals]."""
        n = cells(plan, counts, _expected, "n").astype(np.float64)
        return Means(n, n, n)

    def fixed_base(self, plan: Plan) -> Array:
        """Samples a minute as declared, NaN where the reference knows better."""
        return np.array([
            np.nan if known(series) or every(series) <= 0 else 60.0 / every(series)
            for series in chosen(plan, _expected)
        ])  # fmt: skip
