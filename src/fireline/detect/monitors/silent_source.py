"""A source or a host that falls silent while others go on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fireline.detect.kinds import Array, Kind, Monitor, Rates
from fireline.terms.plan import Plan


class SilentSource(Kind):
    """Sources and hosts of at least 2 % of the reference that bring a tenth of their usual share or less.

    >>> from fireline.detect.example import counted
    >>> from fireline.terms.counts import Series
    >>> from fireline.terms.plan import Layout
    >>> hosts = Series("host", "conditions", 900, ("n", "=a", "=b"), (), ("a", "b"), shares=(1, 0.5, 0.5))
    >>> layout = Layout("sources", (hosts,), {"service": 900})
    >>> SilentSource().ticks(*counted(layout, {"host": [100, 99, 1]}))
    Rates(hits=array([[99,  1]]), n=array([[100, 100]]))
    """

    name = "silent_source"
    family = "freshness"
    layout = "sources"
    scopes = ("service",)
    sides = "down"
    tolerance = 10.0
    floor = 1e-3
    k = 3
    urgency = "ticket"
    least = 5

    def monitors(self, plan: Plan) -> Sequence[Monitor]:
        """One monitor for sources and one for hosts, a channel a name."""
        by_name = self.laid_out(plan).by_name
        return [Monitor(self.name, c, None, by_name[c].values) for c in ("source", "host") if c in by_name]

    def ticks(self, plan: Plan, counts: Array) -> Rates:
        """Requests of each name of all that name one [T, names]."""
        hits, totals = [], []
        for monitor in self.monitors(plan):
            block = counts[:, self.laid_out(plan).span(monitor.series)]
            hits.append(block[:, 1:])
            totals.append(np.broadcast_to(block[:, :1], block[:, 1:].shape))
        return Rates(np.concatenate(hits, axis=1), np.concatenate(totals, axis=1))
