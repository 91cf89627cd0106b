"""Does live traffic obey a measure, read off counts, where no single call comes.

The counts of each minute say how many calls each version answered and how many a lower rung did. A measure is
obeyed once the newest whole minutes hold enough calls and none that was answered otherwise. What counts
cannot show is said, and is never taken for obedience.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from fireline.clock import MICROS, from_micros, micros
from fireline.terms import words
from fireline.terms.counts import SERVICE, Scope
from fireline.terms.measure import Measure
from fireline.terms.plan import Layout, Plan
from fireline.verify.obey import ENOUGH, UNSEEN, Obedience, keeps_share

Array = np.ndarray[Any, Any]
Read = Callable[[Layout, int, int, int], Mapping[Scope, Array]]
RUNG = "by a lower rung (counts do not say which)"
LOOKED_BACK = timedelta(hours=1)
"""What a lower rung answered so long before a fallback tells whether its calls can be told from others."""
MOSTLY = 0.5


@dataclass(frozen=True)
class Served:
    """Live calls of whole ticks in order: ``starts`` int64 [T] (microseconds), ``n`` int64 [T], those of each
    version, and those that a lower rung answered."""

    starts: Array
    n: Array
    versions: Mapping[str, Array]
    lower: Array


def served(plan: Plan, read: Read, scope: Scope, since: datetime, until: datetime) -> Served:
    """The calls of ``scope`` in whole ticks of [since, until), none that began before ``since``."""
    layout = plan.rates
    grain = layout.grains[scope.kind]
    first, stop = -(-micros(since) // (grain * MICROS)), micros(until) // (grain * MICROS)
    ticks = np.arange(first, max(stop, first), dtype=np.int64)
    counts = read(layout, grain, first, stop) if len(ticks) else {}
    cells = layout.series[0].cells

    def of(where: Scope, cell: str) -> Array:
        if where not in counts or cell not in cells:
            return np.zeros(len(ticks), np.int64)
        return counts[where][:, cells.index(cell)]

    named = [one for one in counts if one.kind == "version"] if scope == SERVICE else []
    by = {one.value: of(one, "n") for one in sorted(named, key=lambda one: one.value)}
    return Served(ticks * grain * MICROS, of(scope, "n"), by, of(scope, "fallback"))


def counted_obedience(
    plan: Plan, read: Read, measure: Measure, now: datetime, *, through: datetime | None, within: timedelta,
    rungs: bool, rows: str = "", behind: tuple[str, ...] = (),
) -> Obedience:  # fmt: skip
    """What counts show of ``measure``. ``through`` is up to when they were made, ``within`` how long that may
    take; ``rungs`` says whether events tell of rungs at all, ``rows`` where the calls themselves lie."""
    if measure.action in UNSEEN:
        return Obedience(behind=behind, enough=0)
    applied = measure.applied_at or now
    until = min(through or applied, now)
    held = Obedience(behind=behind, until=until, overdue=now - max(until, applied) > within)
    scope = _scope(plan, measure)
    cannot = "" if isinstance(scope, Scope) else scope
    if isinstance(scope, Scope) and measure.action == "fallback":
        cannot = _blind(plan, read, scope, applied) if rungs else "no column of events names the rung"
    if cannot or not isinstance(scope, Scope):
        look = f": look at {rows}" if rows else ""
        return Obedience(behind=behind, until=until, cannot=f"{cannot}{look}")
    return _read_off(served(plan, read, scope, applied, until), measure, held)


def _scope(plan: Plan, measure: Measure) -> Scope | str:
    """The scope whose calls the measure is about, or why there is none."""
    segment = dict(measure.params.get("segment") or {})
    if not segment:
        return SERVICE
    whom = words.listing([f"{column}={value}" for column, value in segment.items()])
    if measure.action != "fallback":
        return f"versions are not counted apart inside {whom}"
    if len(segment) > 1:
        return f"{whom} together are not counted"
    ((column, value),) = segment.items()
    if value not in plan.segments.get(column, ()):
        return f"{whom} is not counted"
    return Scope("segment", column, value)


def _blind(plan: Plan, read: Read, scope: Scope, applied: datetime) -> str:
    """Why a fallback cannot be told from what was before it, or ""."""
    before = served(plan, read, scope, applied - LOOKED_BACK, applied)
    n = int(before.n.sum())
    if n and before.lower.sum() / n >= MOSTLY:
        return "calls were answered by a lower rung before it already, and counts do not say by which"
    return ""


def _read_off(seen: Served, measure: Measure, held: Obedience) -> Obedience:
    good, how = _good(seen, measure)
    bad = seen.n - good
    wrong = np.flatnonzero(bad > 0)
    begin = int(wrong[-1]) + 1 if len(wrong) else 0
    run, disobeying = int(good[begin:].sum()), int(bad.sum())
    last = from_micros(int(seen.starts[wrong[-1]])) if len(wrong) else None
    kept, share = str(measure.params.get("version")), float(measure.params.get("share", 0.0))
    if measure.action == "route_share" and run >= ENOUGH:
        of_kept = int(seen.versions[kept][begin:].sum()) if kept in seen.versions else 0
        if not keeps_share(of_kept, run, share):
            newest = from_micros(int(seen.starts[-1]))
            who = (("the share is not kept", run),)
            return Obedience(0, disobeying or run, newest, who, held.behind, until=held.until)
    return Obedience(
        run, disobeying, last, _who(seen, measure, bad), held.behind,
        until=held.until, overdue=held.overdue and not seen.n.any(), how=how,
    )  # fmt: skip


def _good(seen: Served, measure: Measure) -> tuple[Array, str]:
    """How many calls [T] show that the measure is in force for them, and in what words."""
    wanted = [str(v) for v in (measure.params.get("to"), measure.params.get("version")) if v]
    if measure.action == "rollback":
        wanted = wanted[:1]
    if measure.action in ("rollback", "route_share") and wanted:
        mine = [seen.versions[name] for name in wanted if name in seen.versions]
        return (np.sum(mine, axis=0) if mine else np.zeros_like(seen.n)), "that way"
    if measure.action == "fallback" and measure.params.get("rung"):
        return seen.lower, RUNG
    return seen.n, "that way"


def _who(seen: Served, measure: Measure, bad: Array) -> tuple[tuple[str, int], ...]:
    """Who answered the calls of the ticks in which some disobeyed, the most first."""
    if measure.action == "fallback":
        return (("the usual rung", int(bad.sum())),) if bad.any() else ()
    wanted = {str(measure.params.get("to")), str(measure.params.get("version"))}
    others = {f"version {name}": int(n.sum()) for name, n in seen.versions.items() if name not in wanted}
    others["no version"] = int(seen.n.sum()) - sum(int(n.sum()) for n in seen.versions.values())
    found = [(name, n) for name, n in others.items() if n > 0]
    return tuple(sorted(found, key=lambda one: (-one[1], one[0]))[:3])
