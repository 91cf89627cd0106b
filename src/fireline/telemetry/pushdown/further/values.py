"""What numeric features measure: their logarithm's and their own first two moments."""

from __future__ import annotations

from typing import ClassVar

from fireline.telemetry.counters.values import FURTHEST
from fireline.telemetry.pushdown.cells import Found, clipped, finite, fixed
from fireline.telemetry.pushdown.dialects import Dialect
from fireline.telemetry.pushdown.further import Added, Further
from fireline.terms.plan import Layout, Plan


class Values(Further):
    """Values there, those not zero, and the sums. No engine gives a double's bits, which the buckets hash."""

    name = "values"
    without: ClassVar[tuple[str, ...]] = ("same",)
    blind: ClassVar[tuple[str, ...]] = ("stuck_feature",)

    def added(self, sql: Dialect, plan: Plan, layout: Layout, found: Found) -> Added:
        """Counts and sums of every feature there."""
        added = Added()
        for series in layout.series:
            column = series.name.removeprefix("feature:")
            if column not in found:
                continue
            start, x = layout.offsets[series.name], found[column]
            there = finite(sql, x)
            log = f"(CASE WHEN {there} AND {x} <> 0 THEN ln(abs({x})) END)"
            scaled = clipped(sql, f"({x} / {sql.number(series.edges[0])})", -FURTHEST, FURTHEST)
            scaled = f"(CASE WHEN {there} THEN {scaled} END)"
            added.where(start, there)
            added.where(start + 1, f"{there} AND {x} <> 0")
            for i, figure in enumerate((log, f"({log} * {log})", scaled, f"({scaled} * {scaled})"), 2):
                added.sums.append((str(start + i), fixed(sql, figure)))
        return added
