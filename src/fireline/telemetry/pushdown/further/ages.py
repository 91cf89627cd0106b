"""How old features are when they are used."""

from __future__ import annotations

from fireline.telemetry.pushdown.cells import Found, finite
from fireline.telemetry.pushdown.dialects import Dialect
from fireline.telemetry.pushdown.further import Added, Further
from fireline.terms.plan import Layout, Plan


class Ages(Further):
    """Ages there, and those too old."""

    name = "ages"

    def added(self, sql: Dialect, plan: Plan, layout: Layout, found: Found) -> Added:
        """n and stale of each feature whose age is known."""
        added = Added()
        for series in layout.series:
            if f"{series.name}.age" in found:
                age, start = found[f"{series.name}.age"], layout.offsets[series.name]
                added.where(start, finite(sql, age))
                added.where(start + 1, f"NOT {sql.missing(age)} AND {age} > {sql.number(series.edges[1])}")
        return added
