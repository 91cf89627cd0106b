"""What the platform and the callers did: latency and errors by machine, volume, sources, repeated
requests."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from fireline.terms.alert import Finding
from fireline.triage.book import HOUR, Book
from fireline.triage.case import Bools, Floats, Ints
from fireline.triage.figure import Figure
from fireline.triage.windows import Step, Windows, step_of
from fireline.triage.words import share

TIMEOUT_WORDS = ("timeout", "timed", "504", "503", "502", "unavailable", "overload")
REPEAT_SAMPLE = 5_000
PLATFORM = frozenset({"latency", "error_rate", "traffic", "freshness", "resource", "duplicates"})


@dataclass(frozen=True)
class Platform:
    """Steps of latency and errors (None where the log has neither) and where they sit.

    ``host`` is the machine that alone is bad, ``timeouts`` the share of today's errors that are time-outs or
    refusals, ``fallback`` the growth of the share of rows answered by a lower rung, and ``fell`` the share of
    requests for which a call failed before a lower rung answered; ``first`` whether a platform family fired
    before any other; ``volume`` the events per hour over the usual number.
    """

    latency: Step | None
    errors: Step | None
    host: str | None
    timeouts: float
    fallback: float
    first: bool
    volume: float
    fell: float = 0.0

    @property
    def falls(self) -> bool:
        """Whether calls fail and are answered by a lower rung: users see no error, and a worse answer."""
        return self.fallback > 0.05 and self.fell > 0.01

    @property
    def watched(self) -> bool:
        return self.latency is not None or self.errors is not None

    @property
    def slow(self) -> bool:
        return self.latency is not None and self.latency.size > 0.025 and self.latency.z > 4

    @property
    def failing(self) -> bool:
        e = self.errors
        return e is not None and e.size > max(1e-3, 0.25 * e.usual) and e.z > 4


def look_at_platform(
    book: Book, findings: tuple[Finding, ...], latency: Figure | None, errors: Figure | None,
    spans: Windows, host: str | None,
) -> Platform:  # fmt: skip
    """Gather what the events say of the platform since the onset."""
    return Platform(
        step_of(book, latency, spans) if latency is not None else None,
        step_of(book, errors, spans) if errors is not None else None,
        host,
        _timeouts(book, spans.hit),
        _fallback(book, spans),
        _first(findings),
        volume(book, spans),
        _fell(book, spans),
    )


def _first(findings: tuple[Finding, ...]) -> bool:
    ours = [f.at for f in findings if f.family in PLATFORM]
    others = [f.at for f in findings if f.family not in PLATFORM]
    return bool(ours) and (not others or min(ours) <= min(others))


def _thrown(book: Book, hit: Bools) -> Bools:
    """Calls that failed, their answers thrown away because a lower rung answered, while the harm lasted."""
    if not hit.any():
        return np.zeros(len(hit), bool)
    time = book.after.time
    during = (time >= time[hit].min()) & (time <= time[hit].max())
    return np.asarray(during & book.after.yes("shadow") & book.after.yes("error"))


def _fell(book: Book, spans: Windows) -> float:
    return float(_thrown(book, spans.hit).sum() / max(int(spans.hit.sum()), 1))


def _timeouts(book: Book, hit: Bools) -> float:
    failed = hit & book.after.yes("error")
    failed |= _thrown(book, hit)
    if not failed.any():
        return 0.0
    words = [str(w).lower() for w in book.after.words("status")[failed]]
    return sum(any(t in w for t in TIMEOUT_WORDS) for w in words) / len(words)


def _fallback(book: Book, spans: Windows) -> float:
    if not book.after.has("rung"):
        return 0.0
    rung = book.after.words("rung")
    low = (rung != "") & (rung != "current")
    calm = float(low[spans.calm].mean()) if spans.calm.any() else 0.0
    return float(low[spans.hit].mean()) - calm if spans.hit.any() else 0.0


def volume(book: Book, spans: Windows) -> float:
    """Today's live events per hour over the usual number at these hours of the day; NaN when unknown."""
    time = book.after.time
    if not spans.hit.any():
        return math.nan
    usual = _per_hour(book, spans)
    hours = np.unique(time[spans.hit] // HOUR)
    if len(hours) > 2:
        hours = hours[1:-1]
    inside = spans.hit & np.isin(time // HOUR, hours)
    cells = book.after_cells[inside] % 24
    seen = np.bincount(cells, minlength=24)
    which = (
        [int(c) for c in cells[np.unique(time[inside] // HOUR, return_index=True)[1]]] if inside.any() else []
    )
    expected = sum(usual[c] for c in which)
    return float(seen.sum() / expected) if expected > 0 else math.nan


def _per_hour(book: Book, spans: Windows) -> Floats:
    """Usual events per hour for each hour of the local day, from the calm days if they hold all hours, else
    the reference."""
    wanted = np.bincount(book.after_cells[spans.hit] % 24, minlength=24) > 0
    had = np.bincount(book.after_cells[spans.calm] % 24, minlength=24) > 0
    if spans.calm.sum() >= 500 and not (wanted & ~had).any():
        time, cells = book.after.time[spans.calm], book.after_cells[spans.calm] % 24
    else:
        time, cells = book.before.time, book.before_cells % 24
    days = np.zeros(24)
    hours, first = np.unique(time // HOUR, return_index=True)
    if len(hours):
        days = np.bincount(cells[first], minlength=24).astype(np.float64)
    counts = np.bincount(cells, minlength=24)
    return np.divide(counts, days, out=np.zeros(24), where=days > 0)


@dataclass(frozen=True)
class Callers:
    """Who called. ``excess`` is the share of today's events that a few ``sources`` send beyond their usual
    share; ``repeats`` and ``usual_repeats`` the shares of events that are near copies of another."""

    excess: float
    sources: tuple[str, ...]
    repeats: float
    usual_repeats: float
    off_rhythm: float

    @property
    def concentrated(self) -> bool:
        return self.excess >= 0.05 and bool(self.sources)

    @property
    def copied(self) -> bool:
        return self.repeats - self.usual_repeats >= 0.1 and self.repeats > 2 * self.usual_repeats

    def in_words(self) -> str:
        parts = []
        if self.concentrated:
            names = ", ".join(self.sources[:3])
            parts.append(f"{share(self.excess)} of the events are extra ones from {names}")
        if self.copied:
            parts.append(
                f"{share(self.repeats)} are near copies of each other (usually {share(self.usual_repeats)})"
            )
        return " and ".join(parts) if parts else "no source stands out and requests are not copies"


def look_at_callers(book: Book, spans: Windows, volume_now: float) -> Callers:
    """Concentration of sources, near copies, and volume off the daily rhythm."""
    excess, sources = _excess(book, spans)
    repeats, usual = _repeats(book, spans)
    off = abs(math.log(volume_now)) if math.isfinite(volume_now) and volume_now > 0 else 0.0
    return Callers(excess, sources, repeats, usual, off)


def _excess(book: Book, spans: Windows) -> tuple[float, tuple[str, ...]]:
    """The few sources that send far more than their usual share, and how much more together."""
    if not book.after.has("source") or not spans.hit.any():
        return 0.0, ()
    words = book.after.words("source")
    now, counts = np.unique(words[spans.hit].astype(str), return_counts=True)
    q = dict(zip((str(w) for w in now), counts / counts.sum(), strict=True))
    calm = (
        words[spans.calm].astype(str) if spans.calm.sum() >= 200 else book.before.words("source").astype(str)
    )
    then, usual = np.unique(calm, return_counts=True)
    p = dict(zip((str(w) for w in then), usual / max(usual.sum(), 1), strict=True))
    grown = sorted(((q[w] - p.get(w, 0.0), w) for w in q if w), reverse=True)
    noise = 4 / math.sqrt(float(spans.hit.sum()))
    top = [
        (g, w) for g, w in grown[:5] if g > max(0.02, noise * math.sqrt(q[w])) and q[w] > 2 * p.get(w, 0.0)
    ]
    return float(sum(g for g, _ in top)), tuple(w for _, w in top)


def _repeats(book: Book, spans: Windows) -> tuple[float, float]:
    """Shares of events whose cells of all features equal another's, now and before, at equal sample sizes."""
    if len(book.features) < 3 or spans.hit.sum() < 200:
        return 0.0, 0.0
    now, then = np.flatnonzero(spans.hit), np.flatnonzero(spans.reference > 0)
    size = min(len(now), len(then), REPEAT_SAMPLE)
    if size < 200:
        return 0.0, 0.0
    # Stretches of neighbours in time: copies come together.
    now = now[np.argsort(book.after.time[now], kind="stable")][:size]
    then = then[np.argsort(book.before.time[then], kind="stable")][-size:]
    return _copied(book, now, after=True), _copied(book, then, after=False)


def _copied(book: Book, rows: Ints, *, after: bool) -> float:
    mixed = np.zeros(len(rows), dtype=np.uint64)
    for name in book.features:
        column = book.column(name)
        codes = (column.after if after else column.before)[rows].astype(np.int64) + 2
        mixed = mixed * np.uint64(1_000_003) + codes.astype(np.uint64)
    _, place, counts = np.unique(mixed, return_inverse=True, return_counts=True)
    return float((counts[place] >= 3).mean())
