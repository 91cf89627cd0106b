"""Counts the training data in the cells of the reference's shapes."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from fireline.errors import InputError, Where
from fireline.telemetry.casts import Cast, to_number, to_text
from fireline.telemetry.census import numeric_counts
from fireline.telemetry.columns import Array, codes, numbers
from fireline.telemetry.layout import category_cells
from fireline.terms.counts import Series
from fireline.terms.piece import Piece
from fireline.terms.plan import Plan

LEAST_ROWS = 200


def training_counts(plan: Plan, pieces: Iterable[Piece], file: str) -> dict[str, tuple[int, ...]]:
    """Rows of the training data, ``pieces`` of ``file``, by cell of each feature that it has: feature ->
    counts [width].

    Values are read as those of events are; one that cannot be is left out. Raises InputError where the file
    has no feature of the plan, or fewer than 200 rows.
    """
    found: dict[str, Array] = {}
    rows = 0
    for piece in pieces:
        rows += len(piece.rows)
        for name in plan.features:
            if name in piece.table.column_names:
                series = plan.shapes.by_name[f"feature:{name}"]
                counts = _cells(series, plan.features[name], piece, name)
                found[name] = found.get(name, np.zeros(series.width, np.int64)) + counts
    if not found:
        raise InputError(
            "holds no input of the model", where=Where(file=file),
            todo=f"name its columns as `columns.features` does: {', '.join(list(plan.features)[:5])} ...",
        )  # fmt: skip
    if rows < LEAST_ROWS:
        raise InputError(
            f"holds {rows} rows, too few to compare with", where=Where(file=file),
            todo=f"give at least {LEAST_ROWS} rows of the training data",
        )  # fmt: skip
    return {name: tuple(found[name].tolist()) for name in plan.features if name in found}


def _cells(series: Series, kind: str, piece: Piece, name: str) -> Array:
    column = piece.table.column(name)
    cast: Cast = to_number(column) if kind == "numeric" else to_text(column)
    table = piece.table.select([]).append_column(name, cast.values).filter(~cast.bad)
    if kind == "numeric":
        return numeric_counts(series, numbers(table, name))
    return np.bincount(category_cells(series, codes(table, name)), minlength=series.width)
