"""Flags whose scorer's own errors are known."""

from __future__ import annotations

from fireline.telemetry.pushdown.cells import Found
from fireline.telemetry.pushdown.dialects import Dialect
from fireline.telemetry.pushdown.further import Added, Further
from fireline.terms.plan import Layout, Plan


class Scorers(Further):
    """Answers, and those flagged."""

    name = "scorers"

    def added(self, sql: Dialect, plan: Plan, layout: Layout, found: Found) -> Added:
        """n and flagged of each flag that is there."""
        added = Added()
        for series in layout.series:
            if series.name in found:
                start = layout.offsets[series.name]
                added.cells.append(str(start))
                added.where(start + 1, found[series.name])
        return added
