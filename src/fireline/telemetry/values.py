"""Values of a log's own columns as canonical ones: times, numbers, words. What cannot be is marked, with the
reason and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fireline.clock import micros
from fireline.runbook.dates import is_slashed
from fireline.runbook.schema import Columns, Task
from fireline.telemetry.answers import Answers
from fireline.telemetry.batch import INSTANT, Mapped
from fireline.telemetry.casts import plain, to_number, to_text, to_truth
from fireline.telemetry.instants import Instants, read_instants
from fireline.telemetry.rejects import Rejects, View

EARLIEST, LATEST = micros(datetime(2000, 1, 1, tzinfo=UTC)), micros(datetime(2100, 1, 1, tzinfo=UTC))


@dataclass(frozen=True, eq=False)
class Values:
    """Reads the columns of one service's log, as the runbook names them.

    ``zone`` is where times without an offset are taken; what was assumed is said in ``notes``.
    """

    columns: Columns
    service: str
    task: Task
    zone: str
    answers: Answers
    notes: dict[str, None]

    def instants(self, view: View, column: str | None) -> Instants:
        """The column's values as instants, whatever form they are written in."""
        return read_instants(view.table.column(column), self.zone, self.columns.dates)

    def times(self, view: View, rejects: Rejects) -> Instants:
        """When each event was; rows without a time that can be are marked."""
        column = self.columns.time
        instants = self.instants(view, column)
        rejects.mark(
            instants.missing, "no_time", column, lambda _: "there is no time", "log when it was answered"
        )
        todo = "write ISO 8601 with an offset, or seconds, ms, us or ns since 1970"
        untold = self.columns.dates is None and instants.bad.any()
        if untold and is_slashed(_texts(view, column)):
            todo = (
                "say how dates with slashes are written: `dates: day_first` or month_first under `columns:`"
            )
        rejects.mark(instants.bad, "bad_time", column, lambda value: f"{value} is not a time", todo)
        ticks = instants.micros
        far = ((ticks < EARLIEST) | (ticks >= LATEST)) & ~instants.missing & ~instants.bad
        rejects.mark(far, "far_time", column, lambda value: f"{value} is before 2000 or after 2100", todo)
        self.note_zone(instants, column)
        return instants

    def arrivals(self, view: View, column: str) -> pa.Array:
        """When each row arrived by ``column``, null where that is not said."""
        if not view.has(column):
            return pa.nulls(len(view), INSTANT)
        came = self.instants(view, column)
        self.note_zone(came, column)
        unsaid = came.missing | came.bad
        if unsaid.any():
            self.notes[f"rows without a time in {column!r} (arrived) are taken to have come at once"] = None
        return pa.array(came.micros, INSTANT, mask=unsaid)

    def note_zone(self, instants: Instants, column: str) -> None:
        """Say that times without an offset were taken in the service's zone."""
        if instants.without_offset:
            self.notes[f"times in {column!r} have no offset: taken as {self.zone}"] = None

    def check_service(self, view: View, rejects: Rejects) -> None:
        """Mark rows that name another service."""
        column = self.columns.service
        if not self.service or column is None or not view.has(column):
            return
        named = to_text(view.table.column(column)).values
        other = pc.fill_null(pc.not_equal(named, self.service), False).to_numpy(zero_copy_only=False)
        rejects.mark(
            other, "unknown_service", column, lambda value: f"the service is {value}, not {self.service!r}",
            "leave its rows out, or replay them with their own runbook",
        )  # fmt: skip

    def column(self, m: Mapped, view: View, rejects: Rejects) -> pa.Array:
        """One mapped column, [n]; values that are not of its form are marked."""
        if not view.has(m.column):
            kind = {"number": pa.float64(), "truth": pa.bool_(), "answer": pa.null()}.get(m.form, pa.string())
            return pa.array(np.zeros(len(view), bool)) if m.form == "truth" else pa.nulls(len(view), kind)
        column = view.table.column(m.column)
        if m.form == "answer" or m.form == "text":
            form = self.answers.form("prediction", column) if m.form == "answer" else "text"
            if form == "text":
                return to_text(column).values
        if m.form == "truth":
            cast = to_truth(column)
            todo = "write true or false, or 1 or 0"
            rejects.mark(cast.bad, "not_a_flag", m.column, lambda v: f"{v} is neither true nor false", todo)
            return cast.values
        cast = to_number(column)
        kind = ", or make the column categorical in the runbook" if m.name in self.columns.features else ""
        todo = f"log a number there{kind}"
        rejects.mark(cast.bad, "not_a_number", m.column, lambda v: f"{v} is not a number", todo)
        return self._bounded(m, cast.values, rejects)

    def _bounded(self, m: Mapped, values: pa.Array, rejects: Rejects) -> pa.Array:
        """Mark the figures that cannot be."""
        if m.name not in ("score", "latency_ms", "weight"):
            return values
        numbers = values.to_numpy(zero_copy_only=False)
        there = ~np.isnan(numbers)
        with np.errstate(invalid="ignore"):
            if m.name == "score" and self.task == "binary":
                wrong = there & ~((numbers >= 0) & (numbers <= 1))
                reason, todo = "is not a probability", "log the probability of the positive class, 0 to 1"
            elif m.name == "score":
                wrong, reason, todo = there & np.isinf(numbers), "is not finite", "log a finite score"
            elif m.name == "latency_ms":
                wrong = there & ~((numbers >= 0) & np.isfinite(numbers))
                reason, todo = "is no length of time", "measure with a monotonic clock, in milliseconds"
            else:
                wrong = there & ~((numbers > 0) & np.isfinite(numbers))
                reason, todo = "is no weight", "log 1 / sampling share, or leave it out"
        rejects.mark(wrong, f"bad_{m.name}", m.column, lambda value: f"{value} {reason}", todo)
        if m.name == "latency_ms" and self.columns.latency_unit != "ms":
            return pc.multiply(values, self.columns.to_ms)
        return values


def _texts(view: View, column: str) -> Any:
    return plain(to_text(view.table.column(column)).values)
