"""What broke in a feature, if anything did: a change that came at the onset and that no drift makes."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Literal

import numpy as np

from fireline.triage.book import Book, Column
from fireline.triage.case import Bools, Floats
from fireline.triage.figure import Figure
from fireline.triage.figures import missing, outside
from fireline.triage.windows import Windows, step_of
from fireline.triage.words import share

EARLY = 0.6
Damage = Literal["null", "unit", "stuck", "new_values", "lost_values", "range", "shape"]
SAMPLE = 20_000
Broken = tuple[Damage, float, str]


def damage_of(book: Book, column: Column, spans: Windows, hit: Bools) -> Broken | None:
    """The break that explains the feature best, if it came at the onset."""
    name = column.name
    found = nulls_of(book, column, spans, hit)
    if found is not None:
        return found
    if column.kind == "categorical":
        return _new_words(book, column, spans, hit) or _lost_words(column, spans, hit)
    return _stuck(book, name, spans, hit)


def nulls_of(book: Book, column: Column, spans: Windows, hit: Bools) -> Broken | None:
    """Missing more often than before."""
    name = column.name
    before, after = missing(book.before, name, column.kind), missing(book.after, name, column.kind)
    found = _jump(book, before, after, spans, hit, 0.02)
    return (
        None if found is None else ("null", found[1], f"{name} null {share(found[0])} to {share(found[1])}")
    )


def _jump(
    book: Book, before: Bools, after: Bools, spans: Windows, hit: Bools, least: float
) -> tuple[float, float] | None:
    """The usual and the present share of a condition, if it jumped at the onset by ``least`` and by half, and
    by more than it does from day to day."""
    n = int(hit.sum())
    now = float(after[hit].mean())
    usual = float((before * spans.reference).sum() / max(spans.reference.sum(), 1e-9))
    recent = float((after * spans.recent).sum() / spans.recent.sum()) if spans.has_calm else usual
    base = max(usual, recent)
    noise = math.sqrt(max(now * (1 - now), 0.25 / n) / n)
    if now - base < max(least, 0.5 * base) or now - base < 5 * noise:
        return None
    figure = Figure("", "shape", "share", before.astype(np.float64), after.astype(np.float64), least)
    return (usual, now) if step_of(book, figure, replace(spans, hit=hit)).z >= 4.0 else None


def _new_words(book: Book, column: Column, spans: Windows, hit: Bools) -> Broken | None:
    new = column.cells - 1
    jump = _jump(book, column.before == new, column.after == new, spans, hit, 0.02)
    if jump is None:
        return None
    words = book.after.words(column.name)[hit & (column.after == new)]
    values, counts = np.unique(words.astype(str), return_counts=True)
    top = str(values[int(np.argmax(counts))])
    twins = [w for w in column.labels[:-2] if _plain(w) == _plain(top) and w != top]
    renamed = f" ({twins[0]!r} renamed?)" if twins else ""
    return "new_values", jump[1], f"{column.name} has new values such as {top!r} in {share(jump[1])}{renamed}"


def _plain(word: str) -> str:
    return "".join(c for c in word.lower() if c.isalnum())


def _lost_words(column: Column, spans: Windows, hit: Bools) -> Broken | None:
    before = column.counts(column.before, spans.reference)
    after = column.counts(column.after[hit])
    recent = column.counts(column.after, spans.recent) if spans.has_calm else before
    p, q, r = (x / max(x.sum(), 1e-9) for x in (before, after, recent))
    gone = (p >= 0.03) & (q < 0.05 * p) & (r >= 0.5 * p) & (p * after.sum() >= 20)
    gone[-3:] = False
    if not gone.any():
        return None
    first = int(np.flatnonzero(gone)[np.argmax(p[gone])])
    return (
        "lost_values",
        float(p[gone].sum()),
        f"{column.name} lost {column.labels[first]!r} (was {share(p[first])})",
    )


def _sample(values: Floats) -> Floats:
    good = values[np.isfinite(values)]
    return good[:: max(1, len(good) // SAMPLE)]


def _base(book: Book, name: str, spans: Windows) -> Floats:
    """Values before the onset: the calm days' at the same hours if there are any, else the reference's."""
    values, weights = book.before.number(name), spans.reference
    if spans.has_calm:
        values, weights = book.after.number(name), spans.recent
    good = np.isfinite(values) & (weights > 0)
    if not good.any():
        return np.empty(0)
    total = np.cumsum(weights[good])
    size = min(SAMPLE, int(good.sum()))
    at = (np.arange(size) + 0.5) * total[-1] / size
    return np.asarray(values[good][np.minimum(np.searchsorted(total, at), len(total) - 1)])


def rescaled(book: Book, name: str, spans: Windows, hit: Bools) -> Broken | None:
    """Another unit or another scale, recognised by where the quantiles went."""
    return _unit(book, name, spans, hit) or _affine(book, name, spans, hit)


def _unit(book: Book, name: str, spans: Windows, hit: Bools) -> Broken | None:
    """All quantiles multiplied by one factor."""
    old, new = _base(book, name, spans), _sample(book.after.number(name)[hit])
    if min(len(old), len(new)) < 50 or len(np.unique(old)) < 8:
        return None
    at = np.linspace(0.1, 0.9, 17)
    a, b = np.quantile(old, at), np.quantile(new, at)
    used = (np.abs(a) > 1e-9 * np.abs(a).max()) & (np.abs(b) > 0)
    if used.sum() < 10 or (np.sign(a[used]) != np.sign(b[used])).mean() > 0.1:
        return None
    logs = np.log(np.abs(b[used] / a[used]))
    middle = float(np.median(logs))
    spread = float(np.quantile(np.abs(logs - middle), 0.8))
    wide = float(np.ptp(np.log(np.abs(a[used]))))
    if abs(middle) < math.log(1.5) or spread > min(0.25 * abs(middle), 0.15) or wide < 0.2:
        return None
    if not _at_once(book, name, hit, float(np.median(np.abs(old))), middle):
        return None
    factor = math.exp(middle)
    return "unit", 1.0, f"{name} times {factor:.3g}, as if in another unit"


def _at_once(book: Book, name: str, hit: Bools, usual: float, middle: float) -> bool:
    """Whether the first events were off by most of the log factor ``middle`` already: what grows over days is
    no change of units."""
    early = float(np.median(np.abs(_first(book, name, hit))))
    return usual > 0 and early > 0 and math.log(early / usual) / middle >= EARLY


def _first(book: Book, name: str, hit: Bools) -> Floats:
    """The values of the first fifth of the events in ``hit``, of fifty at least."""
    values = book.after.number(name)
    rows = np.flatnonzero(hit & np.isfinite(values))
    ordered = rows[np.argsort(book.after.time[rows], kind="stable")]
    return np.asarray(values[ordered[: max(50, len(rows) // 5)]])


def _affine(book: Book, name: str, spans: Windows, hit: Bools) -> Broken | None:
    """All quantiles on another straight line, such as Celsius for Fahrenheit."""
    old, new = _base(book, name, spans), _sample(book.after.number(name)[hit])
    if min(len(old), len(new)) < 200 or len(np.unique(old)) < 15:
        return None
    at = np.linspace(0.05, 0.95, 19)
    a, b = np.quantile(old, at), np.quantile(new, at)
    slope, level = np.polyfit(a, b, 1)
    left = float(((b - level - slope * a) ** 2).sum() / max(float(((b - b.mean()) ** 2).sum()), 1e-12))
    if left > 0.01 or 0.7 < slope < 1.4 or slope <= 0:
        return None
    early, _ = np.polyfit(a, np.quantile(_first(book, name, hit), at), 1)
    if early <= 0 or math.log(early) / math.log(slope) < EARLY:
        return None
    return "unit", 1.0, f"{name} on another scale (times {slope:.3g}, plus {level:.3g})"


def _stuck(book: Book, name: str, spans: Windows, hit: Bools) -> Broken | None:
    """One value far more often than before: a constant or a default."""
    new = _sample(book.after.number(name)[hit])
    if len(new) < 50:
        return None
    values, counts = np.unique(new, return_counts=True)
    value = float(values[int(np.argmax(counts))])
    before, after = book.before.number(name) == value, book.after.number(name) == value
    jump = _jump(book, before, after, spans, hit, 0.1)
    if jump is None or jump[1] < 3 * jump[0] or jump[1] - jump[0] < 0.5 * _apart(book, name, spans, hit):
        return None
    return "stuck", jump[1], f"{name} is {value:.4g} in {share(jump[1])} (was {share(jump[0])})"


def _apart(book: Book, name: str, spans: Windows, hit: Bools) -> float:
    """Share of the events that would have to move to make the cells of before and after alike."""
    column = book.column(name)
    p, q = column.counts(column.before, spans.reference), column.counts(column.after[hit])
    return float(np.abs(p / max(p.sum(), 1e-9) - q / max(q.sum(), 1e-9)).sum() / 2)


def range_of(book: Book, name: str, spans: Windows, hit: Bools) -> Broken | None:
    """Values never seen before."""
    before, after = outside(book, name)
    jump = _jump(book, before, after, spans, hit, 0.01)
    if jump is None:
        return None
    return "range", jump[1], f"{name} outside its range in {share(jump[1])}"
