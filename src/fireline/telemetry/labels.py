"""Labels joined to events: never before they were known, the last revision wins."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fireline.clock import micros
from fireline.telemetry.columns import Array, has, times
from fireline.telemetry.hashing import hash_text, mix

NEVER = np.iinfo(np.int64).min
ALWAYS = np.iinfo(np.int64).max


def match_labels(
    events: pa.Table, labels: pa.Table, now: datetime | None = None, age: timedelta | None = None
) -> Array:
    """For each event [n] the row of its label in ``labels``, int64 [n], -1 for none.

    With ``now`` only labels known by then count; with ``age`` only those known within that age of the event,
    so that all events are judged at equal age. Of several the one known last wins, of equals the later row. A
    label with a version belongs to that version's answer alone.
    """
    n = len(events)
    if not n or not len(labels):
        return np.full(n, -1, np.int64)
    limit = np.full(n, ALWAYS if now is None else micros(now), np.int64)
    if age is not None:
        limit = np.minimum(limit, times(events) + int(age / timedelta(microseconds=1)))
    known, ids = times(labels, "label_time"), hash_text(labels.column("request_id"))
    wanted = hash_text(events.column("request_id"))
    versioned = _versioned(labels)
    found = _latest(ids[~versioned], known[~versioned], np.flatnonzero(~versioned), wanted, limit)
    if versioned.any():
        own = mix(ids[versioned], hash_text(labels.column("version").filter(pa.array(versioned))))
        theirs = mix(wanted, hash_text(events.column("version")))
        special = _latest(own, known[versioned], np.flatnonzero(versioned), theirs, limit)
        found = _later(found, special, known)
    return _checked(found, events, labels)


def join_labels(
    events: pa.Table, labels: pa.Table, now: datetime | None = None, age: timedelta | None = None
) -> pa.Table:
    """``events`` [n] with the columns label and label_time, null where unknown; see ``match_labels``."""
    at = match_labels(events, labels, now, age)
    index = pa.array(at, mask=at < 0)
    kind = labels.schema.field("label").type if has(labels, "label") else pa.float64()
    label = labels.column("label").take(index) if len(labels) else pa.nulls(len(at), kind)
    clock = pa.timestamp("us", tz="UTC")
    known = labels.column("label_time").take(index) if len(labels) else pa.nulls(len(at), clock)
    kept = events.drop_columns([name for name in ("label", "label_time") if has(events, name)])
    return kept.append_column("label", label).append_column("label_time", known)


def unknown_labels(labels: pa.Table, ids: Array) -> Array:
    """Which labels [m] belong to no request of ``ids`` (hashes of request ids, uint64, in order), bool
    [m]."""
    if not len(labels) or not len(ids):
        return np.ones(len(labels), bool)
    wanted = hash_text(labels.column("request_id"))
    order = np.argsort(wanted)
    place = np.minimum(np.searchsorted(ids, wanted[order]), len(ids) - 1)
    lost = np.empty(len(wanted), bool)
    lost[order] = ids[place] != wanted[order]
    return lost


def _versioned(labels: pa.Table) -> Array:
    if not has(labels, "version"):
        return np.zeros(len(labels), bool)
    there = pc.fill_null(pc.not_equal(labels.column("version"), ""), False)
    return np.asarray(there.to_numpy(), bool)


def _latest(keys: Array, known: Array, rows: Array, wanted: Array, limit: Array) -> Array:
    """For each of ``wanted`` [n] the last of ``rows`` [m] with its key that was known by its ``limit``; else
    -1."""
    if not len(keys):
        return np.full(len(wanted), -1, np.int64)
    order = np.argsort(known, kind="stable")
    order = order[np.argsort(keys[order], kind="stable")]
    keys, known, rows = keys[order], known[order], rows[order]
    through = np.argsort(wanted)
    asked = wanted[through]
    low = np.empty(len(wanted), np.int64)
    high = np.empty(len(wanted), np.int64)
    low[through] = np.searchsorted(keys, asked, side="left")
    high[through] = np.searchsorted(keys, asked, side="right")
    first = low.copy()
    while True:
        active = low < high
        if not active.any():
            break
        middle = (low + high) // 2
        soon = known[np.minimum(middle, len(known) - 1)] <= limit
        low = np.where(active & soon, middle + 1, low)
        high = np.where(active & ~soon, middle, high)
    return np.where(low > first, rows[np.maximum(low - 1, 0)], -1)


def _later(one: Array, other: Array, known: Array) -> Array:
    """Of two candidates for each event the one known later; of equals the later row."""
    when_one = np.where(one < 0, NEVER, known[one])
    when_other = np.where(other < 0, NEVER, known[other])
    newer = (when_other > when_one) | ((when_other == when_one) & (other > one))
    return np.where(newer, other, one)


def _checked(found: Array, events: pa.Table, labels: pa.Table) -> Array:
    """``found`` without the pairs whose ids only share a hash."""
    there = np.flatnonzero(found >= 0)
    left: Any = events.column("request_id").take(there)
    right = labels.column("request_id").take(found[there])
    same = pc.fill_null(pc.equal(left, right), False).to_numpy()
    found[there[~same]] = -1
    return found
