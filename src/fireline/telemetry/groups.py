"""Groups that must be treated alike: which there are, and the cells of each."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from fireline.runbook.schema import Runbook
from fireline.telemetry.columns import Array, Words, has, recode
from fireline.telemetry.columns import codes as codes_of
from fireline.terms.counts import HOUR, Series, SeriesKind
from fireline.terms.plan import Plan

MOST = 20
LEAST_A_DAY = 30
LEAST_ROWS = 300


def group_series(
    runbook: Runbook, plan: Plan, reference: pa.Table, how: str, figures: tuple[str, ...], kind: SeriesKind
) -> tuple[Series, ...]:
    """A series for each group column with two groups or more: ``figures`` of each, then of all others.

    Groups of fewer than 30 events a day, or 300 in the reference, are others. The values are the groups, the
    most frequent first, and at last ``how``: what tells who was chosen. The edge is the threshold.
    """
    span = runbook.reference.until - runbook.reference.since
    least = max(LEAST_ROWS, LEAST_A_DAY * span.total_seconds() / 86_400)
    found = []
    for name in runbook.columns.groups:
        if not has(reference, name):
            continue
        codes, values = codes_of(reference, name)
        counts = np.bincount(codes[codes >= 0], minlength=len(values))
        ranked = sorted((-int(c), v) for c, v in zip(counts, values, strict=True) if c >= least)
        groups = tuple(value for _, value in ranked[:MOST])
        if len(groups) >= 2:
            cells = tuple(f"{figure}:{group}" for group in (*groups, "(others)") for figure in figures)
            shown = (*groups, how)
            tag = plan.reference
            found.append(Series(f"group:{name}", kind, HOUR, cells, (plan.line,), shown, reference=tag))
    return tuple(found)


def members(series: Series, words: Words) -> Array:
    """The place of each row's group, the last standing for all others, -1 for none: int64 [n]."""
    name, groups = series.name.removeprefix("group:"), series.values[:-1]
    if not has(words.table, name):
        return np.full(len(words.table), -1, np.int64)
    mapping = {group: i for i, group in enumerate(groups)}
    return recode(*words.codes(name), mapping, missing=-1, other=len(groups))
