"""Columns of a log that the runbook does not name: which of them each row brings something in.

Only their names go on, never what they hold.
"""

from __future__ import annotations

import json
from collections.abc import Container, Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fireline.telemetry.casts import plain, valid
from fireline.telemetry.columns import Array

UNMAPPED = "unmapped columns"
"""The canonical column: names as JSON, null for a row without any."""
OWN = frozenset(
    {"time", "request_id", "version", "latency_ms", "status", "rung", "shadow", "weight", "host", "switch",
     "service"}
)  # fmt: skip
"""What a guard writes of itself: a log from before there was one lacks it."""
MOST = 20
LONGEST = 120
NOTHING = "{}"
"""An object without anything in it, where a reader keeps it as text."""


@dataclass(frozen=True, slots=True)
class Readable(Container[str]):
    """The columns of a log that are read: those ``wanted`` and those nobody speaks of, not the
    ``ignored``."""

    wanted: frozenset[str]
    ignored: frozenset[str]

    def __contains__(self, name: object) -> bool:
        return name in self.wanted or not _among(str(name), self.ignored)


def names_beside(columns: Iterable[str], named: frozenset[str]) -> dict[str, str]:
    """The columns that are not ``named``, and what each is called: an object's keys all by the object's name,
    unless keys of it are named.

    >>> names_beside(["age", "meta.a", "meta.b", "in.x", "in.y"], frozenset({"age", "in.x"}))
    {'meta.a': 'meta', 'meta.b': 'meta', 'in.y': 'in.y'}
    """
    within = {name.split(".")[0] for name in named if "." in name}
    found = {}
    for column in columns:
        head = column.split(".")[0]
        if not _among(column, named):
            found[column] = column[:LONGEST] if head in within else head[:LONGEST]
    return found


def unmapped(table: pa.Table, named: frozenset[str], rows: int) -> pa.Array:
    """Which columns that are not ``named`` each of ``rows`` [n] has a value in: their names in order, as
    JSON; null where there are none."""
    found: dict[str, Array] = {}
    places = {name: at for at, name in enumerate(table.column_names)}
    for column, name in names_beside(places, named).items():
        there = _there(table.column(places[column]))
        if there.any():
            found[name] = found[name] | there if name in found else there
    if not found:
        return pa.nulls(rows, pa.string())
    names = sorted(found)
    has = np.stack([found[name] for name in names], axis=1)
    kinds, which = np.unique(np.packbits(has, axis=1), axis=0, return_inverse=True)
    shown = np.unpackbits(kinds, axis=1, count=len(names)).astype(bool)
    words = [[name for name, on in zip(names, row, strict=True) if on][:MOST] for row in shown]
    texts = pa.array([json.dumps(row) if row else None for row in words], pa.string())
    return texts.take(pa.array(which.reshape(-1)))


def _there(column: pa.ChunkedArray) -> Array:
    """Which values [n] of a raw column are anything at all; an object is where any of its keys is."""
    values = plain(column)
    if pa.types.is_struct(values.type):
        inner = [_there(pa.chunked_array([one])) for one in values.flatten()]
        return np.logical_or.reduce(inner) if inner else np.zeros(len(values), bool)
    there = valid(values)
    if pa.types.is_string(values.type):
        there &= ~pc.fill_null(pc.equal(values, NOTHING), False).to_numpy(zero_copy_only=False)
    return there


def names_in(texts: Iterable[str | None]) -> list[tuple[str, ...]]:
    """The names that each of ``texts``, as ``unmapped`` gives them, holds."""
    return [tuple(json.loads(text)) if text else () for text in texts]


def _among(column: str, names: frozenset[str]) -> bool:
    return column in names or column.split(".")[0] in names
