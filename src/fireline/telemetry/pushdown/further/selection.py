"""Groups on arrival: how many of each were given the positive answer."""

from __future__ import annotations

from fireline.telemetry.counters.selection import FIGURES
from fireline.telemetry.pushdown.cells import Found, chosen, place
from fireline.telemetry.pushdown.dialects import Dialect
from fireline.telemetry.pushdown.further import Added, Further
from fireline.terms.plan import Layout, Plan


class Selection(Further):
    """Each row with an answer in its group, of each column."""

    name = "selection"

    def added(self, sql: Dialect, plan: Plan, layout: Layout, found: Found) -> Added:
        """n and chosen of the row's group."""
        added, said = Added(), chosen(sql, plan, found, layout.series[0].values[-1])
        for series in layout.series:
            column = series.name.removeprefix("group:")
            if column not in found:
                continue
            groups, start = series.values[:-1], layout.offsets[series.name]
            group = place(sql, found[column], groups, str(len(groups)))
            for cell, holds in enumerate((f"{said} IS NOT NULL", f"{said} = 1")):
                added.where(f"{start + cell} + {group} * {len(FIGURES)}", holds)
        return added
