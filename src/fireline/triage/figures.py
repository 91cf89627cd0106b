"""The figure an alert is about, one number per event: error or not, null or not, label well placed or not."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from fireline.clock import MICROS, micros
from fireline.terms.alert import Finding
from fireline.terms.flags import FAMILIES, flags_of
from fireline.triage.book import Book, Column, factorise
from fireline.triage.case import Bools, Floats, Frame
from fireline.triage.compare import placements
from fireline.triage.words import UNLIKE

LABELLED = frozenset({"auc", "accuracy", "calibration", "fairness"})
FLAG_FAMILIES = frozenset(FAMILIES.values())
RANGE_MARGIN = 0.25
MAX_LOG_RATIO = 2.0


@dataclass(frozen=True)
class Figure:
    """One figure per event: ``before`` [rows before], ``after`` [rows after], NaN where the event has none.

    ``worse`` is +1 when more is worse, -1 when less is, 0 when any change matters. ``tolerance`` is the
    change of the mean that does not matter, in ``unit``.
    """

    name: str
    family: str
    unit: str
    before: Floats
    after: Floats
    tolerance: float
    worse: int = 1
    feature: str | None = None
    labelled: bool = False

    @property
    def key(self) -> tuple[str, str]:
        return self.family, self.feature or ""


@dataclass(frozen=True)
class Moment:
    """What the making of figures needs to know of time: ``hit`` [rows after] are the live rows since the
    onset."""

    hit: Bools
    now: datetime
    age: int

    @property
    def micros(self) -> int:
        return micros(self.now)


def moment(book: Book, hit: Bools, now: datetime) -> Moment:
    """``age`` is the label age (microseconds) at which cohorts are compared: the runbook's, or less while the
    hit rows are younger than that."""
    labels = book.runbook.labels
    if labels is not None:
        agreed = int(labels.age.total_seconds() * MICROS)
    else:
        delay = _delay(book.before)
        agreed = int(np.quantile(delay, 0.95)) if delay.size else 0
    ages = micros(now) - book.after.time[hit]
    if ages.size and float((ages >= agreed).mean()) < 0.4:
        return Moment(hit, now, min(agreed, int(np.median(ages))))
    return Moment(hit, now, agreed)


def _delay(frame: Frame) -> Floats:
    delay = frame.number("label_time") - frame.time
    return delay[np.isfinite(delay) & np.isfinite(frame.number("label"))]


def figures_for(book: Book, findings: Iterable[Finding], at: Moment) -> list[Figure]:
    """The distinct figures the findings are about, in their order; findings without one are left out."""
    found: dict[tuple[str, str], Figure] = {}
    for finding in findings:
        figure = figure_of(book, family_of(finding), finding.feature, at)
        if figure is not None and figure.key not in found:
            found[figure.key] = figure
    return list(found.values())


def family_of(finding: Finding) -> str:
    """The finding's family; what a canary comparison compared, where its name says so."""
    grouped = finding.family == "fairness" and finding.feature is not None
    if grouped or finding.family not in ("canary", "other", "fairness"):
        return finding.family
    text = f"{finding.monitor} {finding.series} {finding.details.get('figure', '')}".lower()
    for word, family in (
        ("error", "error_rate"), ("null", "null_rate"), ("latency", "latency"), ("slow", "latency"),
        ("auc", "auc"), ("calib", "calibration"), ("accura", "accuracy"), ("score", "score_drift"),
        ("kpi", "kpi"), ("drift", "drift"),
    ):  # fmt: skip
        if word in text:
            return family
    return finding.family


def figure_of(book: Book, family: str, feature: str | None, at: Moment) -> Figure | None:
    """The figure of one family (and feature); None where events cannot show it."""
    if family == "error_rate":
        return _flag(book, "error", "error rate", family)
    if family == "resource" and book.after.has("rung"):
        return _lower(book)
    if family in FLAG_FAMILIES or (family == "other" and feature in book.runbook.columns.flags):
        return _flagged(book, family, feature)
    if family in ("null_rate", "range", "schema") and feature is not None and book.after.has(feature):
        return _broken(book, family, feature)
    if family == "drift" and feature is not None and book.after.has(feature):
        return _drift(book, feature, family, at)
    if family == "drift" and feature in book.runbook.columns.embeddings and (parts := book.parts(feature)):
        return _drift(book, max(parts, key=lambda name: _apart(book, name, at)), family, at)
    if family == "score_drift" and book.after.has("score"):
        return _drift(book, "score", family, at)
    if family == "latency" and book.after.has("latency_ms"):
        return _slow(book)
    if family == "kpi" and book.after.has("outcome"):
        b, a = book.before.number("outcome"), book.after.number("outcome")
        return Figure("KPI", family, "mean", b, a, 0.02 * abs(_mean(b)), worse=0)
    if family == "label_coverage":
        return _coverage(book, at)
    if family == "fairness" and feature is not None and (gap := _group(book, feature, at)) is not None:
        return gap
    if family in LABELLED:
        return _quality(book, "auc" if family == "fairness" else family, at)
    return None


def _mean(values: Floats) -> float:
    good = values[np.isfinite(values)]
    return float(good.mean()) if good.size else 0.0


def _flag(book: Book, column: str, name: str, family: str, feature: str | None = None) -> Figure | None:
    if not book.after.has(column):
        return None
    b, a = (frame.yes(column).astype(np.float64) for frame in (book.before, book.after))
    return Figure(name, family, "share", b, a, max(0.25 * _mean(b), 1e-3), feature=feature)


