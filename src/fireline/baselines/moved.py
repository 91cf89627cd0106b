"""What moved against the baseline in force, and since when."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np

from fireline.baselines.days import DAY, day_of, start_of
from fireline.detect.baseline import Baseline, Read, in_season
from fireline.detect.metrics import psi
from fireline.detect.season import cells_of
from fireline.terms.counts import SERVICE
from fireline.terms.proposal import Moved

SHOWN = 12
LEAST_PSI = 0.05
LEAST_EVENTS = 100


def moved(baseline: Baseline, read: Read, since: datetime, until: datetime) -> tuple[Moved, ...]:
    """Features and the score whose distribution over whole days of [since, until) differs from the reference
    by more than its days usually do, the farthest first: PSI against the reference of the same hours."""
    layout = baseline.plan.shapes
    if not layout.series or (SERVICE not in {scope for name, scope in baseline.totals if name == "shapes"}):
        return ()
    grain = layout.grains["service"]
    per_day = 86_400 // grain
    first, last = day_of(since) * per_day, day_of(until) * per_day
    counts = read(layout, grain, first, last).get(SERVICE)
    if counts is None or last <= first:
        return ()
    cells = cells_of(np.arange(first, last), grain, baseline.plan.timezone)
    found = []
    for series in layout.series:
        span = layout.span(series.name)
        totals = baseline.totals["shapes", SERVICE][:, span]
        usual = baseline.psi_usual.get((SERVICE, series.name), (LEAST_PSI, LEAST_PSI))[1]
        level = max(LEAST_PSI, usual)
        size = _psi(totals, counts[:, span], cells)
        if size > level:
            days = [
                _psi(totals, counts[i : i + per_day, span], cells[i : i + per_day])
                for i in range(0, len(counts), per_day)
            ]
            found.append(Moved(_name(series.name), size, usual, _since(days, level, since)))
    return tuple(sorted(found, key=lambda one: -one.psi)[:SHOWN])


def _psi(totals: Any, counts: Any, cells: Any) -> float:
    seen = counts.sum(axis=0)
    if seen.sum() < LEAST_EVENTS:
        return 0.0
    return float(psi(in_season(totals, cells, counts.sum(axis=1)), seen))


def _since(days: list[float], level: float, since: datetime) -> datetime | None:
    """The first of the last run of days that all lie above ``level``."""
    begin = len(days)
    while begin and days[begin - 1] > level:
        begin -= 1
    return start_of(day_of(since)) + begin * DAY if begin < len(days) else None


def _name(series: str) -> str:
    return series.removeprefix("feature:")
