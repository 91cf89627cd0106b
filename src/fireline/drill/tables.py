"""Drafts as Arrow tables, in the columns of docs/reference/files.md."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fireline.clock import micros
from fireline.drill.answers import answer_columns, extra_columns, label_values
from fireline.drill.draft import Array, Draft
from fireline.drill.world import World

TIME = pa.timestamp("us", tz="UTC")


def events_table(world: World, drafts: list[Draft]) -> pa.Table:
    """The events of all drafts with their repeated deliveries, in order of arrival."""
    table = pa.concat_tables([_events(world, draft) for draft in drafts], promote_options="default")
    rows, arrival, base = [], [], 0
    for draft in drafts:
        at = draft.rows["arrival"]
        rows += [np.arange(draft.size) + base, *(again + base for again, _ in draft.copies)]
        arrival += [at, *(at[again] + later for again, later in draft.copies)]
        base += draft.size
    came = np.concatenate(arrival)
    order = np.argsort(came, kind="stable")
    if world.arrivals:  # nobody has read what had not come by the end
        order = order[came[order] < micros(world.end)]
    table = table.take(pa.array(np.concatenate(rows)[order]))
    return table.append_column("arrived_at", pa.array(came[order], TIME)) if world.arrivals else table


def labels_table(world: World, draft: Draft) -> pa.Table:
    """One row for each label known before the world's end, by label_time: request_id, label (0 or 1, a
    number, or a class), label_time."""
    at = draft.rows["label_time"]
    rows = np.flatnonzero((at >= 0) & (at < micros(world.end)))
    rows = rows[np.argsort(at[rows], kind="stable")]
    return pa.table(
        {
            "request_id": _ids(world, draft.rows["id"][rows]),
            "label": label_values(world, draft.rows["label"][rows]),
            "label_time": pa.array(at[rows], TIME),
        }
    )


def in_row(events: pa.Table, labels: pa.Table) -> pa.Table:
    """The events with ``label`` and ``label_time`` on the rows they belong to, null where none is known."""
    place = pc.index_in(events["request_id"], value_set=labels["request_id"].combine_chunks())
    joined = events
    for name in ("label", "label_time"):
        joined = joined.append_column(name, labels[name].take(place))
    return joined


def _events(world: World, draft: Draft) -> pa.Table:
    rows = draft.rows
    failed = rows["status"] >= 500
    columns: dict[str, Any] = {
        "time": pa.array(rows["time"], TIME),
        "request_id": _ids(world, rows["id"]),
        "version": _strings(rows["version"], draft.versions),
        "shadow": pa.array(np.full(draft.size, draft.shadow)),
        "host": _strings(rows["host"], draft.names["host"]),
        "source": _strings(rows["source"], draft.names["source"]),
    }
    for name, codes in draft.segments.items():
        columns[name] = _strings(codes, draft.names[name])
    for name, feature in draft.features.items():
        seen = draft.seen[name]
        columns[name] = (
            pa.array(seen, from_pandas=True) if feature.numeric else _strings(seen, draft.names[name])
        )
    columns |= answer_columns(world, draft, failed)
    columns["latency_ms"] = pa.array(np.round(rows["latency"], 2))
    columns["status"] = pa.array(rows["status"])
    for name, raised in draft.flags.items():
        columns[name] = pa.array(raised)
    columns |= extra_columns(world, draft)
    return pa.table(columns)


def _ids(world: World, numbers: Array) -> pa.Array:
    text = pc.utf8_lpad(pc.cast(pa.array(numbers), pa.string()), 9, "0")
    return pc.binary_join_element_wise(f"{world.seed:x}", text, "-")


def _strings(codes: Array, names: list[str]) -> pa.Array:
    indices = pa.array(codes.astype(np.int32), mask=codes < 0)
    return pa.DictionaryArray.from_arrays(indices, pa.array(names, pa.string())).cast(pa.string())
