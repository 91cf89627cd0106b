"""The three ways to know what a measure does: shadow calls, a control, and the series before and after."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np

from fireline.clock import micros
from fireline.verify.comparison import Comparison, Figure
from fireline.verify.figures import figure, sides
from fireline.verify.rows import Columns, between, flag, same_requests, take, text
from fireline.verify.stats import Floats, Pair
from fireline.verify.wishes import wish_of, wishes

Alerts = Iterable[Mapping[str, Any]]


def shadow(
    columns: Columns,
    reference: Columns,
    *,
    good: str,
    alerts: Alerts,
    since: datetime,
    until: datetime,
    timezone: str,
    bad: str | None = None,
) -> Comparison | None:
    """What ``good`` said of the requests that ``bad`` (None: any other version) answered in [since, until).

    ``columns`` holds live and shadow rows as the canonical batch names them, labels joined in as far as they
    are known; ``reference`` the live rows of the reference window. None when no request was answered by both.
    """
    there = take(columns, between(columns, since, until))
    version, hidden = text(there, "version"), flag(there, "shadow")
    live = take(there, ~hidden & ((version == bad) if bad is not None else (version != good)))
    other = take(there, hidden & (version == good))
    at_live, at_other = same_requests(live, other)
    if not len(at_live):
        return None
    usual = take(reference, ~flag(reference, "shadow"))
    answered, shadowed = take(live, at_live), take(other, at_other)
    window, what = micros(until) - micros(since), f"{good}'s shadow"
    given = sides(answered, shadowed, usual, timezone, window, paired=True, what=what)
    figures = tuple(figure(given, wish) for wish in wishes(alerts))
    return Comparison(
        "shadow", f"as served by {bad or 'the others'}", f"by {good} in its shadow", since, until, figures
    )


def control(
    treated: Columns,
    untreated: Columns,
    reference: Columns,
    *,
    alerts: Alerts,
    since: datetime,
    until: datetime,
    timezone: str,
    names: tuple[str, str] = ("without the measure", "with it"),
) -> Comparison | None:
    """Live requests of the same time with the measure and without it (two versions side by side, two arms).

    ``names`` are the untreated and the treated side in words. None when one side has no rows in [since,
    until).
    """  # fmt: skip
    a = take(untreated, between(untreated, since, until))
    b = take(treated, between(treated, since, until))
    if not len(a["time"]) or not len(b["time"]):
        return None
    usual = take(reference, ~flag(reference, "shadow"))
    window = micros(until) - micros(since)
    given = sides(a, b, usual, timezone, window, paired=False, what="the treated traffic")
    figures = tuple(figure(given, wish) for wish in wishes(alerts))
    return Comparison("control", names[0], names[1], since, until, figures)


def series_figure(
    alert: Mapping[str, Any],
    before: Floats,
    after: Floats,
    usual: float,
    *,
    tolerance: float,
    infl: float = 1.0,
) -> Figure:
    """One alert's monitored figure on the ticks before the measure [b] and on those since [a], NaN where
    empty.

    Standard errors come from the ticks' own spread, times ``infl`` for ticks that hang together.
    """
    wish = wish_of(alert)
    worse, unit = -1 if alert["seen"] < usual else 1, str(alert.get("unit") or "")
    where = dict(wish.segment) or None
    empty = Figure(wish.name, wish.family, wish.feature, where, unit, worse, effect=wish.effect)
    b, a = before[np.isfinite(before)], after[np.isfinite(after)]
    if len(b) < 3 or len(a) < 3:
        return replace(empty, missing=f"only {min(len(b), len(a))} of at least 3 ticks are there")
    se_b, se_a = (math.sqrt(infl * float(x.var(ddof=1)) / len(x)) for x in (b, a))
    pair = Pair(
        float(b.mean()), float(a.mean()), se_b, se_a, max(math.hypot(se_b, se_a), 1e-12), len(b), len(a)
    )
    return replace(empty, pair=pair, reference=usual, tolerance=tolerance)


def series(figures: Sequence[Figure], since: datetime, until: datetime) -> Comparison:
    """The service before and after the measure, figure by figure."""
    return Comparison("series", "before the measure", "since it", since, until, tuple(figures))
