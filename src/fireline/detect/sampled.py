"""Readings of signal counts that several kinds share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf
from typing import ClassVar

import numpy as np

from fireline.detect.kinds import Array, Kind, Monitor, Rates
from fireline.terms.counts import MINUTE, Series
from fireline.terms.plan import Layout, Plan
from fireline.terms.words import CHANCES

LAYOUT = "signals"
Choice = Callable[[Series], bool]


def kind_of(series: Series) -> str:
    """What the signal is: gauge, age, call, canary, report or error."""
    return series.values[0]


def every(series: Series) -> float:
    """Seconds between its samples as the runbook declares them, 0 where it does not."""
    return float(series.values[1])


def known(series: Series) -> bool:
    """Whether the reference held it."""
    return bool(series.shares and series.shares[0] > 0)


def chosen(plan: Plan, fits: Choice) -> list[Series]:
    """The signals that a kind watches, in the layout's order."""
    return [series for series in plan.layout(LAYOUT).series if fits(series)]


def monitors(
    plan: Plan, kind: str, fits: Choice, family: Callable[[Series], str] = lambda series: ""
) -> list[Monitor]:
    """One monitor a signal, whose feature is the signal's name."""
    return [
        Monitor(kind, series.name, series.name.partition(":")[2], family=family(series))
        for series in chosen(plan, fits)
    ]  # fmt: skip


def cells(plan: Plan, counts: Array, fits: Choice, cell: str) -> Array:
    """One cell of each chosen signal: int64 [T, signals]."""
    layout = plan.layout(LAYOUT)
    places = [layout.offsets[s.name] + s.cells.index(cell) for s in chosen(plan, fits)]
    found: Array = counts[:, places]
    return found


def cold_base(plan: Plan, fits: Choice, usual: float) -> Array:
    """``usual`` for signals the reference did not hold, NaN for the others: [signals]."""
    return np.array([np.nan if known(series) else usual for series in chosen(plan, fits)])


def example(name: str, above: float = inf, every: float = 0.0) -> Layout:
    """A layout of one signal, for the examples of kinds."""
    values = (name.partition(":")[0], f"{every:g}")
    made = Series(name, "signal", MINUTE, ("n", "failed", "slow", "beyond"), (above, -inf, 50.0), values)
    return Layout(LAYOUT, (made,), {"service": MINUTE})


SELDOM = 0.01 / CHANCES


class SignalRate(Kind):
    """What is told of now and then, as a rate: each minute counts as ten thousand chances of one, which makes
    the binomial test one of Poisson counts. ``signal`` is the kind of signal counted."""

    layout = "signals"
    scopes = ("service",)
    urgency = "ticket"
    tolerance = 2.0
    floor = SELDOM
    cold = True
    unit = "share of chances"
    signal: ClassVar[str]

    def monitors(self, plan: Plan) -> Sequence[Monitor]:
        """One monitor a signal of the kind."""
        return monitors(plan, self.name, self._mine)

    def ticks(self, plan: Plan, counts: Array) -> Rates:
        """Signals of ten thousand chances a minute [T, signals]; a minute without any is data too."""
        n = np.minimum(cells(plan, counts, self._mine, "n"), CHANCES)
        return Rates(n, np.full_like(n, CHANCES))

    def fixed_base(self, plan: Plan) -> Array:
        """One in a hundred minutes where nothing is known."""
        return cold_base(plan, self._mine, SELDOM)

    def _mine(self, series: Series) -> bool:
        return kind_of(series) == self.signal
