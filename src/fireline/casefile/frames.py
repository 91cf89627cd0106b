"""Recorded rows as triage takes them: columns as arrays, with the labels known by then."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa

from fireline.clock import from_micros
from fireline.recording import Archive
from fireline.runbook.schema import Runbook
from fireline.telemetry.labels import join_labels
from fireline.telemetry.tally import outcome
from fireline.terms.plan import Plan
from fireline.triage.case import Frame


def frame(table: pa.Table, now: datetime, archive: Archive, runbook: Runbook, plan: Plan) -> Frame:
    """Canonical rows as triage takes them, with labels as known by ``now``."""
    # Sketches of texts are for counting only.
    names = [f.name for f in table.schema if not pa.types.is_binary(f.type)]
    columns = {name: values(table.column(name)) for name in names}
    known = _labels(table, now, archive, runbook, plan)
    return Frame({**columns, **known})


def values(column: pa.ChunkedArray) -> Any:
    """An arrow column as triage takes it: numbers with NaN, words with "", times as microseconds."""
    kind = column.type
    if pa.types.is_timestamp(kind):
        return column.cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()).to_numpy(zero_copy_only=False)
    if pa.types.is_boolean(kind):
        return column.fill_null(False).to_numpy(zero_copy_only=False).astype(bool)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return column.cast(pa.float64()).to_numpy(zero_copy_only=False)
    words = column.cast(pa.string()).fill_null("").combine_chunks().dictionary_encode()
    return words.dictionary.to_numpy(zero_copy_only=False).astype(object)[words.indices.to_numpy()]


def _labels(table: pa.Table, now: datetime, archive: Archive, runbook: Runbook, plan: Plan) -> dict[str, Any]:
    none = np.full(len(table), np.nan)
    if len(table) == 0 or runbook.labels is None:
        return {"label": none, "label_time": none}
    times = columns_time(table)
    labels = archive.labels(from_micros(int(times.min())), now)
    joined = join_labels(table, labels, now=now)
    said = table.column("prediction") if plan.task == "multiclass" else None
    label = outcome(plan, joined.column("label"), said)
    when = joined.column("label_time").cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()).cast(pa.float64())
    return {"label": label, "label_time": when.to_numpy(zero_copy_only=False).astype(np.float64)}


def columns_time(table: pa.Table) -> Any:
    """The time column as int64 microseconds [n]."""
    return table.column("time").cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()).to_numpy()
