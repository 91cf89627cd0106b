"""Who answered how many requests, counted: by version, in a slice, in the shadow."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from fireline.clock import micros
from fireline.reader import CountsReader
from fireline.terms.alert import Finding
from fireline.terms.counts import MINUTE, SERVICE, Scope
from fireline.terms.incident import Incident
from fireline.terms.plan import Layout, Plan
from fireline.terms.timeline import EntryKind

MINUTE_US = MINUTE * 1_000_000


def parts(
    plan: Plan, read: CountsReader, findings: Sequence[Finding], since: datetime, now: datetime
) -> dict[str, float]:
    """The share of the calls since then that each segment named by a finding had, by its scope."""
    layout, found = plan.rates, {}
    whole = _calls(layout, read, SERVICE, since, now)
    for finding in findings:
        if finding.segment and whole and layout.grains.get("segment"):
            part = _calls(layout, read, Scope.of_key(finding.scope_key), since, now)
            found[finding.scope_key] = min(1.0, part / whole)
    return found


def _calls(layout: Layout, read: CountsReader, scope: Scope, since: datetime, now: datetime) -> int:
    """Live calls of a scope in whole ticks of [since, now), of the grain that segments have."""
    step, grain = layout.grains["segment"], layout.grains[scope.kind]
    first, stop = (micros(at) // (step * 10**6) * (step // grain) for at in (since, now))
    counts = read(layout, grain, first, stop) if stop > first else {}
    column = layout.series[0].cells.index("n")
    return int(counts[scope][:, column].sum()) if scope in counts else 0


def shares(plan: Plan, read: CountsReader, now: datetime) -> dict[str, float]:
    """Each live version's share of the last two hours' traffic, or of the last day's where those were
    quiet."""
    for hours in (2, 24):
        found = served(plan, read, now - timedelta(hours=hours), now)
        total = sum(found.values())
        if total:
            return {version: round(n / total, 4) for version, n in sorted(found.items()) if n}
    return {}


def served(plan: Plan, read: CountsReader, since: datetime, until: datetime) -> dict[str, int]:
    """Requests that each live version answered in [since, until)."""
    layout = plan.rates
    counts = read(layout, MINUTE, micros(since) // MINUTE_US, micros(until) // MINUTE_US)
    column = layout.series[0].cells.index("n")
    return {scope.value: int(c[:, column].sum()) for scope, c in counts.items() if scope.kind == "version"}


def affected(
    plan: Plan, read: CountsReader, incident: Incident, since: datetime, until: datetime
) -> tuple[int, int]:
    """Requests answered by what was bad (its version or slice, else all), and all, in [since, until)."""
    layout = plan.rates
    counts = read(layout, MINUTE, micros(since) // MINUTE_US, micros(until) // MINUTE_US)
    column = layout.series[0].cells.index("n")
    total = int(counts[SERVICE][:, column].sum()) if SERVICE in counts else 0
    told = next((e for e in reversed(incident.timeline) if e.kind is EntryKind.CAUSES), None)
    bad = told.data.get("new_version") if told else None
    if bad is not None:
        return served(plan, read, since, until).get(str(bad), 0), total
    if incident.slice and len(incident.slice) == 1:
        ((name, value),) = incident.slice.items()
        if isinstance(value, str):
            scope = Scope("segment", name, value)
            grain = layout.grains["segment"]
            part = read(layout, grain, micros(since) // (grain * 10**6), micros(until) // (grain * 10**6))
            if scope in part:
                return int(part[scope][:, column].sum()), total
    return total, total


def shadowed(plan: Plan, read: CountsReader, since: datetime, until: datetime) -> bool:
    """Whether any call was a shadow's in [since, until)."""
    layout = plan.rates
    counts = read(layout, MINUTE, micros(since) // MINUTE_US, micros(until) // MINUTE_US)
    return any(scope.kind == "shadow" for scope in counts)
