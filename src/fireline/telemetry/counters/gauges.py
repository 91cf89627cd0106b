"""Gauges by the quarter of an hour: how many samples, and the sums that tell where a figure lies."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from fireline.runbook.schema import Runbook
from fireline.telemetry.columns import numbers
from fireline.telemetry.counters import Counter, Rows
from fireline.telemetry.counters.signals import MOST_SIGNALS, of_signal
from fireline.telemetry.grid import Marks
from fireline.terms.counts import QUARTER, Series
from fireline.terms.plan import Layout, Plan

FIXED_POINT = 1_000_000
CELLS = ("n", "sum", "sum2")
FURTHEST = 30.0
LEAST_SAMPLES = 100


class GaugeSums(Counter):
    """One series a gauge that the reference holds: samples, and sums of its standardised value and square.

    ``edges`` of a series are (median, robust standard deviation) of the reference; a value further than 30 of
    them counts as 30, so that one wild sample says no more than any other that is far out.
    """

    name = "gauges"
    feed = "signals"
    grains: ClassVar = {"service": QUARTER}
    sums = True

    def declare(self, runbook: Runbook, plan: Plan, reference: Rows) -> tuple[Series, ...]:
        """A series for each gauge with a hundred samples in the reference that are not all alike."""
        found = []
        codes, names = of_signal(reference)
        values = numbers(reference.table, "value") if len(codes) else np.empty(0)
        for i, name in sorted(enumerate(names), key=lambda pair: pair[1]):
            held = values[(codes == i) & np.isfinite(values)] if name.startswith("gauge:") else np.empty(0)
            if len(held) < LEAST_SAMPLES:
                continue
            centre = float(np.median(held))
            spread = 1.4826 * float(np.median(np.abs(held - centre))) or float(held.std())
            if spread > 0:
                edges = (centre, spread)
                found.append(Series(name, "signal", QUARTER, CELLS, edges, reference=plan.reference))
        return tuple(found[:MOST_SIGNALS])

    def marks(self, plan: Plan, layout: Layout, rows: Rows) -> Marks:
        """Standardised values added up in millionths, so that they add exactly like counts."""
        marks = Marks(layout.width)
        codes, names = of_signal(rows)
        values = numbers(rows.table, "value")
        for series in layout.series:
            if series.name not in names:
                continue
            here = (codes == names.index(series.name)) & np.isfinite(values)
            centre, spread = series.edges
            z = np.where(
                here, np.clip((np.where(here, values, centre) - centre) / spread, -FURTHEST, FURTHEST), 0
            )
            start = layout.offsets[series.name]
            marks.sparse.append((np.flatnonzero(here), start))
            for i, figure in ((1, z), (2, z**2)):
                marks.sums.append((start + i, np.rint(figure * FIXED_POINT).astype(np.int64)))
        return marks
