"""Tool calls a request."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fireline.detect.kinds import Array, Kind, Means, Monitor
from fireline.terms.plan import Plan


class ToolCalls(Kind):
    """More tool calls a request than usual: loops, and instructions that came with a document.

    >>> from fireline.detect.example import counted
    >>> from fireline.terms.counts import Series
    >>> from fireline.terms.plan import Layout
    >>> tools = Series("tools", "conditions", 900, ("n", "calling", "calls", "calls2", "unknown"))
    >>> layout = Layout("tools", (tools,), {"service": 900}, sums=True)
    >>> ToolCalls().ticks(*counted(layout, {"tools": [100, 40, 50, 80, 3]})).value
    array([[0.5]])
    """

    name = "tool_calls"
    family = "injection"
    layout = "tools"
    test = "mean"
    scopes = ("service", "version")
    tolerance = 0.1
    k = 3
    urgency = "ticket"
    least = 5
    merge_to = 30
    unit = "calls a request"

    def monitors(self, plan: Plan) -> Sequence[Monitor]:
        """One monitor."""
        return (Monitor(self.name, "tools"),) if self.laid_out(plan).series else ()

    def ticks(self, plan: Plan, counts: Array) -> Means:
        """Calls a request [T, 1]; the variance has one more call in it, so that none is no certainty."""
        n = counts[:, :1].astype(np.float64)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = counts[:, 2:3] / n
            variance = (np.maximum(counts[:, 3:4] - n * mean**2, 0.0) + 1.0) / n**2
        return Means(mean, variance, n)
