"""Traffic: requests per tick against the season."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fireline.detect.kinds import Array, Kind, Means, Monitor, Ticks
from fireline.detect.sums import Sums
from fireline.terms.plan import Plan


class Traffic(Kind):
    """Volume that halves or surges: log of the events in a tick, one more added so that none is a number.

    >>> from fireline.detect.example import counted
    >>> Traffic().ticks(*counted("shapes", {"feature:age": [10, 10, 10, 10]})).value.round(2)
    array([[3.71]])
    """

    name = "traffic"
    family = "traffic"
    layout = "shapes"
    test = "mean"
    scopes = ("service",)
    sides = "both"
    tolerance = 0.25
    k = 3
    urgency = "ticket"
    unit = "log events"
    merge_to = 20

    def monitors(self, plan: Plan) -> Sequence[Monitor]:
        """One monitor, counted on any shape series (each event falls into one of its cells)."""
        return (Monitor(self.name, "traffic"),) if plan.shapes.series else ()

    def ticks(self, plan: Plan, counts: Array) -> Ticks:
        """log(1 + events) [T, 1]; a tick without events is data too."""
        return self.of_sums(plan, counts)

    def sums(self, plan: Plan) -> tuple[Sums, ...]:
        """The events."""
        span = plan.shapes.span(plan.shapes.series[0].name)
        cells = range(span.start, span.stop)
        return (Sums.of_parts([(cells, np.ones(len(cells), np.int64))]),)

    def figures(self, *added: Array) -> Means:
        """The logarithm of one more than there were."""
        n = added[0].astype(np.float64)
        return Means(np.log1p(n), 1 / (n + 1), n + 1)


class Silence(Kind):
    """No events at all for longer than chance allows: no data is its own alarm.

    >>> from fireline.detect.example import counted
    >>> Silence().ticks(*counted("rates", {"rates": {"n": 0}})).n
    array([[0.]])
    """

    name = "silence"
    family = "freshness"
    layout = "rates"
    test = "silence"
    scopes = ("service",)
    k = 3
    unit = "events"

    def monitors(self, plan: Plan) -> Sequence[Monitor]:
        """One monitor: the minutes since the last event."""
        return (Monitor(self.name, "rates"),)

    def ticks(self, plan: Plan, counts: Array) -> Ticks:
        """Events [T, 1]."""
        return self.of_sums(plan, counts)

    def sums(self, plan: Plan) -> tuple[Sums, ...]:
        """The events."""
        return (Sums.of_cells([plan.rates.series[0].cells.index("n")]),)

    def figures(self, *added: Array) -> Means:
        """Their number."""
        n = added[0].astype(np.float64)
        return Means(n, n, n)
