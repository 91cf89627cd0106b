"""Who asks, and which machine answers: the usual names, for silence."""

from __future__ import annotations

from typing import ClassVar

from fireline.telemetry.pushdown.cells import Found, place
from fireline.telemetry.pushdown.dialects import Dialect
from fireline.telemetry.pushdown.further import Added, Further
from fireline.terms.plan import Layout, Plan


class Sources(Further):
    """The named sources and hosts. No engine's hash is that of the buckets."""

    name = "sources"
    without: ClassVar[tuple[str, ...]] = ("buckets",)
    blind: ClassVar[tuple[str, ...]] = ("source_concentration",)

    def added(self, sql: Dialect, plan: Plan, layout: Layout, found: Found) -> Added:
        """n, and the cell of the row's name."""
        added = Added()
        for series in layout.series:
            if series.name in self.without or series.name not in found:
                continue
            start, value = layout.offsets[series.name], found[series.name]
            added.where(start, f"{value} IS NOT NULL")
            added.cells.append(f"{start + 1} + {place(sql, value, series.values)}")
        return added
