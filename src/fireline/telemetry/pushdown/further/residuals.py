"""Errors of numbers: their sums up to the fourth power."""

from __future__ import annotations

from fireline.telemetry.counters.residuals import FIXED_POINT, FOURTH_POINT, LARGEST
from fireline.telemetry.pushdown.cells import Found, clipped, finite, fixed
from fireline.telemetry.pushdown.dialects import Dialect
from fireline.telemetry.pushdown.further import Added, Further
from fireline.terms.plan import Layout, Plan


class Residuals(Further):
    """Label less prediction in spreads of the reference predictions, and its powers."""

    name = "residuals"

    def added(self, sql: Dialect, plan: Plan, layout: Layout, found: Found) -> Added:
        """What each labelled row adds."""
        added = Added()
        if "prediction" not in found:
            return added
        gap = f"(({found['label']} - {found['prediction']}) / {sql.number(layout.series[0].edges[0])})"
        known = finite(sql, gap)
        inside = f"(CASE WHEN {known} THEN {clipped(sql, gap, -LARGEST, LARGEST)} END)"
        square = f"({inside} * {inside})"
        added.where(0, known)
        powers = ((inside, FIXED_POINT), (square, FIXED_POINT), (f"({square} * {square})", FOURTH_POINT))
        for cell, (figure, point) in enumerate(powers, 1):
            added.sums.append((str(cell), fixed(sql, figure, point)))
        return added
