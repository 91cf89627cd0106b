"""Counts that an engine made, as rows of the store."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from fireline.errors import InputError, Where
from fireline.telemetry.columns import Array, codes
from fireline.telemetry.held import Held
from fireline.telemetry.pushdown.statement import COLUMNS
from fireline.terms.counts import CountsRow, Scope
from fireline.terms.plan import Layout, Plan

KINDS = {
    "layout": pa.string(), "grain": pa.int64(), "scope": pa.string(), "tick": pa.int64(), "late": pa.bool_(),
    "cell": pa.int64(), "count": pa.int64(),
}  # fmt: skip
SCHEMA = pa.schema([pa.field(name, kind, nullable=False) for name, kind in KINDS.items()])


def counts_table(found: pa.Table, file: str = "") -> pa.Table:
    """``found`` with the columns of counts, in their types. Raises InputError naming the column."""
    cast = {}
    for name in COLUMNS:
        where = Where(file=file or None, key=name)
        if name not in found.column_names:
            raise InputError(
                f"counts need the columns {', '.join(COLUMNS)}; there is no {name!r}", where=where,
                todo="write them with `fireline tally`, or with the SQL it prints",
            )  # fmt: skip
        column = found.column(name)
        if column.null_count:
            row = column.is_null().to_pylist().index(True) + 1
            where = Where(file=file or None, row=row, key=name)
            raise InputError("is empty", where=where, todo="counts have no empty values")
        try:
            if pa.types.is_dictionary(column.type):
                column = column.cast(column.type.value_type)
            if pa.types.is_binary(column.type):
                column = column.cast(pa.string())
            cast[name] = column.cast(KINDS[name])
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise InputError(
                f"is not {KINDS[name]}: {error}", where=where, todo="see the file again"
            ) from None
    return pa.table(cast, SCHEMA)


def counts_rows(plan: Plan, found: pa.Table, file: str = "") -> list[CountsRow]:
    """Counts as ``counts_table`` gives them, as rows of the store.

    Raises InputError where they are of another declaration than ``plan``, or name a cell it does not have.
    """
    rows: list[CountsRow] = []
    layouts = {layout.identity: layout for layout in plan.layouts}
    at, names = codes(found, "layout")
    for number, name in enumerate(names):
        if name not in layouts:
            raise InputError(
                f"counts of the layout {name}, which this baseline does not declare",
                where=Where(file=file or None),
                todo="count again with the runbook and baseline that are in force: `fireline tally`",
            )  # fmt: skip
        part = found.filter(pa.array(at == number))
        for grain in sorted(set(part.column("grain").to_pylist())):
            rows += _grain(layouts[name], int(grain), part, file)
    return rows


def _grain(layout: Layout, grain: int, part: pa.Table, file: str) -> Iterator[CountsRow]:
    if grain not in layout.grains.values():
        raise InputError(
            f"{layout.name} is not counted in ticks of {grain} s",
            where=Where(file=file or None, key="grain"),
            todo="count again with `fireline tally`",
        )  # fmt: skip
    part = part.filter(pa.array(part.column("grain").to_numpy() == grain))
    which, scopes = codes(part, "scope")
    late = part.column("late").to_numpy().astype(bool)
    cell, tick, count = (part.column(name).to_numpy() for name in ("cell", "tick", "count"))
    if ((cell < 0) | (cell >= layout.width)).any():
        raise InputError(
            f"{layout.name} has {layout.width} cells, none of them is number {int(cell.max())}",
            where=Where(file=file or None, key="cell"), todo="count again with `fireline tally`",
        )  # fmt: skip
    for lateness in (False, True):
        held = Held(layout, grain, lateness)
        for number, name in enumerate(scopes):
            mine = np.flatnonzero((which == number) & (late == lateness))
            if mine.size:
                held.add(_scope(name, file), *_dense(layout, tick[mine], cell[mine], count[mine]))
        yield from held.release()


def _dense(layout: Layout, tick: Array, cell: Array, count: Array) -> tuple[Array, Array]:
    ticks, at = np.unique(tick, return_inverse=True)
    whole = np.zeros((len(ticks), layout.width), np.int64)
    np.add.at(whole, (at, cell), count)
    return ticks, whole


def _scope(name: str, file: str) -> Scope:
    try:
        return Scope.of_key(name)
    except ValueError:
        raise InputError(
            f"{name!r} is no scope", where=Where(file=file or None, key="scope"),
            todo="write service, version=NAME, shadow=NAME or segment:COLUMN=VALUE",
        ) from None  # fmt: skip
