"""Counts that were made elsewhere come in: read by the plan they were made for, on disk, counted once."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import blake2b
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fireline.clock import MICROS, iso, micros
from fireline.errors import InputError, Where
from fireline.ids import stable_id
from fireline.live.door import ARROW, Answer, Busy, Door, arrow_pieces, unpacked
from fireline.live.spool import Record
from fireline.sources.jsonl import pieces
from fireline.telemetry.packing import pack, unpack
from fireline.telemetry.pushdown.arriving import Told, told_by
from fireline.telemetry.pushdown.stored import SCHEMA, counts_rows, counts_table
from fireline.telemetry.values import EARLIEST, LATEST
from fireline.terms.counts import CountsRow
from fireline.terms.piece import Piece
from fireline.terms.plan import Plan

KIND = "counts"
HOUR = 3600 * 1_000_000
_FIELDS = ("layout", "grain", "scope", "first_tick", "ticks", "late", "body")


@dataclass(frozen=True, slots=True)
class Arrived:
    """Counts as a record holds them: ``aged`` are the identities of layouts that are counted at an age."""

    rows: tuple[CountsRow, ...]
    aged: frozenset[str]


def batch_name(service: str, key: str) -> str:
    """What the store calls the batch that came under ``key``: the same one is counted once, for ever."""
    return f"counts-{stable_id('counts', service, key, size=16)}"


def key_of(key: str, body: bytes) -> str:
    """The batch's own name, or one made of what is in it."""
    return "counts:" + (key or blake2b(body, digest_size=16).hexdigest())


def take_counts(
    door: Door, plan: Plan, body: bytes, form: str, key: str, encoding: str, through: datetime | None
) -> Answer:
    """Take counts: on disk when this returns. ``through`` says up to when all was counted; without it that is
    the end of the last minute with an event.

    Raises InputError for counts of another declaration than ``plan``, or that are none; Busy under pressure.
    """
    if door.spool.known(key):
        return Answer(known=True)
    if door.spool.full(door.counted):
        raise Busy(
            f"{door.runbook.service}: more waits to be counted than may", todo="send the same again later",
            permanent=False,
        )  # fmt: skip
    name = f"POST /v1/counts {key}"
    try:
        table = _table(unpacked(body, encoding), form, name)
        _sound(plan, table, name)
        rows = counts_rows(plan, table, name)
        told = told_by(plan, table)
        upto = _upto(door, plan, told, through)
    except InputError as error:
        door.refusals, door.refused = door.refusals + 1, (micros(door.clock.now()), str(error))
        raise
    aged = {layout.identity for layout in plan.layouts if layout.aged}
    head = {
        "kind": KIND, "key": key, "at": micros(door.clock.now()), "rows": told.events, "through": upto,
        "last": told.last or 0, "versions": dict(told.versions), "aged": sorted(aged),
    }  # fmt: skip
    if not door.spool.append(head, _packed(rows)):
        return Answer(known=True)
    door.taken_rows += told.events
    return Answer(events=told.events)


def _table(body: bytes, form: str, name: str) -> pa.Table:
    found = arrow_pieces(body, name) if form.split(";")[0].strip() == ARROW else _lines(body, name)
    tables = [counts_table(piece.table, name) for piece in found if len(piece.rows)]
    return pa.concat_tables(tables) if tables else SCHEMA.empty_table()


def _sound(plan: Plan, table: pa.Table, name: str) -> None:
    """Raise InputError for counts that no events can have."""
    sums = {layout.identity for layout in plan.layouts if layout.sums}
    less = pc.and_(
        pc.less(table.column("count"), 0),
        pc.invert(pc.is_in(table.column("layout"), pa.array(sorted(sums), pa.string()))),
    )
    at = pc.multiply(table.column("tick"), table.column("grain"))
    far = pc.or_(pc.less(at, EARLIEST // MICROS), pc.greater_equal(at, LATEST // MICROS))
    for wrong, key, reason in (
        (less, "count", "is less than none"),
        (far, "tick", "is before 2000 or after 2100"),
    ):
        row = pc.index(wrong, True).as_py()
        if row >= 0:
            raise InputError(
                f"{table.column(key)[row].as_py()} {reason}", where=Where(file=name, row=row + 1, key=key),
                todo="count again with `fireline tally`",
            )  # fmt: skip


def _lines(body: bytes, name: str) -> Iterator[Piece]:
    for piece in pieces(Path(name), stream=io.BytesIO(body)):
        for row in piece.bad:
            raise InputError(
                row.reason, where=Where(file=name, row=row.row), todo="send it again whole: nothing was taken"
            )
        yield piece


def _upto(door: Door, plan: Plan, told: Told, through: datetime | None) -> int:
    """Up to when all was counted (microseconds)."""
    if through is None and told.last is None:
        raise InputError(
            "counts no event of the service", where=Where(key="through"),
            todo="say up to when there was none: ?through=TIME",
        )  # fmt: skip
    limit = micros(door.clock.now() + door.runbook.clock_skew)
    if max(micros(through) if through else 0, told.last or 0) > limit:
        raise InputError(
            f"counts of a time that has not come: it is {iso(door.clock.now())} here",
            where=Where(key="through"), todo="look at the clock of what counts, and at its time zone",
        )  # fmt: skip
    minute = plan.rates.grains["service"] * MICROS
    return micros(through) if through else (told.last or 0) + minute


def _packed(rows: Sequence[CountsRow]) -> bytes:
    table = pa.table({name: [getattr(row, name) for row in rows] for name in _FIELDS})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def arrived(record: Record) -> Arrived:
    """The counts in a record."""
    rows = pa.ipc.open_stream(record.body).read_all().to_pylist()
    return Arrived(tuple(CountsRow(**row) for row in rows), frozenset(map(str, record.head["aged"])))


def is_counts(record: Record) -> bool:
    """Whether counts lie in the record."""
    return record.head.get("kind") == KIND


def told_late(found: Arrived, judged: int, age: int) -> Iterator[CountsRow]:
    """The rows, with those of ticks that were judged already counted apart: ticks that end by ``judged``
    (microseconds), and cohorts that end an ``age`` (microseconds) before."""
    for row in found.rows:
        limit = (judged - age) // HOUR * HOUR if row.layout in found.aged else judged
        ticks = limit // (row.grain * 1_000_000) - row.first_tick
        if row.late or ticks <= 0:
            yield row
        elif ticks >= row.ticks:
            yield replace(row, late=True)
        else:
            whole = unpack(row.body, row.ticks)
            yield from _cut(row, whole, 0, ticks, late=True)
            yield from _cut(row, whole, ticks, row.ticks, late=False)


def _cut(row: CountsRow, whole: np.ndarray, low: int, high: int, *, late: bool) -> Iterator[CountsRow]:
    part = whole[low:high]
    if part.any():
        yield replace(row, first_tick=row.first_tick + low, ticks=high - low, late=late, body=pack(part))


def span_of(rows: Iterable[CountsRow]) -> tuple[int, int] | None:
    """The first and last instant (microseconds) that the rows touch."""
    spans = [
        (row.first_tick * row.grain, (row.first_tick + row.ticks) * row.grain) for row in rows
    ]  # fmt: skip
    if not spans:
        return None
    return min(low for low, _ in spans) * 1_000_000, max(high for _, high in spans) * 1_000_000 - 1
