"""Scores on arrival over bins that know how often the reference was right there."""

from __future__ import annotations

from fireline.telemetry.pushdown.cells import Found, scored
from fireline.telemetry.pushdown.dialects import Dialect
from fireline.telemetry.pushdown.further import Added, Further
from fireline.terms.plan import Layout, Plan


class Confidence(Further):
    """The score's histogram."""

    name = "confidence"

    def added(self, sql: Dialect, plan: Plan, layout: Layout, found: Found) -> Added:
        """The bin of each row's score."""
        if "score" not in found:
            return Added()
        return Added([scored(sql, layout, layout.series[0].name, found["score"], "TRUE")])
