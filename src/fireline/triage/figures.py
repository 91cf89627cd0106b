"""The figure an alert is about, one number per event: error or not, null or not, label well placed or not."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from fireline.terms.alert import Finding
from fireline.terms.flags import FAMILIES, flags_of
from fireline.triage.book import Book, Column
from fireline.triage.case import Bools, Floats, Frame
from fireline.triage.figure import LABELLED, Figure, Moment, mean_of
from fireline.triage.labelled import coverage, group_chosen, quality
from fireline.triage.words import UNLIKE

FLAG_FAMILIES = frozenset(FAMILIES.values())
RANGE_MARGIN = 0.25
MAX_LOG_RATIO = 2.0


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
    if family == "score_drift" and book.after.has(book.answer):
        return _drift(book, book.answer, family, at)
    if family == "latency" and book.after.has("latency_ms"):
        return _slow(book)
    if family == "kpi" and book.after.has("outcome"):
        b, a = book.before.number("outcome"), book.after.number("outcome")
        return Figure("KPI", family, "mean", b, a, 0.02 * abs(mean_of(b)), worse=0)
    if family == "label_coverage":
        return coverage(book, at)
    if family == "fairness" and feature is not None and (gap := group_chosen(book, feature, at)) is not None:
        return gap
    if family in LABELLED:
        return quality(book, "auc" if family == "fairness" else family, at)
    return None


def _flag(book: Book, column: str, name: str, family: str, feature: str | None = None) -> Figure | None:
    if not book.after.has(column):
        return None
    b, a = (frame.yes(column).astype(np.float64) for frame in (book.before, book.after))
    return Figure(name, family, "share", b, a, max(0.25 * mean_of(b), 1e-3), feature=feature)


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
    return Figure(name, family, "share", before, after, max(0.25 * mean_of(before), 2e-3), feature=feature)


def log_ratio(column: Column, hit: Bools, weights: Floats | None = None) -> Floats:
    """For each cell (the last: missing) how much likelier it is since the onset, in log: float64 [cells +
    1]."""
    before = column.counts(column.before, weights)
    after = column.counts(column.after[hit])
    p = (before + 0.5) / (before + 0.5).sum()
    q = (after + 20 * p) / (after.sum() + 20)
    return np.asarray(np.clip(np.log(q / p), -MAX_LOG_RATIO, MAX_LOG_RATIO))


def _drift(book: Book, feature: str, family: str, at: Moment) -> Figure:
    column = book.column(feature, "numeric" if feature == book.answer else None)
    ratio = log_ratio(column, at.hit, book.matched(at.hit))
    name = f"drift of the {feature}" if family == "score_drift" else f"drift of {feature}"
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
