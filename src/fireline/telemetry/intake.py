"""Raw pieces of a log in, canonical batches out, by the runbook's columns; what cannot be used goes to
quarantine.

A row with a flaw is put aside whole, with its place, the reason and what to do; all others are kept. Events
and labels may lie in one log: a row with a request id and a label, and without anything a model answers, is a
label.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Any

import numpy as np
import pyarrow as pa

from fireline.errors import InputError, Where
from fireline.runbook.schema import Columns, Task
from fireline.telemetry.answers import Answers, tells
from fireline.telemetry.batch import EVIDENCE, GUARDED, SPARSE, mapped
from fireline.telemetry.casts import plain, to_text, valid
from fireline.telemetry.columns import ARRIVED
from fireline.telemetry.complete import NO_LABELS, complete, no_events, own_ids
from fireline.telemetry.derived import derive, hidden, made_of, moderated
from fireline.telemetry.instants import Instants
from fireline.telemetry.quarantine import Quarantine
from fireline.telemetry.rejects import Array, Rejects, View, with_reason
from fireline.telemetry.unmapped import OWN, UNMAPPED, Readable, unmapped
from fireline.telemetry.values import Values
from fireline.terms.piece import Piece
from fireline.terms.words import listing

SHOWN_COLUMNS = 40
NOT_KEPT = "(not kept: the log holds texts)"


@dataclass(frozen=True, slots=True, eq=False)
class Taken:
    """What came of one piece: canonical ``events`` and ``labels``, and rows put aside that have a readable
    time, with the reason (``rejects.with_reason``)."""

    events: pa.Table
    labels: pa.Table
    rejected: pa.Table


@dataclass
class Intake:
    """Normalises pieces of one service's log.

    ``zone`` is where times without an offset are taken; ``positive`` the label that counts as positive. Good
    and bad rows are counted in ``quarantine``; ``notes`` says what was assumed. A ``recorded`` log may say
    when each row arrived: that stands in ``ARRIVED``.
    """

    columns: Columns
    service: str = ""
    task: Task = "unknown"
    positive: str | None = None
    zone: str = "UTC"
    recorded: bool = False
    quarantine: Quarantine = field(default_factory=Quarantine)
    notes: dict[str, None] = field(default_factory=dict)
    events: int = 0
    labels: int = 0

    def __post_init__(self) -> None:
        self._mapped = mapped(self.columns)
        self._arrived = self.columns.arrived if self.recorded else None
        self._answers = Answers.of(self.task, self.positive)
        self._values = Values(self.columns, self.service, self.task, self.zone, self._answers, self.notes)
        self._hidden = hidden(self.columns)
        c = self.columns
        self._wanted = self.wanted
        self.readable = Readable(self._wanted, frozenset(c.ignore))
        """The columns of the log that are looked at."""
        self._spoken_of = self._wanted | OWN | frozenset(c.ignore)
        self._seen: set[str] = set()
        self._fixed = False
        self._there: dict[str, dict[str, None]] = {}

    @property
    def wanted(self) -> frozenset[str]:
        """The columns of the log that are used."""
        c = self.columns
        extra = [
            name for name in (c.time, self._arrived, c.service, c.label, c.label_time) if name is not None
        ]
        return frozenset([m.column for m in self._mapped] + extra) | made_of(self.columns)

    def take(self, piece: Piece, tag: str) -> Taken:
        """Normalise one piece. ``tag`` names the file in the ids of events that have none.

        Raises InputError when the file has no column of the name the runbook gives for the time.
        """
        self.quarantine.add([replace(row, raw=NOT_KEPT) for row in piece.bad] if self._hidden else piece.bad)
        piece = self._narrowed(piece)
        self.notes.update(dict.fromkeys(piece.notes))
        if not len(piece.rows):
            return Taken(self._no_events(), NO_LABELS, self._no_events())
        label_rows = self._label_rows(piece)
        events = View.of(piece, ~label_rows, self._hidden)
        labels = self._label_log(View.of(piece, label_rows, self._hidden)) if label_rows.any() else NO_LABELS
        if not len(events):
            return Taken(self._no_events(), labels, self._no_events())
        good, in_row, rejected = self._events(events, tag)
        self.events += len(good)
        self.quarantine.taken += len(good)
        return Taken(good, pa.concat_tables([labels, in_row], promote_options="default"), rejected)

    def _narrowed(self, piece: Piece) -> Piece:
        """The piece with the columns that are used, and in place of all others their names."""
        table: pa.Table = piece.table
        used = {name: table.column(name) for name in table.column_names if name in self._wanted}
        used[UNMAPPED] = unmapped(table, self._spoken_of, len(piece.rows))
        return replace(piece, table=pa.table(used))

    def finish(self) -> None:
        """Say what the whole log lacks. Raises InputError for a mapped column that no file has, or no usable
        event."""
        for m in self._mapped if self._there else ():
            if m.column in self._seen or (m.name in self.columns.flags and self._moderated()):
                continue
            if m.name not in GUARDED and (self._fixed or m.name not in (*SPARSE, *self.columns.flags)):
                self._raise_missing(m.column, m.name)
            self.notes[f"no row has a value for {m.column!r} ({m.name})"] = None
        label = self.columns.label
        if label is not None and not self.labels and label not in self._seen:
            self.notes[f"no file has the column {label!r} (label): quality cannot be judged"] = None
        if not self.events:
            lines = self.quarantine.summary()
            what = "no row can be used" if lines else "there are labels but no events"
            todo = lines[1] if lines else "name the event log too"
            raise InputError(what, where=Where(file=next(iter(self._there), None)), todo=todo)

    def _moderated(self) -> bool:
        """Whether the log has moderation results that flags are read from."""
        return self.columns.moderation is not None and self.columns.moderation in self._seen

    def columns_met(self) -> tuple[str, ...]:
        """Names of columns met since this was asked last, wanted or not, and forgets them: a server that asks
        after every body holds nothing of it."""
        met = dict.fromkeys(name for names in self._there.values() for name in names)
        self._there.clear()
        return tuple(met)

    def settle(self, table: pa.Table) -> pa.Table:
        """``table`` with answers and labels in the form that the whole log turned out to have."""
        return self._answers.settle(table)

    # -- which rows are what

    def _label_rows(self, piece: Piece) -> Array:
        """Rows that hold a label and nothing a model answers, bool [n]."""
        c, table = self.columns, piece.table
        none = np.zeros(len(piece.rows), bool)
        names = set(table.column_names)
        if c.label is None or c.request_id is None or not {c.label, c.request_id} <= names:
            return none
        evidence = [m.column for m in self._mapped if m.name in EVIDENCE or m.name in c.features]
        here = [name for name in evidence or [c.time] if name in names]
        if not here:
            return ~none
        found = valid(plain(table.column(c.label))) & valid(plain(table.column(c.request_id)))
        for name in here:
            if not found.any():
                break
            found &= ~valid(plain(table.column(name)))
        return found

    # -- events

    def _events(self, view: View, tag: str) -> tuple[pa.Table, pa.Table, pa.Table]:
        """The good events, their in-row labels, and the bad ones whose time can be read."""
        there = self._there.setdefault(view.piece.file, {})
        there.update(dict.fromkeys(view.piece.columns))
        self._seen |= set(view.table.column_names)
        self._fixed |= view.piece.fixed
        if not view.has(self.columns.time):
            self._raise_missing(self.columns.time, "time", view.piece.file)
        rejects = Rejects(view, self.quarantine)
        instants = self._values.times(view, rejects)
        dated = ~rejects.bad
        self._values.check_service(view, rejects)
        found = {"time": instants.array()}
        if self._arrived is not None:
            found[ARRIVED] = self._values.arrivals(view, self._arrived)
        found |= {m.name: self._values.column(m, view, rejects) for m in self._mapped}
        found |= derive(self.columns, view.table, instants.micros, self.zone)
        found |= moderated(self.columns, view.table, list(self.columns.flags))
        found[UNMAPPED] = plain(view.table.column(UNMAPPED))
        found["request_id"] = own_ids(found.get("request_id"), view.rows, tag)
        table = complete(found, view, self.columns.status)
        labels = self._in_row(view, table, rejects)
        if not rejects.bad.any():
            return table, labels, with_reason(table.slice(0, 0), (), ())
        aside = np.flatnonzero(rejects.bad & dated)
        why = [rejects.reasons[i] for i in rejects.why[aside]]
        rejected = with_reason(table.take(aside), [kind for kind, _ in why], [column for _, column in why])
        return table.filter(pa.array(~rejects.bad)), labels, rejected

    # -- labels

    def _in_row(self, view: View, events: pa.Table, rejects: Rejects) -> pa.Table:
        """The labels that good events carry themselves."""
        c = self.columns
        if c.label is None or not view.has(c.label):
            return NO_LABELS
        there = valid(plain(view.table.column(c.label))) & ~rejects.bad
        if not there.any():
            return NO_LABELS
        needed = [n for n in dict.fromkeys((c.label, c.label_time, c.request_id, c.version)) if view.has(n)]
        inner = View(view.piece, view.table.select(needed), view.at, view.hidden)
        own = events.select(["time", "request_id", "version"])
        if not there.all():
            at = np.flatnonzero(there)
            inner, own = View(view.piece, inner.table.take(at), view.at[at], view.hidden), own.take(at)
        times = None if view.has(c.label_time) else _known_at(own)
        if times is not None:
            self.notes["labels have no time of their own: taken as known when the request was answered"] = (
                None
            )
        return self._label_table(
            inner, own.column("request_id"), own.column("version"), times, "the event is kept; "
        )

    def _label_log(self, view: View) -> pa.Table:
        """Rows of a label log."""
        c = self.columns
        known = next((n for n in (c.label_time, "label_time", c.time) if view.has(n)), None)
        if known is None:
            self._there.setdefault(view.piece.file, dict.fromkeys(view.piece.columns))
            self._raise_missing(c.label_time or "label_time", "label_time", view.piece.file)
        ids = to_text(view.table.column(c.request_id)).values
        version = to_text(view.table.column(c.version)).values if view.has(c.version) else None
        return self._label_table(view, ids, version, self._values.instants(view, known), "", known)

    def _label_table(
        self, view: View, ids: Any, version: Any, times: Instants | None, kept: str, known: str | None = None
    ) -> pa.Table:
        c = self.columns
        label, known = str(c.label), known or c.label_time
        rejects = Rejects(view, self.quarantine)
        if times is None:
            times = self._values.instants(view, known)
        if view.has(known):
            self._values.note_zone(times, str(known))
        missing_id = ~plain(ids).is_valid().to_numpy(zero_copy_only=False)
        rejects.mark(
            missing_id, "no_request_id", c.request_id, lambda _: "a label without a request id", "log the id"
        )
        column = view.table.column(label)
        rejects.mark(
            ~valid(plain(column)), "no_label", label, lambda _: "there is no label", "leave the row out"
        )
        values, bad = self._answers.label(column)
        todo = f"{kept}write {tells(self.task)}"
        rejects.mark(
            bad, "bad_label", label, lambda value: f"{value} is not a label of a {self.task} task", todo
        )
        todo = f"{kept}log when the label became known"
        rejects.mark(
            times.missing | times.bad, "bad_label_time", known, lambda value: f"{value} is not a time", todo
        )
        found = {
            "request_id": ids, "label": values, "label_time": times.array(),
            "version": version if version is not None else pa.nulls(len(view), pa.string()),
            "row": pa.array(view.rows, pa.int64()),
        }  # fmt: skip
        table = pa.table(found).filter(pa.array(~rejects.bad))
        self.labels += len(table)
        if not kept:
            self.quarantine.taken += len(table)
        return table

    # -- nothing found

    def _no_events(self) -> pa.Table:
        return no_events(self.columns, self._mapped, self._arrived is not None)

    def _raise_missing(self, column: str, role: str, file: str | None = None) -> None:
        files = [file] if file else list(self._there)
        there = list(dict.fromkeys(name for one in files for name in self._there[one]))
        near = get_close_matches(column, there, 1, 0.5)
        hint = f"did you mean {near[0]!r}? Change" if near else "add it to the log, or change"
        lists = ("features", "segments", "flags", "groups", "class_scores")
        listed = next((name for name in lists if column in _values(getattr(self.columns, name))), "")
        key = f"columns.{role if role in Columns.model_fields else listed}".rstrip(".")
        more = f" and {len(there) - SHOWN_COLUMNS} more" if len(there) > SHOWN_COLUMNS else ""
        raise InputError(
            f"there is no column {column!r}; the columns there are {listing(there[:SHOWN_COLUMNS])}{more}",
            where=Where(file=files[0], key=column), todo=f"{hint} {key} in the runbook",
        )  # fmt: skip


def _values(listed: Any) -> set[str]:
    return {*listed, *listed.values()} if isinstance(listed, dict) else set(listed)


def _known_at(events: pa.Table) -> Instants:
    ticks = plain(events.column("time")).cast(pa.int64()).to_numpy(zero_copy_only=False)
    none = np.zeros(len(ticks), bool)
    return Instants(ticks, none, none, False)
