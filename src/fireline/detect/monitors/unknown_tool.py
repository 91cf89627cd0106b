"""Share of requests in which the model called a tool it never called before."""

from __future__ import annotations

from collections.abc import Sequence

from fireline.detect.kinds import Array, Kind, Monitor, Rates
from fireline.terms.plan import Plan


class UnknownTool(Kind):
    """Tools outside the reference's: a model talked into something, or a tool that nobody announced.

    >>> from fireline.detect.example import counted
    >>> from fireline.terms.counts import Series
    >>> from fireline.terms.plan import Layout
    >>> tools = Series("tools", "conditions", 900, ("n", "calling", "calls", "calls2", "unknown"))
    >>> layout = Layout("tools", (tools,), {"service": 900}, sums=True)
    >>> UnknownTool().ticks(*counted(layout, {"tools": [100, 40, 50, 80, 3]}))
    Rates(hits=array([[3]]), n=array([[100]]))
    """

    name = "unknown_tool"
    family = "injection"
    layout = "tools"
    scopes = ("service", "version")
    floor = 1e-3
    k = 3

    def monitors(self, plan: Plan) -> Sequence[Monitor]:
        """One monitor."""
        return (Monitor(self.name, "tools"),) if self.laid_out(plan).series else ()

    def ticks(self, plan: Plan, counts: Array) -> Rates:
        """Requests with an unknown tool of requests [T, 1]."""
        return Rates(counts[:, 4:5], counts[:, :1])
