"""Share of requests still without a label at the age when they usually have one."""

from __future__ import annotations

from collections.abc import Sequence

from fireline.detect.kinds import Array, Kind, Monitor, Rates
from fireline.terms.plan import Plan


class LabelCoverage(Kind):
    """Labels that stopped or thin out: quality cannot be judged, and may look better or worse than it is.

    >>> from fireline.detect.example import counted
    >>> LabelCoverage().ticks(*counted("quality", {"labels": {"n": 100, "labelled": 40}}))
    Rates(hits=array([[60]]), n=array([[100]]))
    """

    name = "label_coverage"
    family = "label_coverage"
    layout = "quality"
    scopes = ("service",)
    urgency = "ticket"
    tolerance = 1.5
    k = 2
    floor = 1e-2

    def monitors(self, plan: Plan) -> Sequence[Monitor]:
        """One monitor where the reference had labels."""
        shares = plan.quality.by_name["labels"].shares
        return (Monitor(self.name, "labels"),) if len(shares) > 1 and shares[1] > 0 else ()

    def ticks(self, plan: Plan, counts: Array) -> Rates:
        """Unlabelled of all events [T, 1]."""
        start = plan.quality.offsets["labels"]
        n, known = counts[:, [start]], counts[:, [start + 1]]
        return Rates(n - known, n)
