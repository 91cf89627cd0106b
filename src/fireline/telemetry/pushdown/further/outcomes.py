"""The business figure (KPI), in all and for each arm."""

from __future__ import annotations

from fireline.telemetry.counters.outcomes import FIGURES, LARGEST
from fireline.telemetry.pushdown.cells import Found, clipped, finite, fixed, place
from fireline.telemetry.pushdown.dialects import Dialect
from fireline.telemetry.pushdown.further import Added, Further
from fireline.terms.plan import Layout, Plan


class Outcomes(Further):
    """Rows, those with an outcome, its sum and that of its square."""

    name = "outcomes"

    def added(self, sql: Dialect, plan: Plan, layout: Layout, found: Found) -> Added:
        """The four figures of all, and of the row's arm."""
        added, figures = Added(), _figures(sql, found, layout.by_name["all"].edges[0])
        start = layout.offsets["all"]
        added.sums += [(str(start + i), amount) for i, amount in enumerate(figures)]
        if "arms" in layout.by_name and "arm" in found:
            arms, start = layout.by_name["arms"].values, layout.offsets["arms"]
            arm = place(sql, found["arm"], arms, str(len(arms)))
            added.sums += [
                (f"({start + i} + {arm} * {len(FIGURES)})", amount) for i, amount in enumerate(figures)
            ]
        return added


def _figures(sql: Dialect, found: Found, unit: float) -> tuple[str, str, str, str]:
    if "outcome" not in found:
        return sql.integer("1"), sql.integer("0"), sql.integer("0"), sql.integer("0")
    outcome = found["outcome"]
    known = finite(sql, outcome)
    value = clipped(sql, f"({outcome} / {sql.number(unit)})", -LARGEST, LARGEST)
    value = f"(CASE WHEN {known} THEN {value} END)"
    there = sql.integer(f"CASE WHEN {known} THEN 1 ELSE 0 END")
    return sql.integer("1"), there, fixed(sql, value), fixed(sql, f"({value} * {value})")
