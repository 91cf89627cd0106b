"""What arrives of one service and what becomes of it: asked when nothing seems to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pyarrow as pa

from fireline.clock import from_micros, iso, micros
from fireline.errors import StoreError
from fireline.live.door import Door
from fireline.live.pulse import Pulse
from fireline.live.unwatched import unwatched
from fireline.live.views import ServiceView
from fireline.telemetry.batch import GUARDED, SPARSE, mapped
from fireline.telemetry.columns import times
from fireline.telemetry.derived import made_of
from fireline.terms.quarantine import BadRow

LOOKED_AT = timedelta(hours=1)
ROWS = 200_000
LATELY = timedelta(hours=24)
DAY_US = 24 * 3600 * 1_000_000
REASONS = 10


def arrivals(pulse: Pulse, door: Door, view: ServiceView, leads: bool, calls_people: bool) -> dict[str, Any]:
    """Everything about arriving as JSON values; no raw rows.

    ``columns`` has one entry for each that the runbook wants: its share of rows without a value among the
    last hour's events. ``reasons`` counts rows put aside in the last day by what was wrong.
    """
    store, now = pulse.store, pulse.clock.now()
    events, labels = store.last_taken(pulse.service, "events"), store.last_taken(pulse.service, "labels")
    rows, lake = pa.table({}), ""
    try:
        rows = _last_rows(pulse, events)
    except StoreError as error:  # a file of the lake is gone: the rest can still be told
        lake = str(error)
    runbook = view.runbook
    return {
        "service": pulse.service,
        "now": iso(now),
        "leads": leads,
        "calls_people": calls_people,
        "trouble": view.trouble,
        "drill": pulse.mode == "drill",
        "allowed_lateness_seconds": runbook.allowed_lateness.total_seconds(),
        "counts": _elsewhere(pulse),
        "judged_until": iso(view.judged_until) if view.judged_until else None,
        "watermark": iso(view.watermark) if view.watermark else None,
        "judges_from": iso(from_micros(pulse.since)),
        "waiting_bytes": view.waiting,
        "since_start": {
            "events": view.events, "late": view.late, "duplicates": view.duplicates,
            "quarantined": view.quarantined, "labels": pulse.counting.seen.labels,
        },
        "events": _taken(events),
        "labels": _taken(labels) | {
            "wanted": runbook.labels is not None,
            "age_seconds": runbook.labels.age.total_seconds() if runbook.labels else None,
        },
        "refused": {
            "bodies": door.refusals,
            "at": iso(from_micros(door.refused[0])) if door.refused else None,
            "why": door.refused[1] if door.refused else "",
        },
        "lake": lake,
        "looked_at": {"rows": len(rows), "late_share": _late(rows, pulse.since)},
        "columns": _columns(pulse, door, rows),
        "unknown_columns": _unknown(pulse, door),
        "guard_columns": _guard_columns(pulse, door),
        "reasons": _reasons(
            row for _, row in store.lately_aside(pulse.service, micros(now - LATELY), limit=5_000)
        ),
        "switch": view.switch.version if view.switch else 0,
        "sources": [one.as_json() for one in view.sources],
        "guards": [
            {"id": g.id, "obeys": g.obeys, "stale": g.stale, "seen_at": iso(g.seen_at)} for g in view.guards
        ],
    }  # fmt: skip


def _elsewhere(pulse: Pulse) -> dict[str, Any] | None:
    """Up to when events that lie elsewhere were counted; None for a service that counts its own."""
    counted = pulse.book.runbook.counts
    if counted is None:
        return None
    through = pulse.counting.counted_through()
    return {
        "through": iso(from_micros(through)) if through else None,
        "within_seconds": counted.within.total_seconds(), "rows": counted.rows,
        "unwatched": [str(one) for one in unwatched(pulse.book.runbook, pulse.book.baseline.plan)],
    }  # fmt: skip


def _taken(found: tuple[int, int] | None) -> dict[str, Any]:
    """When the newest came, and the newest's own time."""
    if found is None:
        return {"came_at": None, "last": None}
    return {"came_at": iso(from_micros(found[0])), "last": iso(from_micros(found[1]))}


def _last_rows(pulse: Pulse, events: tuple[int, int] | None) -> pa.Table:
    """Events of the last hour in which there were any, the newest 200,000 of them."""
    if events is None:
        return pa.table({})
    last = from_micros(events[1])
    rows = pulse.archive.events(last - LOOKED_AT, last + timedelta(seconds=1))
    return rows.slice(max(0, len(rows) - ROWS))


def _late(rows: pa.Table, since: int) -> float | None:
    """The share of late rows among those from when judging began (microseconds) on; None without any."""
    if not len(rows) or "late" not in rows.column_names:
        return None
    late = rows.column("late").combine_chunks().to_numpy(zero_copy_only=False)[times(rows) >= since]
    return float(late.mean()) if len(late) else None


def _columns(pulse: Pulse, door: Door, rows: pa.Table) -> list[dict[str, Any]]:
    """What the runbook wants of an event, and how much of it is there."""
    wanted = [("time", pulse.book.runbook.columns.time)]
    wanted += [(m.name, m.column) for m in mapped(pulse.book.runbook.columns)]
    return [
        {
            "name": name, "column": column, "met": not door.columns_met or column in door.columns_met,
            "optional": name in GUARDED or name in SPARSE, "empty_share": _empty(rows, name),
        }
        for name, column in wanted
    ]  # fmt: skip


def _empty(rows: pa.Table, name: str) -> float | None:
    if not len(rows):
        return None
    if name not in rows.column_names:
        return 1.0
    column = rows.column(name)
    empty = column.null_count
    if name == "version":
        empty += column.to_pylist().count("")
    return float(empty) / len(rows)


def _guard_columns(pulse: Pulse, door: Door) -> list[str]:
    """Columns that a guard wrote and the runbook does not name."""
    named = {m.name for m in mapped(pulse.book.runbook.columns)}
    written = [name for name in GUARDED if name in door.columns_met]
    return [name for name in written if name not in named] if "rung" in written else []


def _unknown(pulse: Pulse, door: Door) -> list[str]:
    """Columns that events bring and the runbook does not speak of."""
    columns = pulse.book.runbook.columns
    known = {m.column for m in mapped(columns)} | set(columns.ignore) | made_of(columns)
    known |= {str(n) for n in (columns.time, columns.service, columns.label, columns.label_time) if n}
    return sorted(name for name in door.columns_met if name not in known and name not in GUARDED)[:50]


def _reasons(rows: Iterable[BadRow]) -> list[dict[str, Any]]:
    """What was wrong, most frequent first, each with the newest row of its sort."""
    counted: Counter[tuple[str, str]] = Counter()
    newest: dict[tuple[str, str], BadRow] = {}
    for row in rows:
        sort = (row.kind, row.column or "")
        counted[sort] += 1
        newest.setdefault(sort, row)
    return [
        {"kind": kind, "column": column or None, "rows": n, "reason": newest[kind, column].reason,
         "todo": newest[kind, column].todo}
        for (kind, column), n in counted.most_common(REASONS)
    ]  # fmt: skip
