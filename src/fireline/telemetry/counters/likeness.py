"""How alike requests are: hashes of binned inputs, and of what one source asks near the decision.

No input can be read back from a bucket; that many requests share one is all that is counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import pyarrow as pa

from fireline.runbook.schema import Runbook
from fireline.telemetry.columns import Array, has, numbers
from fireline.telemetry.counters import Counter, Rows
from fireline.telemetry.grid import Marks
from fireline.telemetry.hashing import hash_text, mix, mix_small
from fireline.telemetry.layout import category_cells, numeric_cells
from fireline.telemetry.texts import unsketched
from fireline.terms.counts import QUARTER, ScopeKind, Series
from fireline.terms.plan import Layout, Plan

ALIKE, NEAR = 1024, 256
FEATURES = 6
COARSE = 4
NEAREST = 0.1
LEAST_ENTROPY = 0.5


class Likeness(Counter):
    """Series `alike`: 1024 buckets of a request's inputs, each feature by its bin of the histogram (the six
    most varied ones, in ``values``), or of the words of its first text where there is one.

    Series `near`: 256 buckets of source and inputs in bins four times as wide, of those requests only whose
    score lies among the tenth nearest the threshold (``edges``: threshold and distance).
    """

    name = "likeness"
    grains: ClassVar[Mapping[ScopeKind, int]] = {"service": QUARTER}

    def declare(self, runbook: Runbook, plan: Plan, reference: Rows) -> tuple[Series, ...]:
        """Needs two features that vary; `near` a source and a binary task's score too."""
        inputs = [s for s in plan.shapes.series if s.name.startswith("feature:")]
        ranked = sorted((-_entropy(s), s.name) for s in inputs)
        names = tuple(name.removeprefix("feature:") for h, name in ranked[:FEATURES] if -h >= LEAST_ENTROPY)
        texts = [f"{text}.sketch" for text in runbook.columns.texts]
        if texts and has(reference.table, texts[0]):
            alike = _of_words(reference, texts[0])
            return (_declared("alike", ALIKE, alike, (), (texts[0],), plan.reference),)
        if len(names) < 2:
            return ()
        alike = _bucketed(plan, names, reference, ALIKE, 1)
        found = [_declared("alike", ALIKE, alike, (), names, plan.reference)]
        if has(reference.table, "source") and has(reference.table, "score") and plan.task == "binary":
            threshold = plan.threshold if plan.threshold is not None else 0.5
            away = np.abs(numbers(reference.table, "score") - threshold)
            if np.isfinite(away).sum() >= 200:
                edges = (threshold, round(float(np.nanquantile(away, NEAREST)), 9))
                near = _near(plan, names, edges, reference)
                found.append(_declared("near", NEAR, near[near < NEAR], edges, names, plan.reference))
        return tuple(found)

    def marks(self, plan: Plan, layout: Layout, rows: Rows) -> Marks:
        """One bucket a row, and one for each row near the threshold."""
        marks = Marks(layout.width)
        for series in layout.series:
            start = layout.offsets[series.name]
            if series.values[0].endswith(".sketch"):
                found = start + _of_words(rows, series.values[0])
            elif series.name == "alike":
                found = start + _bucketed(plan, series.values, rows, ALIKE, 1)
            elif has(rows.table, "source") and has(rows.table, "score"):
                near = _near(plan, series.values, (series.edges[0], series.edges[1]), rows)
                found = np.where(near < NEAR, start + near, layout.width)
            else:
                continue
            marks.dense.append(found.astype(np.int32))
        return marks


def _entropy(series: Series) -> float:
    p = np.asarray(series.shares)
    p = p[p > 0]
    return float(-(p * np.log2(p)).sum())


def _declared(
    name: str, buckets: int, found: Array, edges: tuple[float, ...], names: tuple[str, ...], tag: str
) -> Series:
    shares = np.bincount(found, minlength=buckets) / max(len(found), 1)
    cells = tuple(f"bucket{i}" for i in range(buckets))
    figures = tuple(round(float(share), 9) for share in shares)
    return Series(name, "conditions", QUARTER, cells, edges, names, shares=figures, reference=tag)


def _bucketed(plan: Plan, names: tuple[str, ...], rows: Rows, buckets: int, width: int) -> Array:
    """The bucket of each row's inputs, ``width`` bins taken as one: int64 [n]."""
    found = mix_small([_cells(plan, name, rows, width) for name in names])
    return (found & np.uint64(buckets - 1)).astype(np.int64)  # buckets are a power of two


def _of_words(rows: Rows, name: str) -> Array:
    """The bucket of each text's smallest word hash, mixed: int64 [n]. Two texts share it as often as they
    share words (Broder's min-hash, 1997)."""
    if not has(rows.table, name):
        return np.zeros(len(rows.table), np.int64)
    hashes, sizes = unsketched(rows.table.column(name))
    least = np.zeros(len(sizes), np.uint64)
    some = np.flatnonzero(sizes)
    if len(some):
        starts = np.concatenate([[0], np.cumsum(sizes[some])[:-1]])
        least[some] = np.minimum.reduceat(mix(hashes.astype(np.uint64)), starts)
    return (least % np.uint64(ALIKE)).astype(np.int64)


def _cells(plan: Plan, name: str, rows: Rows, width: int) -> Array:
    series = plan.shapes.by_name[f"feature:{name}"]
    if series.name in rows.cells:
        known = rows.cells[series.name]
        return known // width if series.kind == "numeric" and width > 1 else known
    if not has(rows.table, name):
        return np.full(len(rows.table), series.width - 1)
    if series.kind == "numeric":
        return np.asarray(numeric_cells(series, numbers(rows.table, name)) // width)
    return category_cells(series, rows.words.codes(name))


def _near(plan: Plan, names: tuple[str, ...], edges: tuple[float, float], rows: Rows) -> Array:
    """The bucket of each row near the threshold, ``NEAR`` for all others: int64 [n]."""
    with np.errstate(invalid="ignore"):
        near = np.abs(rows.numbers("score") - edges[0]) <= edges[1]
    codes, values = rows.words.codes("source")
    found = np.full(len(codes), NEAR, np.int64)
    here = np.flatnonzero(near & (codes >= 0))
    if here.size:
        hashed = hash_text(pa.array(values, pa.string()))[codes[here]]
        cells = [_cells(plan, name, rows, COARSE)[here] for name in names]
        inputs = mix_small(cells) & np.uint64((1 << 32) - 1)
        found[here] = (mix(hashed, inputs) % np.uint64(NEAR)).astype(np.int64)
    return found
