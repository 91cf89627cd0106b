"""A service's view, put together from what its loop knows."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from fireline.clock import from_micros, micros
from fireline.detect.courts import Round
from fireline.detect.judge import Judge
from fireline.detect.noticeable import Recent, noticeable
from fireline.live.guards import Guards
from fireline.live.pulse import Pulse
from fireline.live.unwatched import unwatched
from fireline.live.views import MonitorState, MonitorView, ServiceView
from fireline.store.facts import read_facts
from fireline.telemetry.columns import booleans
from fireline.terms.counts import SERVICE
from fireline.terms.incident import OVER

HOUR_US = 3600 * 1_000_000
HOURS = 48
RISING = -1.0
"""log10 of the share of the ticket level from which a monitor is shown as rising."""


def service_view(pulse: Pulse, guards: Guards, trouble: str = "") -> ServiceView:
    """The service as it stands at the clock's time."""
    runbook, seen = pulse.book.runbook, pulse.counting.seen
    now = pulse.clock.now()
    versions, rungs = _shares(pulse)
    mark = pulse.judged
    last = max(seen.last_event, _last_counted(pulse))
    return ServiceView(
        name=pulse.service,
        runbook=runbook,
        watermark=min(now - runbook.allowed_lateness, from_micros(pulse.complete())),
        judged_until=min(from_micros(mark), now),
        last_event=from_micros(last) if last else None,
        events=seen.events,
        late=seen.late,
        duplicates=seen.duplicates,
        quarantined=seen.quarantined,
        waiting=pulse.counting.door.spool.waiting(pulse.counting.door.counted),
        versions=versions,
        rungs=rungs,
        hourly=_hourly(pulse),
        switch=pulse.board.current(pulse.service),
        guards=guards.of(pulse.service),
        monitors=monitor_views(pulse),
        budgets=pulse.budgets.look(pulse.book, now),
        changes=pulse.changes[-50:],
        reports=_reports(pulse),
        unwatched=tuple(str(one) for one in unwatched(pulse.book.runbook, pulse.book.baseline.plan)),
        trouble=trouble,
    )


def _last_counted(pulse: Pulse) -> int:
    files = pulse.store.lake_files("events", micros(pulse.clock.now()) - 48 * HOUR_US, 1 << 62, pulse.service)
    return max((f.max_us for f in files), default=0)


def _shares(pulse: Pulse) -> tuple[dict[str, float], dict[str, float]]:
    """Shares of the last hour's live calls by version and by rung."""
    now = pulse.clock.now()
    if pulse.book.runbook.counts is not None:
        return _counted_shares(pulse), {}
    rows = pulse.archive.events(
        now - timedelta(hours=1), now + timedelta(hours=1), ["time", "version", "rung", "shadow"]
    )
    if not rows.num_rows:
        return {}, {}
    live = rows.filter(pa.array(~booleans(rows, "shadow")))
    return _parts(live, "version"), _parts(live, "rung")


