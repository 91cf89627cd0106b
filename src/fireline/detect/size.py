"""How large a drift is, beside what a usual day reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta

import numpy as np

from fireline.clock import micros
from fireline.detect.baseline import Baseline, in_season
from fireline.detect.grouping import Size
from fireline.detect.kinds import Array
from fireline.detect.metrics import psi, psi_noise
from fireline.detect.season import cells_of
from fireline.terms.alert import Finding
from fireline.terms.counts import QUARTER, SERVICE, Scope
from fireline.terms.plan import Layout

TICK = QUARTER * 1_000_000
LONGEST = timedelta(days=7)
Read = Callable[[Layout, int, int, int], Mapping[Scope, Array]]


def sizes(baseline: Baseline, read: Read) -> Callable[[Finding], Size | None]:
    """Measures the PSI behind a drift finding, from the start of its evidence to when it fired."""
    layout = baseline.plan.shapes

    def size(finding: Finding) -> Size | None:
        if finding.series not in layout.by_name or finding.since is None:
            return None
        scope = Scope.of_key(finding.scope_key)
        low = max(finding.since, finding.at - LONGEST)
        first = micros(low) // TICK
        counts = read(layout, QUARTER, first, micros(finding.at) // TICK).get(scope)
        home = scope if ("shapes", scope) in baseline.totals else SERVICE
        usual = baseline.psi_usual.get((home, finding.series))
        if counts is None or usual is None:
            return None
        part = counts[:, layout.span(finding.series)]
        cells = cells_of(np.arange(first, first + len(part)), QUARTER, baseline.plan.timezone)
        events = part.sum(axis=1)
        reference = in_season(baseline.totals["shapes", home][:, layout.span(finding.series)], cells, events)
        few, day = usual
        longer = finding.at - low >= timedelta(hours=12)
        now = part.sum(axis=0)
        noise = psi_noise(reference, now)  # few events read high: 300 in twenty cells .06 without any drift
        seen = max(psi(reference, now) - noise, 0.0) if np.isfinite(noise) else 0.0
        return Size(seen, day if longer else few, day, int(events.sum()))

    return size
