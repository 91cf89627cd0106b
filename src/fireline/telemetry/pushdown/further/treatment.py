"""Groups against the truth: who of each was rightly and wrongly chosen, and what their scores came to."""

from __future__ import annotations

from fireline.telemetry.counters.treatment import FIGURES
from fireline.telemetry.pushdown.cells import Found, chosen, fixed, place
from fireline.telemetry.pushdown.dialects import Dialect
from fireline.telemetry.pushdown.further import Added, Further
from fireline.terms.plan import Layout, Plan


class Treatment(Further):
    """What each labelled row adds to its group, of each column."""

    name = "treatment"

    def added(self, sql: Dialect, plan: Plan, layout: Layout, found: Found) -> Added:
        """True and false, positive and negative; label less score and its square."""
        added, label = Added(), found["label"]
        said, gap = chosen(sql, plan, found, layout.series[0].values[-1]), _gap(sql, found)
        answers = [f"{said} = {a} AND {label} = {y}" for a, y in ((1, 1), (0, 1), (1, 0), (0, 0))]
        for series in layout.series:
            column = series.name.removeprefix("group:")
            if column not in found:
                continue
            groups = series.values[:-1]
            group = place(sql, found[column], groups, str(len(groups)))
            first = f"{layout.offsets[series.name]} + {group} * {len(FIGURES)}"
            for cell, holds in enumerate((*answers, f"{gap} IS NOT NULL")):
                added.where(f"{first} + {cell}", holds)
            added.sums.append((f"({first} + 5)", fixed(sql, gap)))
            added.sums.append((f"({first} + 6)", fixed(sql, f"({gap} * {gap})")))
        return added


def _gap(sql: Dialect, found: Found) -> str:
    if "score" not in found:
        return sql.real("NULL")
    score, label = found["score"], found["label"]
    known = f"NOT {sql.missing(score)} AND {score} >= 0 AND {score} <= 1"
    return f"(CASE WHEN {known} AND ({label} = 0 OR {label} = 1) THEN {label} - {score} END)"
