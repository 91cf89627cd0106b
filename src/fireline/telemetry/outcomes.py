"""Answers and the truth as numbers: what a label says, and whether an event was chosen."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from fireline.telemetry.columns import Array, has, numbers
from fireline.terms.plan import Plan

SCORED = ("binary", "llm", "unknown", "ranking")
"""Tasks in which a score says how likely the positive class is."""


def outcome(
    plan: Plan, label: pa.ChunkedArray | pa.Array, prediction: pa.ChunkedArray | None = None
) -> Array:
    """Labels as float64 [n], NaN unknown.

    Binary: 1 for the positive class, else 0. Several classes: 1 when the prediction named the class, else 0.
    Regression: the number itself.
    """
    if plan.task == "multiclass" and prediction is not None:
        named = prediction.cast(pa.string()).to_numpy(zero_copy_only=False).astype(object)
        truth = label.cast(pa.string()).to_numpy(zero_copy_only=False).astype(object)
        right = (named == truth).astype(np.float64)
        right[[t is None for t in truth]] = np.nan
        return np.asarray(right)
    if pa.types.is_string(label.type) or pa.types.is_large_string(label.type):
        text = label.to_numpy(zero_copy_only=False).astype(object)
        positive = plan.positive if plan.positive is not None else "1"
        return np.array([np.nan if t is None else float(t == positive) for t in text], np.float64)
    values = np.asarray(label.cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)
    if plan.task in ("binary", "llm", "unknown", "ranking") and plan.positive is not None:
        return np.where(np.isnan(values), np.nan, (values == as_number(plan.positive)).astype(np.float64))
    return values


def as_number(positive: str) -> float:
    """The positive class as a number, NaN (which no label equals) where it is a word."""
    try:
        return float(positive)
    except ValueError:
        return float("nan")


def chosen(plan: Plan, events: pa.Table, how: str) -> Array:
    """1.0 where the event was given the positive answer, 0.0 where another, NaN where none: float64 [n].

    ``how`` is ``chooses``' answer: by the prediction, else by the score at the plan's threshold.
    """
    if not has(events, how):
        return np.full(len(events), np.nan)
    if how == "prediction":
        guess = outcome(plan, events.column("prediction"))
        return np.where(np.isnan(guess), np.nan, (guess == 1).astype(np.float64))
    score = numbers(events, "score")
    return np.where(np.isnan(score), np.nan, (score >= plan.line).astype(np.float64))


def chooses(plan: Plan, reference: pa.Table) -> str | None:
    """What tells the positive answers of a service: ``prediction``, ``score``, or None where nothing does.

    Read off the reference once, where both answers must occur in a hundredth of a per cent or more.
    """
    if plan.task not in SCORED:
        return None
    for how in ("prediction", "score"):
        if has(reference, how) and reference.column(how).null_count < len(reference):
            share = float(np.nanmean(chosen(plan, reference, how)))
            if 1e-4 <= share <= 1 - 1e-4:
                return how
    return None
