"""Canonical columns in their order, those that a log does not have filled in; and tables without a row."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fireline.runbook.schema import Columns
from fireline.telemetry.batch import INSTANT, Mapped
from fireline.telemetry.casts import error_of
from fireline.telemetry.columns import ARRIVED
from fireline.telemetry.derived import derived_types
from fireline.telemetry.rejects import Array, View
from fireline.telemetry.unmapped import UNMAPPED
from fireline.terms.piece import Piece

_TYPES = {
    "text": pa.string(),
    "number": pa.float64(),
    "truth": pa.bool_(),
    "answer": pa.null(),
    "time": INSTANT,
}

NO_LABELS = pa.table(
    {
        "request_id": pa.array([], pa.string()),
        "label": pa.array([], pa.null()),
        "label_time": pa.array([], INSTANT),
        "version": pa.array([], pa.string()),
        "row": pa.array([], pa.int64()),
    }
)


def complete(found: dict[str, pa.Array], view: View, status: str | None) -> pa.Table:
    """The canonical columns in their order, those not mapped filled in."""
    n = len(view)
    fixed = {
        "time": found["time"],
        "request_id": found["request_id"],
        "version": pc.fill_null(found["version"], "")
        if "version" in found
        else pa.array([""] * n, pa.string()),
        "shadow": found.get("shadow", pa.array(np.zeros(n, bool))),
        "weight": pc.fill_null(found["weight"], 1.0) if "weight" in found else pa.array(np.ones(n)),
        "score": found.get("score", pa.nulls(n, pa.float64())),
        "prediction": found.get("prediction", pa.nulls(n, pa.float64())),
        "latency_ms": found.get("latency_ms", pa.nulls(n, pa.float64())),
        "status": found.get("status", pa.nulls(n, pa.string())),
        "error": error_of(view.table.column(status)) if view.has(status) else pa.array(np.zeros(n, bool)),
    }
    rest = {name: values for name, values in found.items() if name not in fixed}
    return pa.table(fixed | rest | {"row": pa.array(view.rows, pa.int64())})


def no_events(columns: Columns, roles: Sequence[Mapped], arrived: bool) -> pa.Table:
    """Canonical events without a row."""
    found = {m.name: pa.array([], _TYPES[m.form]) for m in roles}
    found |= {name: pa.array([], kind) for name, kind in derived_types(columns).items()}
    found[UNMAPPED] = pa.array([], pa.string())
    nothing = Piece(pa.table({}), "", np.empty(0, np.int64), ())
    text = pa.array([], pa.string())
    found |= {ARRIVED: pa.array([], INSTANT)} if arrived else {}
    bare = {"time": pa.array([], INSTANT), "request_id": text}
    return complete(bare | found, View.of(nothing), columns.status)


def own_ids(given: pa.Array | None, rows: Array, tag: str) -> pa.Array:
    """Request ids; an event without one is named after its place in the log."""
    if given is not None and given.null_count == 0:
        return given
    made = pc.binary_join_element_wise(pa.scalar(tag), pa.array(rows).cast(pa.string()), "#")
    return made if given is None else pc.coalesce(given, made)
