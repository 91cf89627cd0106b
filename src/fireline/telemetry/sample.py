"""Counts a sample of rows, whole and by the values of one column, in the cells of the reference's shapes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from fireline.errors import InputError, Where
from fireline.telemetry.casts import to_number, to_text
from fireline.telemetry.census import Census, add_into
from fireline.telemetry.columns import Array, codes
from fireline.telemetry.layout import category_cells
from fireline.terms.counts import Series
from fireline.terms.piece import Piece
from fireline.terms.plan import Plan


@dataclass
class Sample:
    """What was counted: ``counts`` (value or None for all rows, feature) -> int64 [width]; ``rows`` in all,
    ``bad`` rows that could not be read, ``unread`` values by feature that are not what the feature is (they
    count as missing), and the features of the plan that are ``absent``."""

    counts: dict[tuple[str | None, str], Array] = field(default_factory=dict)
    rows: int = 0
    bad: int = 0
    unread: dict[str, int] = field(default_factory=dict)
    absent: tuple[str, ...] = ()


def sample_of(
    plan: Plan, pieces: Iterable[Piece], file: str, by: str | None = None, values: Sequence[str] = ()
) -> Sample:
    """Counts ``pieces`` of ``file``. Raises InputError where none of the features, or no ``by``, is in it."""
    series = {name: plan.shapes.by_name[f"feature:{name}"] for name in plan.features}
    numeric = {name: one for name, one in series.items() if plan.features[name] == "numeric"}
    whole, parts = Census(numeric), Census(numeric, by, values) if by else None
    found, seen = Sample(), set[str]()
    for piece in pieces:
        found.rows += len(piece.rows)
        found.bad += len(piece.bad)
        seen |= set(piece.table.column_names) & {*series, *([by] if by else [])}
        table = _cast(piece, series, plan, found, by)
        whole.add([table])
        code = None
        if parts is not None:
            parts.add([table])
            code = parts.code(table)
        for name in series.keys() - numeric.keys():
            _categories(found, series[name], table, name, code, values)
    if not found.rows:
        raise InputError("holds no row that can be read", where=Where(file=file), todo="give one with rows")
    if not seen & set(series):
        raise InputError(
            "holds no input of the model", where=Where(file=file),
            todo=f"name its columns as `columns.features` does: {', '.join(list(series)[:5])} ...",
        )  # fmt: skip
    if by and by not in seen:
        raise InputError("there is no such column", where=Where(file=file, key=by), todo="give one with --by")
    found.counts |= {(None, name): counts for name, counts in whole.whole.items()}
    if parts is not None:
        for key, counts in parts.parts.items():
            found.counts[key] = counts
    found.absent = tuple(name for name in series if name not in seen)
    return found


def _cast(piece: Piece, series: dict[str, Series], plan: Plan, found: Sample, by: str | None) -> pa.Table:
    """The columns of the plan as numbers and words; what cannot be read as its kind is missing, and told."""
    columns: dict[str, pa.Array] = {}
    for name in {**series, **({by: None} if by else {})}:
        if name in piece.table.column_names:
            column = piece.table.column(name)
            cast = to_number(column) if plan.features.get(name) == "numeric" else to_text(column)
            columns[name] = cast.values
            if cast.bad.any():
                found.unread[name] = found.unread.get(name, 0) + int(cast.bad.sum())
        else:
            kind = pa.float64() if plan.features.get(name) == "numeric" else pa.string()
            columns[name] = pa.nulls(len(piece.rows), kind)
    return pa.table(columns)


def _categories(
    found: Sample, series: Series, table: pa.Table, name: str, code: Array | None, values: Sequence[str]
) -> None:
    cells = category_cells(series, codes(table, name)).astype(np.int64)
    keys: list[str | None] = [None]
    counts = [np.bincount(cells, minlength=series.width)]
    if code is not None:
        place = code.astype(np.int64) * series.width + cells
        table_of = np.bincount(place, minlength=(len(values) + 1) * series.width).reshape(-1, series.width)
        keys, counts = [*keys, *values], [*counts, *table_of]
    for key, mine in zip(keys, counts, strict=False):
        add_into(found.counts, (key, name), mine)
