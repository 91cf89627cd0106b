"""How rows arrive: those put aside by what was wrong with them, those that came late, and all others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from fireline.runbook.schema import Runbook
from fireline.telemetry.batch import mapped
from fireline.telemetry.columns import recode
from fireline.telemetry.counters import Counter, Feed, Rows
from fireline.telemetry.grid import Marks
from fireline.terms.counts import MINUTE, ScopeKind, Series
from fireline.terms.plan import Layout, Plan

FLAWS = {"number": "not_a_number", "answer": "not_a_number", "truth": "not_a_flag"}
BOUNDED = ("score", "latency_ms", "weight")
NOT_OURS = ("unknown_service", "far_time")
"""Rows of others, and rows nobody knows the time of, are no fact about this service's arrivals."""


class Arrivals(Counter):
    """Cells: n, late, clock_ahead, `KIND:COLUMN` for each flaw that a mapped column can have, and other.

    A row put aside is counted at its own time, one that came late when it arrived, and one whose clock is
    ahead when it came.
    """

    name = "arrivals"
    also: ClassVar[tuple[Feed, ...]] = ("rejected", "late")
    grains: ClassVar[Mapping[ScopeKind, int]] = {"service": MINUTE, "version": MINUTE}

    def declare(self, runbook: Runbook, plan: Plan, reference: Rows) -> tuple[Series, ...]:
        """One series, whatever the columns."""
        flaws = []
        for m in mapped(runbook.columns):
            flaws += [f"{FLAWS[m.form]}:{m.column}"] if m.form in FLAWS else []
            flaws += [f"bad_{m.name}:{m.column}"] if m.name in BOUNDED else []
        cells = ("n", "late", "clock_ahead", *flaws, "other")
        return (Series("arrivals", "conditions", MINUTE, cells, reference=plan.reference),)

    def marks(self, plan: Plan, layout: Layout, rows: Rows) -> Marks:
        """One cell a row."""
        cells = layout.series[0].cells
        marks = Marks(layout.width)
        if rows.feed == "rejected":
            marks.dense.append(_flaw_of(rows, cells))
        else:
            marks.where(cells.index("late" if rows.feed == "late" else "n"), np.ones(len(rows.table), bool))
        return marks


def _flaw_of(rows: Rows, cells: tuple[str, ...]) -> np.ndarray:
    """The cell of each row put aside, int32 [n]; their number for those not counted."""
    kinds, kind_names = rows.words.codes("reason aside")
    columns, column_names = rows.words.codes("column aside")
    index = {cell: at for at, cell in enumerate(cells)}
    known = {k: index.get(f"{name}:{c}", index["other"]) for k, (name, c) in _pairs(kind_names, column_names)}
    pairs = kinds * len(column_names) + columns
    found = np.array([known[int(pair)] for pair in np.unique(pairs)] or [0], np.int32)
    cell = found[np.unique(pairs, return_inverse=True)[1]] if len(pairs) else np.empty(0, np.int32)
    plain = {name: index.get(name, -1) for name in kind_names} | dict.fromkeys(NOT_OURS, len(cells))
    own = recode(kinds, kind_names, plain, -1, -1)
    return np.where(own >= 0, own, cell).astype(np.int32)


def _pairs(kinds: list[str], columns: list[str]) -> list[tuple[int, tuple[str, str]]]:
    return [
        (k * len(columns) + c, (kind, column))
        for k, kind in enumerate(kinds)
        for c, column in enumerate(columns)
    ]
