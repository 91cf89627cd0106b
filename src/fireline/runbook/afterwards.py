"""Columns that know the future: what was written only after the answer is no feature."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fireline.runbook.leaks import follows, rank_correlation, tells_label
from fireline.runbook.looks import Look, instants
from fireline.runbook.names import NAMES
from fireline.runbook.spoken import AFTER_WORDS, BEFORE_WORDS, CALENDAR_NAMES, PLANNED_WORDS

Array = np.ndarray[Any, Any]
TOGETHER = 0.98
LEAST_MISSING = 0.002
STEADY = 0.98
MOVE = "if it is known when the request is answered, move it to `features`"


def by_name(look: Look, others: Iterable[Look]) -> str:
    """Why the name of a column says that it is known only afterwards, or ""."""
    if look.plain in NAMES["label"] or look.plain in NAMES["outcome"]:
        return "known only afterwards"
    words = set(look.words)
    if words & BEFORE_WORDS or look.kind == "time":
        return ""
    if words & AFTER_WORDS:
        return f"its name speaks of what happens after the answer: {MOVE}"
    if words & PLANNED_WORDS:
        return ""
    for other in others:
        if (
            PLANNED_WORDS.intersection(other.words)
            and tuple(word for word in other.words if word not in PLANNED_WORDS) == look.words
        ):
            return f"`{other.name}` is what was planned, so this is what came of it, afterwards: {MOVE}"
    return ""


def by_values(look: Look, table: pa.Table, label: Array | None) -> str:
    """Why the values of a column say that they were written afterwards, or "".

    ``label`` [n] is the in-row truth as numbers, NaN where unknown.
    """
    if label is None or look.kind in ("time", "nested", "empty"):
        return ""
    column = table.column(look.name)
    if look.numeric and tells_label(column, label):
        return "tells the label almost perfectly: it looks like something known only afterwards"
    if not look.numeric and follows(column, label):
        return "its values tell the label almost perfectly: it looks like something known only afterwards"
    return ""


def missing_together(
    looks: Iterable[Look], table: pa.Table, after: Mapping[str, str], answers: Iterable[str]
) -> dict[str, str]:
    """Columns of ``looks`` that are missing in just the rows where something known afterwards is.

    ``after`` names columns that are known afterwards, ``answers`` what the model answers: what is missing
    with an answer was never asked.
    """
    unanswered = [_null(table, name) for name in answers]
    gaps = {name: _null(table, name) for name in after if name in table.column_names}
    gaps = {
        name: null for name, null in gaps.items()
        if LEAST_MISSING <= null.mean() <= 1 - LEAST_MISSING
        and not any(_alike(null, one) for one in unanswered)
    }  # fmt: skip
    found = {}
    for look in looks:
        if look.missing < LEAST_MISSING or look.kind in ("nested", "empty"):
            continue
        null = _null(table, look.name)
        other = next((name for name, gap in gaps.items() if _alike(null, gap)), None)
        if other is not None:
            found[look.name] = (
                f"is missing in just the rows where `{other}` is, which is known afterwards: {MOVE}"
            )
    return found


def _null(table: pa.Table, name: str) -> Array:
    column = table.column(name)
    null = column.is_null(nan_is_null=True)
    return np.asarray(null.to_numpy(), dtype=bool)


def _alike(one: Array, other: Array) -> bool:
    either = int((one | other).sum())
    return either > 0 and int((one & other).sum()) >= TOGETHER * either


def by_calendar(look: Look, table: pa.Table, time: str) -> str:
    """Why a column moves with the calendar alone, or "": it drifts by itself."""
    if look.plain in CALENDAR_NAMES and look.kind in ("integer", "text") and look.distinct <= 400:
        return (
            "the calendar: it changes by itself, and the rhythm of the day and week is learnt from the time"
        )
    if look.kind not in ("number", "integer") or look.distinct < 100:
        return ""
    values = pc.cast(table.column(look.name), pa.float64(), safe=False).to_numpy()
    at = instants(table.column(time)).astype(np.float64)
    known = np.isfinite(values)
    if known.sum() < 100:
        return ""
    if abs(rank_correlation(values[known], at[known])) >= STEADY:
        return "counts up with the time: an index or a total, which drifts by itself"
    return ""
