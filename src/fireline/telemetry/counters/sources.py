"""Who asks, and which machine answers: hashed buckets for concentration, the usual names for silence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import pyarrow as pa

from fireline.runbook.schema import Runbook
from fireline.telemetry.columns import has, recode
from fireline.telemetry.counters import Counter, Rows
from fireline.telemetry.grid import Marks
from fireline.telemetry.hashing import hash_text
from fireline.terms.counts import QUARTER, ScopeKind, Series
from fireline.terms.plan import Layout, Plan

BUCKETS = 256
NAMED = 20
LEAST_SHARE = 0.02


class Sources(Counter):
    """Series `buckets`: 256 hash buckets of the source. `source` and `host`: n, and the names that each
    brought at least 2 % of the reference (the twenty most frequent), in ``values``."""

    name = "sources"
    grains: ClassVar[Mapping[ScopeKind, int]] = {"service": QUARTER}

    def declare(self, runbook: Runbook, plan: Plan, reference: Rows) -> tuple[Series, ...]:
        """As far as the reference has sources and hosts."""
        found = []
        if has(reference.table, "source"):
            codes, values = reference.words.codes("source")
            if len(values) > 1:
                found.append(_buckets(codes, values, plan.reference))
        for column in ("source", "host"):
            series = _named(reference, column, plan.reference)
            found += [series] if series is not None else []
        return tuple(found)

    def marks(self, plan: Plan, layout: Layout, rows: Rows) -> Marks:
        """The bucket of each row's source, and the named ones."""
        marks = Marks(layout.width)
        for series in layout.series:
            column = "source" if series.name == "buckets" else series.name
            if not has(rows.table, column):
                continue
            start = layout.offsets[series.name]
            codes, values = rows.words.codes(column)
            if series.name == "buckets":
                buckets = np.append(start + bucket_of(values), layout.width)
                marks.dense.append(buckets[codes].astype(np.int32))
                continue
            marks.where(start, codes >= 0)
            mapping = {value: start + 1 + at for at, value in enumerate(series.values)}
            cells = recode(codes, values, mapping, layout.width, layout.width)
            marks.dense.append(cells.astype(np.int32))
        return marks


def bucket_of(values: list[str]) -> np.ndarray:
    """The bucket 0..255 of each name [n]: int64."""
    if not values:
        return np.empty(0, np.int64)
    return (hash_text(pa.array(values, pa.string())) % np.uint64(BUCKETS)).astype(np.int64)


def _buckets(codes: np.ndarray, values: list[str], tag: str) -> Series:
    there = codes[codes >= 0]
    shares = np.bincount(bucket_of(values)[there], minlength=BUCKETS) / max(len(there), 1)
    cells = tuple(f"bucket{i}" for i in range(BUCKETS))
    return Series("buckets", "conditions", QUARTER, cells, shares=_rounded(shares), reference=tag)


def _named(reference: Rows, column: str, tag: str) -> Series | None:
    if not has(reference.table, column):
        return None
    codes, values = reference.words.codes(column)
    there = codes[codes >= 0]
    shares = np.bincount(there, minlength=len(values)) / max(len(there), 1)
    ranked = sorted((-float(share), value) for share, value in zip(shares, values, strict=True))
    kept = [(value, -share) for share, value in ranked[:NAMED] if -share >= LEAST_SHARE and value]
    if len(kept) < 2:
        return None
    cells = ("n", *(f"={value}" for value, _ in kept))
    figures = _rounded(np.array([1.0, *(share for _, share in kept)]))
    names = tuple(value for value, _ in kept)
    return Series(column, "conditions", QUARTER, cells, (), names, shares=figures, reference=tag)


def _rounded(shares: np.ndarray) -> tuple[float, ...]:
    return tuple(round(float(share), 9) for share in shares)
