"""Figures that need labels: of rows old enough to have theirs, with what was known of them by then."""

from __future__ import annotations

import math

import numpy as np

from fireline.triage.book import Book, factorise
from fireline.triage.case import Bools, Floats, Frame
from fireline.triage.compare import placements
from fireline.triage.figure import Figure, Moment, mean_of


def gated(frame: Frame, at: Moment, *, hard: bool) -> tuple[Floats, Bools]:
    """Labels known at the compared age: (label [rows], NaN otherwise; which rows are old enough).

    Whichever labels come first would bias quality, so only rows of that age count, with the labels they had
    then.
    """
    label, delay = frame.number("label"), frame.number("label_time") - frame.time
    old = at.micros - frame.time >= at.age if hard else np.ones(frame.rows, dtype=np.bool_)
    in_time = ~np.isfinite(delay) | (delay <= at.age)
    return np.where(old & in_time, label, math.nan), old


def with_shared_labels(frame: Frame) -> Frame:
    """The frame where shadow rows know the label of their request as the live row does."""
    if not (frame.has("label") and frame.has("shadow")) or not frame.yes("shadow").any():
        return frame
    columns, requests = dict(frame.columns), factorise(frame.words("request_id"))[0]
    size = int(requests.max()) + 1 if len(requests) else 0
    for name in ("label", "label_time"):
        values = frame.number(name)
        known = np.isfinite(values) & (requests >= 0)
        table = np.full(size, math.nan)
        table[requests[known]] = values[known]
        fill = ~np.isfinite(values) & (requests >= 0)
        columns[name] = np.where(fill, table[np.where(fill, requests, 0)] if size else math.nan, values)
    return Frame(columns)


def coverage(book: Book, at: Moment) -> Figure | None:
    """Whether each event had its label in time."""
    if not book.after.has("label"):
        return None
    parts = []
    for frame, hard in ((book.before, False), (book.after, True)):
        label, old = gated(frame, at, hard=hard)
        parts.append(np.where(old, np.isfinite(label).astype(np.float64), math.nan))
    return Figure("share labelled in time", "label_coverage", "share", parts[0], parts[1], 0.05, worse=-1)


def quality(book: Book, family: str, at: Moment) -> Figure | None:
    """Whether each event was answered well, as the family judges it; None without enough labels."""
    if not book.after.has("label"):
        return None
    before, _ = gated(book.before, at, hard=False)
    after, _ = gated(book.after, at, hard=True)
    if np.isfinite(after).sum() < 20 or np.isfinite(before).sum() < 50:
        return None
    # Several classes may have no score of their own: what is right is seen all the same.
    scored = bool(np.isfinite(book.after.number("score")).any())
    if family == "auc" and scored:
        return _placed(book, before, after)
    if family == "calibration" and scored:
        b, a = before - book.before.number("score"), after - book.after.number("score")
        base = mean_of(before)
        return Figure("bias of the score", family, "mean", b, a, 0.1 * max(abs(base), 0.01), 0, labelled=True)
    return _right(book, before, after)


def group_chosen(book: Book, feature: str, at: Moment) -> Figure | None:
    """Whether each event of the group ``feature`` (column=value) was given the positive answer; of others
    nothing."""
    column, _, group = feature.partition("=")
    said = "prediction" if book.after.has("prediction") else "score"
    if not (book.after.has(column) and book.after.has(said)):
        return None
    b, a = (
        np.where(frame.words(column) == group, _guess(book, frame, said), math.nan)
        for frame in (book.before, book.after)
    )
    if np.isfinite(a).sum() < 20 or np.isfinite(b).sum() < 50:
        return None
    return Figure(f"share of {feature} chosen", "fairness", "share", b, a, 0.02, 0, feature=feature)


def _placed(book: Book, before: Floats, after: Floats) -> Figure | None:
    s_b, s_a = book.before.number("score"), book.after.number("score")
    good = np.isfinite(before) & np.isfinite(s_b)
    pos, neg = s_b[good & (before == 1)], s_b[good & (before == 0)]
    if min(pos.size, neg.size) < 10:
        return None
    pos, neg = _thin(pos), _thin(neg)
    parts = []
    for score, label in ((s_b, before), (s_a, after)):
        placed = np.full(len(score), math.nan)
        known = np.isfinite(score) & np.isfinite(label)
        up, down = known & (label == 1), known & (label == 0)
        placed[up] = placements(score[up], neg)
        placed[down] = 1 - placements(score[down], pos)
        parts.append(placed)
    b, a = parts
    area = mean_of(b[before == 1])
    for value in (0, 1):
        # A slice with another mix of classes must not look worse for that alone.
        shift = area - mean_of(b[before == value])
        b[before == value] += shift
        a[after == value] += shift
    return Figure("AUC", "auc", "AUC", b, a, 0.005, -1, labelled=True)


def _thin(values: Floats) -> Floats:
    return values[:: len(values) // 20_000] if len(values) > 40_000 else values


def _right(book: Book, before: Floats, after: Floats) -> Figure | None:
    task = book.runbook.task
    if task == "multiclass":
        return Figure("accuracy", "accuracy", "share", before, after, 0.01, -1, labelled=True)
    said = "prediction" if book.after.has("prediction") else "score"
    parts = []
    for frame, label in ((book.before, before), (book.after, after)):
        if task == "regression":
            parts.append(np.abs(label - frame.number(said)))
            continue
        guess = _guess(book, frame, said)
        parts.append(
            np.where(np.isfinite(label) & np.isfinite(guess), (guess == label).astype(np.float64), math.nan)
        )
    if task == "regression":
        return Figure(
            "mean error", "accuracy", "mean", parts[0], parts[1], 0.05 * mean_of(parts[0]), labelled=True
        )
    return Figure("accuracy", "accuracy", "share", parts[0], parts[1], 0.01, -1, labelled=True)


def _line(book: Book) -> float:
    labels = book.runbook.labels
    return 0.5 if labels is None or labels.threshold is None else labels.threshold


def _guess(book: Book, frame: Frame, said: str) -> Floats:
    if said == "score":
        score = frame.number("score")
        return np.where(np.isfinite(score), (score >= _line(book)).astype(np.float64), math.nan)
    column = frame.columns[said] if frame.has(said) else frame.number(said)
    if column.dtype.kind in "fiub":
        return column.astype(np.float64)
    labels = book.runbook.labels
    positive = labels.positive if labels is not None and labels.positive is not None else "1"
    words = frame.words(said)
    return np.where(words == "", math.nan, (words == positive).astype(np.float64))
