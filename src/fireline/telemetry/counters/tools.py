"""Tools that the model calls: how many a request, and those it never called before."""

from __future__ import annotations

import json
from collections import Counter as Tally
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from fireline.runbook.schema import Runbook
from fireline.telemetry.columns import has, numbers
from fireline.telemetry.counters import Counter, Rows
from fireline.telemetry.grid import Marks
from fireline.terms.counts import QUARTER, ScopeKind, Series
from fireline.terms.plan import Layout, Plan

MOST_CALLS = 1000
KNOWN = 500


class Tools(Counter):
    """n requests, those that called a tool, calls and their squares, and requests that called one the
    reference never called (``values`` are those it did)."""

    name = "tools"
    grains: ClassVar[Mapping[ScopeKind, int]] = {"service": QUARTER, "version": QUARTER}
    sums = True

    def declare(self, runbook: Runbook, plan: Plan, reference: Rows) -> tuple[Series, ...]:
        """One series, where the log has tools."""
        if runbook.columns.tools is None or not has(reference.table, "tools.names"):
            return ()
        codes, values = reference.words.codes("tools.names")
        counts = np.bincount(codes[codes >= 0], minlength=len(values))
        called: Tally[str] = Tally()
        for names, count in zip(values, counts.tolist(), strict=True):
            called.update(dict.fromkeys(json.loads(names), count))
        known = tuple(sorted(name for name, _ in called.most_common(KNOWN)))
        cells = ("n", "calling", "calls", "calls2", "unknown")
        return (Series("tools", "conditions", QUARTER, cells, (), known, reference=plan.reference),)

    def marks(self, plan: Plan, layout: Layout, rows: Rows) -> Marks:
        """Requests and calls."""
        marks = Marks(layout.width)
        if not has(rows.table, "tools.names"):
            return marks
        calls = np.minimum(np.nan_to_num(numbers(rows.table, "tools.calls")), MOST_CALLS).astype(np.int64)
        known = set(layout.series[0].values)
        codes, values = rows.words.codes("tools.names")
        odd = np.array([bool(set(json.loads(names)) - known) for names in values] + [False])
        marks.where(0, np.ones(len(calls), bool))
        marks.where(1, calls > 0)
        marks.sums += [(2, calls), (3, calls**2)]
        marks.where(4, odd[codes])
        return marks
