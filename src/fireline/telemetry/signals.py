"""Signals in: rows of what is sampled beside the requests, made canonical; the unusable are put aside."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fireline.errors import InputError, Where
from fireline.telemetry.batch import INSTANT
from fireline.telemetry.casts import plain, to_number, to_text, to_truth
from fireline.telemetry.columns import Array
from fireline.telemetry.instants import read_instants
from fireline.telemetry.masking import template
from fireline.telemetry.quarantine import Quarantine
from fireline.telemetry.rejects import Rejects, View
from fireline.terms.piece import Piece
from fireline.terms.words import listing

KINDS = ("gauge", "age", "call", "canary", "report", "error")
COLUMNS = ("time", "kind", "name", "value", "ok", "latency_ms", "message", "host")
LONGEST_NAME = 200
EARLIEST, LATEST = 946_684_800_000_000, 4_102_444_800_000_000
"""2000 and 2100, in microseconds since 1970."""

SCHEMA = pa.schema([
    ("time", INSTANT), ("kind", pa.string()), ("name", pa.string()), ("value", pa.float64()),
    ("ok", pa.bool_()), ("latency_ms", pa.float64()), ("message", pa.string()),
    ("host", pa.string()), ("row", pa.int64()),
])  # fmt: skip
NO_SIGNALS = SCHEMA.empty_table()


@dataclass
class SignalIntake:
    """Makes rows of ``{"at" or "time", "kind", "name", "value", "ok", "latency_ms", "message", "host"}``
    canonical.

    Messages are kept as templates only. A gauge and an age need a value, a call and a canary an ``ok``; a row
    without a kind is a gauge. ``zone`` is where times without an offset are taken.
    """

    service: str = ""
    zone: str = "UTC"
    quarantine: Quarantine = field(default_factory=Quarantine)

    def take(self, piece: Piece) -> pa.Table:
        """The good rows of ``piece``, by ``SCHEMA``. Raises InputError where there is no column of times or
        names."""
        self.quarantine.add(piece.bad)
        if not len(piece.rows):
            return NO_SIGNALS
        view = View.of(piece)
        clock = next((name for name in ("at", "time") if view.has(name)), None)
        if clock is None or not view.has("name"):
            lacks = "time" if clock is None else "name"
            raise InputError(
                f"there is no column {lacks!r} among the signals; the columns there are "
                f"{listing(list(view.table.column_names)[:20])}",
                where=Where(file=piece.file), todo='write rows of {"at", "kind", "name", "value" or "ok"}',
            )  # fmt: skip
        rejects = Rejects(view, self.quarantine)
        found = self._columns(view, clock, rejects)
        table = pa.table(found, schema=SCHEMA).filter(pa.array(~rejects.bad))
        self.quarantine.taken += len(table)
        return table

    def _columns(self, view: View, clock: str, rejects: Rejects) -> dict[str, Any]:
        instants = read_instants(view.table.column(clock), self.zone)
        todo = "write ISO 8601 with an offset, or seconds, ms, us or ns since 1970"
        outside = (instants.micros < EARLIEST) | (instants.micros >= LATEST)
        wrong = instants.missing | instants.bad | outside
        rejects.mark(wrong, "bad_time", clock, lambda value: f"{value or 'nothing'} is not a time", todo)
        self._check_service(view, rejects)
        names = self._text(view, "name")
        lengths = pc.fill_null(pc.utf8_length(names), 0).to_numpy(zero_copy_only=False)
        rejects.mark(
            (lengths == 0) | (lengths > LONGEST_NAME), "bad_name", "name",
            lambda value: f"{value or 'nothing'} is no name of a signal", "name it in at most 200 characters",
        )  # fmt: skip
        kinds = pc.fill_null(self._text(view, "kind"), "gauge")
        known = pc.is_in(kinds, pa.array(KINDS)).to_numpy(zero_copy_only=False)
        rejects.mark(
            ~known, "unknown_kind", "kind", lambda value: f"{value} is no kind of signal",
            f"use one of {', '.join(KINDS)}",
        )  # fmt: skip
        value, ok = self._number(view, "value", rejects), self._truth(view, rejects)
        self._need(kinds, value, ("gauge", "age"), "value", rejects)
        self._need(kinds, ok, ("call", "canary"), "ok", rejects)
        latency = self._number(view, "latency_ms", rejects)
        messages = [template(m) if m else None for m in self._text(view, "message").to_pylist()]
        return {
            "time": instants.array(), "kind": kinds, "name": names, "value": value, "ok": ok,
            "latency_ms": latency, "message": pa.array(messages, pa.string()),
            "host": self._text(view, "host"), "row": pa.array(view.rows, pa.int64()),
        }  # fmt: skip

    def _check_service(self, view: View, rejects: Rejects) -> None:
        if not self.service or not view.has("service"):
            return
        other = pc.fill_null(pc.not_equal(self._text(view, "service"), self.service), False)
        rejects.mark(
            other.to_numpy(zero_copy_only=False), "unknown_service", "service",
            lambda value: f"the service is {value}, not {self.service!r}",
            "send its rows under its own service",
        )  # fmt: skip

    def _text(self, view: View, column: str) -> pa.Array:
        if not view.has(column):
            return pa.nulls(len(view), pa.string())
        return plain(to_text(view.table.column(column)).values)

    def _number(self, view: View, column: str, rejects: Rejects) -> pa.Array:
        if not view.has(column):
            return pa.nulls(len(view), pa.float64())
        cast = to_number(view.table.column(column))
        figures = cast.values.to_numpy(zero_copy_only=False)
        wrong = cast.bad | np.isinf(figures)
        if column == "latency_ms":
            with np.errstate(invalid="ignore"):
                wrong |= figures < 0
        rejects.mark(
            wrong,
            "not_a_number",
            column,
            lambda value: f"{value} is no figure for {column}",
            "write a finite number",
        )
        return cast.values

    def _truth(self, view: View, rejects: Rejects) -> pa.Array:
        if not view.has("ok"):
            return pa.nulls(len(view), pa.bool_())
        column = view.table.column("ok")
        cast = to_truth(column)
        rejects.mark(
            cast.bad,
            "not_a_flag",
            "ok",
            lambda value: f"{value} is neither true nor false",
            "write true or false",
        )
        there = plain(column).is_valid()
        return pc.if_else(there, cast.values, pa.scalar(None, pa.bool_()))

    def _need(
        self, kinds: pa.Array, values: pa.Array, of: tuple[str, ...], column: str, rejects: Rejects
    ) -> None:
        wanted = pc.is_in(kinds, pa.array(of)).to_numpy(zero_copy_only=False)
        missing: Array = wanted & ~values.is_valid().to_numpy(zero_copy_only=False)
        rejects.mark(
            missing, f"no_{column}", column, lambda _: f"a {' or '.join(of)} without {column!r}",
            f"write {column!r} in every row of a {' or a '.join(of)}",
        )  # fmt: skip


def signals_of(
    pieces: Iterable[Piece], service: str, zone: str, quarantine: Quarantine | None = None
) -> pa.Table:
    """All good rows of ``pieces`` in order of time, by ``SCHEMA``; bad ones go to ``quarantine``."""
    intake = SignalIntake(service, zone, quarantine if quarantine is not None else Quarantine())
    tables = [intake.take(piece) for piece in pieces]
    table = pa.concat_tables([NO_SIGNALS, *tables])
    return table.sort_by("time") if len(tables) else table
