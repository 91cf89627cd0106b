"""Scores against the truth: what each was off by, and what scores of one size came to."""

from __future__ import annotations

from fireline.telemetry.counters.losses import BINS, EPSILON
from fireline.telemetry.pushdown.cells import Found, clipped, fixed
from fireline.telemetry.pushdown.dialects import Dialect
from fireline.telemetry.pushdown.further import Added, Further
from fireline.terms.plan import Layout, Plan


class Losses(Further):
    """Log loss and Brier score; by tenths of the score what came of it."""

    name = "losses"

    def added(self, sql: Dialect, plan: Plan, layout: Layout, found: Found) -> Added:
        """What each labelled row adds."""
        added = Added()
        if plan.task == "multiclass":
            _losses(sql, layout, added, _of_the_truth(sql, layout.by_name["losses"].values, found))
            return added
        if "score" not in found:
            return added
        p, label, one = found["score"], found["label"], sql.number(1.0)
        known = f"(NOT {sql.missing(p)} AND {p} >= 0 AND {p} <= 1 AND ({label} = 0 OR {label} = 1))"
        given = f"(CASE WHEN {known} THEN CASE WHEN {label} = 1 THEN {p} ELSE {one} - {p} END END)"
        off = f"(CASE WHEN {known} THEN {p} - {label} END)"
        square = f"({off} * {off})"
        _losses(sql, layout, added, given, {"brier": square, "brier2": f"({square} * {square})"})
        inside = f"(CASE WHEN {known} THEN {p} ELSE 0e0 END)"
        raised = f"ceil({inside} * {sql.number(BINS)} - {sql.number(1e-12)}) - {one}"
        tenth = sql.integer(clipped(sql, f"({raised})", 0.0, BINS - 1.0))
        cell = f"({layout.offsets['tenths']} + {tenth})"
        added.where(cell, known)
        gap = f"(CASE WHEN {known} THEN {label} - {p} END)"
        spread = f"(CASE WHEN {known} THEN {p} * ({one} - {p}) END)"
        for i, figure in ((1, gap), (2, spread)):
            added.sums.append((f"({cell} + {i * BINS})", fixed(sql, figure)))
        return added


def _of_the_truth(sql: Dialect, pairs: tuple[str, ...], found: Found) -> str:
    """The score of the class that was right, null where it or the label is missing."""
    if "truth" not in found:
        return sql.real("NULL")
    cases = ""
    for label, name in zip(pairs[::2], pairs[1::2], strict=True):
        if name in found:
            p = found[name]
            there = f"NOT {sql.missing(p)} AND {p} >= 0 AND {p} <= 1"
            cases += f" WHEN {found['truth']} = {sql.text(label)} THEN CASE WHEN {there} THEN {p} END"
    return f"(CASE{cases} END)" if cases else sql.real("NULL")


def _losses(
    sql: Dialect, layout: Layout, added: Added, given: str, more: dict[str, str] | None = None
) -> None:
    inside = clipped(sql, given, EPSILON, 1 - EPSILON)
    loss = f"(CASE WHEN {given} IS NOT NULL THEN -ln({inside}) END)"
    cells, start = layout.by_name["losses"].cells, layout.offsets["losses"]
    added.where(start + cells.index("n"), f"{given} IS NOT NULL")
    for name, figure in {"log": loss, "log2": f"({loss} * {loss})", **(more or {})}.items():
        added.sums.append((str(start + cells.index(name)), fixed(sql, figure)))