def _lower(book: Book) -> Figure:
    """The share answered by a lower rung of the ladder."""
    b, a = ((f.words("rung") != "") & (f.words("rung") != "current") for f in (book.before, book.after))
    before, after = b.astype(np.float64), a.astype(np.float64)
    return Figure("share answered by a lower rung", "resource", "share", before, after, 0.01)


def _flagged(book: Book, family: str, feature: str | None) -> Figure | None:
    flags = book.runbook.columns.flags
    named = [f for f in flags if f == feature] or flags_of(family, flags)
    return _flag(book, named[0], f"share flagged {named[0]}", family, named[0]) if named else None


def missing(frame: Frame, name: str, kind: str) -> Bools:
    """Where ``frame`` has no value of ``name``: bool [rows]."""
    if not frame.has(name):
        return np.ones(frame.rows, dtype=np.bool_)
    if kind == "numeric":
        return np.asarray(~np.isfinite(frame.number(name)))
    return np.asarray(frame.words(name) == "", dtype=np.bool_)


def outside(book: Book, name: str) -> tuple[Bools, Bools]:
    """Values never seen in the reference: beyond its range by a quarter of its width, or new words."""
    if book.kind(name) != "numeric":
        column = book.column(name)
        return column.before == column.cells - 1, column.after == column.cells - 1
    b, a = book.before.number(name), book.after.number(name)
    known = b[np.isfinite(b)]
    if known.size == 0:
        return np.zeros(len(b), dtype=np.bool_), np.zeros(len(a), dtype=np.bool_)
    low, high = float(known.min()), float(known.max())
    margin = RANGE_MARGIN * (high - low)
    return (b < low - margin) | (b > high + margin), (a < low - margin) | (a > high + margin)


def _broken(book: Book, family: str, feature: str) -> Figure:
    kind = book.kind(feature)
    nulls = [missing(frame, feature, kind) for frame in (book.before, book.after)]
    if family == "null_rate":
        b, a, name = nulls[0], nulls[1], f"null rate of {feature}"
    else:
        beyond = outside(book, feature)
        b, a = (beyond[0] | nulls[0], beyond[1] | nulls[1]) if family == "schema" else beyond
        name = (
            f"share of {feature} never seen before"
            if kind != "numeric"
            else f"share of {feature} out of range"
        )
    before, after = b.astype(np.float64), a.astype(np.float64)
    return Figure(name, family, "share", before, after, max(0.25 * _mean(before), 2e-3), feature=feature)


def log_ratio(column: Column, hit: Bools, weights: Floats | None = None) -> Floats:
    """For each cell (the last: missing) how much likelier it is since the onset, in log: float64 [cells +
    1]."""
    before = column.counts(column.before, weights)
    after = column.counts(column.after[hit])
    p = (before + 0.5) / (before + 0.5).sum()
    q = (after + 20 * p) / (after.sum() + 20)
    return np.asarray(np.clip(np.log(q / p), -MAX_LOG_RATIO, MAX_LOG_RATIO))


def _drift(book: Book, feature: str, family: str, at: Moment) -> Figure:
    column = book.column(feature, "numeric" if feature == "score" else None)
    ratio = log_ratio(column, at.hit, book.matched(at.hit))
    name = "drift of the score" if family == "score_drift" else f"drift of {feature}"
    return Figure(
        name, family, UNLIKE, ratio[column.before], ratio[column.after], 0.02,
        feature=None if family == "score_drift" else feature,
    )  # fmt: skip


def _apart(book: Book, name: str, at: Moment) -> float:
    """How far a column's cells lie apart before and after, as a share of the rows."""
    column = book.column(name)
    p, q = column.counts(column.before, book.matched(at.hit)), column.counts(column.after[at.hit])
    return float(np.abs(p / max(p.sum(), 1e-9) - q / max(q.sum(), 1e-9)).sum() / 2)


def mean_score(book: Book) -> Figure:
    """The score itself, to compare its mean with the labels'."""
    return Figure(
        "mean score", "score", "mean", book.before.number("score"), book.after.number("score"), 0.01, 0
    )


def _slow(book: Book) -> Figure | None:
    b, a = book.before.number("latency_ms"), book.after.number("latency_ms")
    known = b[np.isfinite(b)]
    if known.size < 20:
        return None
    line = float(np.quantile(known, 0.95))
    slow_b = np.where(np.isfinite(b), (b > line).astype(np.float64), math.nan)
    slow_a = np.where(np.isfinite(a), (a > line).astype(np.float64), math.nan)
    return Figure(f"share slower than {line:.3g} ms", "latency", "share", slow_b, slow_a, 0.025)


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


def _coverage(book: Book, at: Moment) -> Figure | None:
    if not book.after.has("label"):
        return None
    parts = []
    for frame, hard in ((book.before, False), (book.after, True)):
        label, old = gated(frame, at, hard=hard)
        parts.append(np.where(old, np.isfinite(label).astype(np.float64), math.nan))
    return Figure("share labelled in time", "label_coverage", "share", parts[0], parts[1], 0.05, worse=-1)


def _quality(book: Book, family: str, at: Moment) -> Figure | None:
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
        base = _mean(before)
        return Figure("bias of the score", family, "mean", b, a, 0.1 * max(abs(base), 0.01), 0, labelled=True)
    return _right(book, before, after)


def _group(book: Book, feature: str, at: Moment) -> Figure | None:
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
    area = _mean(b[before == 1])
    for value in (0, 1):
        # A slice with another mix of classes must not look worse for that alone.
        shift = area - _mean(b[before == value])
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
            "mean error", "accuracy", "mean", parts[0], parts[1], 0.05 * _mean(parts[0]), labelled=True
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