def _counted_shares(pulse: Pulse) -> dict[str, float]:
    """Shares of the last hour that was counted, by version; counts do not tell rungs apart."""
    layout = pulse.book.baseline.plan.rates
    grain = layout.grains["version"]
    stop = pulse.counting.counted_through() // (grain * 1_000_000)
    counts = pulse.read(layout, grain, stop - 3600 // grain, stop)
    column = layout.series[0].cells.index("n")
    found = {scope.value: int(c[:, column].sum()) for scope, c in counts.items() if scope.kind == "version"}
    whole = sum(found.values())
    return {version: round(n / whole, 4) for version, n in sorted(found.items()) if n} if whole else {}


def _parts(rows: pa.Table, name: str) -> dict[str, float]:
    if name not in rows.column_names or not rows.num_rows:
        return {}
    values = rows.column(name).to_pylist()
    known = [str(v) for v in values if v not in (None, "")]
    return {one: round(known.count(one) / len(values), 4) for one in sorted(set(known))}


def _reports(pulse: Pulse) -> tuple[tuple[datetime, str], ...]:
    """What users said of bad answers, the last few."""
    told = read_facts(pulse.store, "report", pulse.service, limit=10)
    return tuple((f.at, str(f.body.get("text") or f.body.get("kind") or "")) for f in told)


def _hourly(pulse: Pulse) -> tuple[tuple[datetime, int], ...]:
    layout = pulse.book.baseline.plan.rates
    grain = layout.grains["service"]
    last = micros(pulse.clock.now()) // HOUR_US + 1
    first, per_hour = last - HOURS, 3600 // grain
    counts = pulse.read(layout, grain, first * per_hour, last * per_hour).get(SERVICE)
    if counts is None:
        return tuple((from_micros(hour * HOUR_US), 0) for hour in range(first, last))
    hourly = counts[:, layout.series[0].cells.index("n")].reshape(-1, per_hour).sum(axis=1)
    return tuple((from_micros((first + i) * HOUR_US), int(n)) for i, n in enumerate(hourly))


# -- monitors -----------------------------------------------------------------------------------------------


def monitor_views(pulse: Pulse) -> tuple[MonitorView, ...]:
    """Every monitor as it stands, those that alert first."""
    told = {
        (row["monitor"], row["scope"]): f"{row['usual']} -> {row['smallest']}"
        for row in noticeable(pulse.judge, Recent(pulse.read, micros(pulse.clock.now())))
    }
    alerting = _alerting(pulse)
    found = [
        view
        for key in sorted(pulse.judge.rounds)
        for view in _of_round(pulse.judge, pulse.judge.rounds[key], told, alerting)
    ]
    return tuple(sorted(found, key=lambda m: (m.state != "alert", -(m.evidence - m.page_at), m.name)))


def loud(pulse: Pulse) -> tuple[str, ...]:
    """What fires or rises now of the service as a whole, in words."""
    found = [one for one in monitor_views(pulse) if one.state in ("alert", "rising")]
    return tuple(dict.fromkeys(one.name for one in found if one.segment is None and one.version is None))


def _alerting(pulse: Pulse) -> set[tuple[Any, ...]]:
    """What alerted in an incident that is open."""
    incidents = [pulse.store.incident(n) for n in pulse.store.incidents(pulse.service, open_only=True)]
    return {
        (a["monitor"], a["feature"], tuple(sorted((a["segment"] or {}).items())), a["version"])
        for i in incidents
        if i.state not in OVER
        for a in i.alerts
    }


def _of_round(
    judge: Judge, one: Round, told: dict[tuple[str, str], str], alerting: set[Any]
) -> list[MonitorView]:
    track = one.track
    scale = track.sizes * track.r.shape[1]
    stat = np.add.reduceat(track.r.sum(axis=1), track.groups) / scale
    views = []
    for group, value in enumerate(stat):
        court, place = one.owner(group)
        scope, monitor = court.bank.owners[place]
        channel = int(court.bank.groups[place])
        if court.rival is not None or not court.bank.usable[channel]:
            continue
        segment = {scope.column: scope.value} if scope.kind == "segment" else None
        version = scope.value if scope.kind == "version" else None
        name = court.bank.kind.name
        key = (name, monitor.feature, tuple(sorted((segment or {}).items())), version)
        evidence = math.log10(max(float(value), 1e-9))
        ticket, page = math.log10(float(court.ticket[place])), math.log10(float(court.page[place]))
        state: MonitorState = (
            "alert" if key in alerting else "rising" if evidence > ticket + RISING else "quiet"
        )
        words = told.get((name.replace("_", " "), monitor.feature or "the whole service"), "")
        smallest = words if scope == SERVICE else ""
        views.append(
            MonitorView(name, monitor.family or court.bank.kind.family, monitor.feature, segment, version,
                        state, evidence, ticket, page, smallest)
        )  # fmt: skip
    return views
