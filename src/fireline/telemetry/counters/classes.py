"""Several classes: how often each was the truth, was said, and was both."""

from __future__ import annotations

import numpy as np

from fireline.runbook.schema import Runbook
from fireline.telemetry.columns import has, recode
from fireline.telemetry.counters import HOURLY_BY_VERSION, Counter, Rows
from fireline.telemetry.grid import Marks
from fireline.terms.counts import HOUR, Series
from fireline.terms.plan import Layout, Plan

MOST = 20
LEAST_ROWS = 100


class Classes(Counter):
    """For each of the 20 most frequent classes the labels, the predictions and the hits of cohorts, by the
    hour."""

    name = "classes"
    feed = "cohorts"
    grains = HOURLY_BY_VERSION

    def declare(self, runbook: Runbook, plan: Plan, reference: Rows) -> tuple[Series, ...]:
        """Three series of the same cells where at least two classes have a hundred labels."""
        table = reference.table
        if plan.task != "multiclass" or not has(table, "label") or not has(table, "prediction"):
            return ()
        codes, values = reference.words.codes("label")
        counts = np.bincount(codes[codes >= 0], minlength=len(values))
        ranked = sorted((-int(c), v) for c, v in zip(counts, values, strict=True) if c >= LEAST_ROWS)
        named = tuple(value for _, value in ranked[:MOST])
        if len(named) < 2:
            return ()
        cells = tuple(f"={value}" for value in named)
        return tuple(
            Series(name, "category", HOUR, cells, values=named, reference=plan.reference)
            for name in ("support", "said", "hits")
        )

    def marks(self, plan: Plan, layout: Layout, rows: Rows) -> Marks:
        """The class of each row's label and of its prediction, where both are known."""
        marks = Marks(layout.width)
        if not (has(rows.table, "label") and has(rows.table, "prediction")):
            return marks
        named = layout.by_name["support"].values
        mapping = {value: i for i, value in enumerate(named)}
        found = {}
        for what in ("label", "prediction"):
            found[what] = recode(*rows.words.codes(what), mapping, missing=-1, other=len(named))
        both = (found["label"] >= 0) & (found["prediction"] >= 0)
        truth, said = found["label"], found["prediction"]
        for series, cells, holds in (
            ("support", truth, both), ("said", said, both), ("hits", truth, both & (truth == said)),
        ):  # fmt: skip
            counted = holds & (cells < len(named))
            marks.dense.append(
                np.where(counted, cells + layout.offsets[series], layout.width).astype(np.int32)
            )
        return marks
