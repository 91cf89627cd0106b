"""Share of rows put aside at intake, by what was wrong with them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fireline.detect.kinds import Array, Behind, Kind, Monitor, Rates, Told
from fireline.detect.report import share_in_words
from fireline.terms.plan import Plan

FIRST = 3
WORDS = {
    "not_a_number": "hold no number in {}: the column's type changed?",
    "not_a_flag": "hold neither true nor false in {}: the column's type changed?",
}


class QuarantineRate(Kind):
    """Rows that cannot be used for one and the same reason: a retyped column, a score that is none.

    They are in no other count, so that nothing else may notice that they stopped coming as they should.

    >>> from fireline.detect.example import counted
    >>> from fireline.terms.counts import Series
    >>> from fireline.terms.plan import Layout
    >>> cells = ("n", "late", "clock_ahead", "not_a_number:age", "other")
    >>> layout = Layout("arrivals", (Series("arrivals", "conditions", 60, cells),), {"service": 60})
    >>> QuarantineRate().ticks(*counted(layout, {"arrivals": {"n": 80, "not_a_number:age": 20}}))
    Rates(hits=array([[20,  0]]), n=array([[100, 100]]))
    """

    name = "quarantine_rate"
    family = "schema"
    layout = "arrivals"
    scopes = ("service", "version")
    floor = 1e-3

    def monitors(self, plan: Plan) -> Sequence[Monitor]:
        """One monitor, a channel for each flaw."""
        flaws = tuple(cell for s in self.laid_out(plan).series for cell in s.cells[FIRST:])
        columns = [cell.partition(":")[2] for cell in flaws]
        features = tuple(column if column in plan.features else None for column in columns)
        return (Monitor(self.name, "arrivals", None, flaws, features=features),) if flaws else ()

    def ticks(self, plan: Plan, counts: Array) -> Rates:
        """Rows with each flaw of rows that came [T, flaws]."""
        hits = counts[:, FIRST:]
        n = counts[:, :1] + hits.sum(axis=1, keepdims=True)
        return Rates(hits, np.broadcast_to(n, hits.shape))

    def tell(self, plan: Plan, monitor: Monitor, channel: int, behind: Behind) -> Told:
        """What the rows hold, and where."""
        kind, _, column = monitor.channels[channel].partition(":")
        n = int(behind.now[0] + behind.now[FIRST:].sum())
        what = WORDS.get(kind, f"were put aside as {kind.replace('_', ' ')}" + (" in {}" if column else ""))
        says = f"{share_in_words(behind.seen)} of {n:,} rows {what.format(column)}"
        says += f" (usually {share_in_words(behind.expected)})"
        return Told(says, behind.seen, behind.expected, "share", {"reason": kind, "column": column or None})
