"""What a case gathers besides figures: its most telling findings, new columns, calls that failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from fireline.recording import Archive
from fireline.telemetry.unmapped import UNMAPPED, names_in
from fireline.terms.alert import Finding
from fireline.terms.plan import Plan
from fireline.triage.messages import SAMPLED
from fireline.triage.newcomers import NEWCOMING

MOST_FINDINGS = 10
MOST_CALLS = 20_000
MOST_COLUMNS = 100


def telling(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """The trigger, then pages before tickets and the whole service and versions before segments, as many as
    fit."""

    def order(place: int) -> tuple[bool, bool, int]:
        return findings[place].urgency != "page", findings[place].segment is not None, place

    kept = [0, *sorted(range(1, len(findings)), key=order)[: MOST_FINDINGS - 1]]
    return tuple(findings[place] for place in kept)


def appeared(
    plan: Plan, archive: Archive, findings: Sequence[Finding], since: datetime, now: datetime
) -> Mapping[str, tuple[int, datetime]]:
    """Columns the reference never carried, where any fired: rows that bring each, and the first."""
    layout = plan.layout("new_columns")
    if not layout.series or not any(f.monitor in NEWCOMING for f in findings):
        return {}
    rows = archive.events(since - timedelta(hours=1), now, ["time", UNMAPPED])
    if UNMAPPED not in rows.column_names:
        return {}
    rows = rows.filter(pc.is_valid(rows[UNMAPPED])).sort_by("time")
    known, found = set(layout.series[0].values), dict[str, tuple[int, datetime]]()
    texts, when = rows[UNMAPPED].to_pylist(), rows["time"].to_pylist()
    for names, at in zip(names_in(texts), when, strict=True):
        for name in names:
            if name not in known and (name in found or len(found) < MOST_COLUMNS):
                count, first = found.get(name, (0, at))
                found[name] = count + 1, first
    return found


def failed_calls(
    archive: Archive, findings: Sequence[Finding], since: datetime, now: datetime
) -> tuple[Mapping[str, Any], ...]:
    """Failed calls to the dependencies that fired, from as long before it began as it lasts."""
    names = sorted({f.feature for f in findings if f.monitor in SAMPLED and f.feature})
    if not names:
        return ()
    rows = archive.signals(since - max(now - since, timedelta(hours=1)), now)
    if not len(rows):
        return ()
    failed = pc.invert(pc.fill_null(rows["ok"], False))
    kept = rows.filter(pc.and_(pc.is_in(rows["name"], pa.array(names)), failed)).select(
        ["time", "name", "ok", "message"]
    )
    return tuple(kept.slice(max(0, len(kept) - MOST_CALLS)).to_pylist())
