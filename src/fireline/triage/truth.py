"""What the labels did: how complete by age, how late, how many positive, and along which clock they broke."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from fireline.triage.book import HOUR, Book
from fireline.triage.case import Floats, Ints
from fireline.triage.figure import Figure, Moment
from fireline.triage.figures import figure_of
from fireline.triage.labelled import gated
from fireline.triage.profile import UNITS, near, profile
from fireline.triage.windows import Step, Windows, hourly_inflation, season_of, step_of
from fireline.triage.words import level, share

FEWEST = 60
INFLATION = 1.5


@dataclass(frozen=True)
class Truth:
    """What became of the labels since the onset.

    ``coverage`` is the share labelled at the compared age, ``positive`` the mean label (None where there is
    too little); ``delay`` and ``usual_delay`` are median hours from event to label. ``by_arrival`` is how
    many log-likelihood units better the change lines up with the time labels arrived than with the time of
    the events: well above 0 speaks for a label job.
    """

    coverage: Step | None
    positive: Step | None
    delay: float
    usual_delay: float
    by_arrival: float

    @property
    def missing(self) -> bool:
        c = self.coverage
        return c is not None and c.size < -0.05 and c.z < -4

    @property
    def flooding(self) -> bool:
        c = self.coverage
        return c is not None and c.size > 0.1 and c.z > 4

    @property
    def late(self) -> bool:
        return self.usual_delay > 0 and math.isfinite(self.delay) and self.delay > 1.5 * self.usual_delay

    @property
    def rate_stepped(self) -> bool:
        p = self.positive
        return (
            p is not None and abs(p.size) > max(0.02, 0.15 * abs(p.usual)) and abs(p.z) > 4 and p.drift < 0.6
        )

    @property
    def known(self) -> bool:
        return self.coverage is not None or self.positive is not None

    @property
    def well(self) -> bool:
        """Whether labels were seen, and come as often, as soon and as positive as usual."""
        odd = self.missing or self.flooding or self.late or self.rate_stepped
        return self.coverage is not None and not odd

    def in_words(self) -> str:
        parts = []
        if self.coverage is not None and math.isfinite(self.coverage.now):
            parts.append(f"{share(self.coverage.now)} of the events have their label at the usual age "
                         f"(usually {share(self.coverage.usual)})")  # fmt: skip
        if self.positive is not None and math.isfinite(self.positive.now):
            usual = level(self.positive.usual)
            parts.append(f"the mean label is {level(self.positive.now)} (usually {usual})")
        if math.isfinite(self.delay) and math.isfinite(self.usual_delay) and self.usual_delay > 0:
            parts.append(f"labels take {self.delay:.3g} hours (usually {self.usual_delay:.3g})")
        return "; ".join(parts) if parts else "no labels"


def look_at_truth(book: Book, spans: Windows, at: Moment, quality: Figure | None) -> Truth:
    """Compare the labels of the hit rows with those of the reference at the same age."""
    if not book.after.has("label"):
        return Truth(None, None, math.nan, math.nan, 0.0)
    coverage = figure_of(book, "label_coverage", None, at)
    enough = coverage is not None and int((spans.hit & np.isfinite(coverage.after)).sum()) >= FEWEST
    delay, usual = _delays(book, spans, at)
    return Truth(
        step_of(book, coverage, spans) if coverage is not None and enough else None,
        _positive(book, spans, at),
        delay,
        usual,
        _by_arrival(book, quality) if quality is not None and quality.labelled else 0.0,
    )


def _positive(book: Book, spans: Windows, at: Moment) -> Step | None:
    before, _ = gated(book.before, at, hard=False)
    after, _ = gated(book.after, at, hard=True)
    if int((spans.hit & np.isfinite(after)).sum()) < FEWEST or book.runbook.task == "multiclass":
        return None
    return step_of(book, Figure("mean label", "label", "mean", before, after, 0.02, 0), spans)


def _delays(book: Book, spans: Windows, at: Moment) -> tuple[float, float]:
    """Median hours to the label among events labelled within the compared age, now and before."""
    found = []
    for frame, rows, hard in ((book.after, spans.hit, True), (book.before, spans.reference > 0, False)):
        delay = frame.number("label_time") - frame.time
        old = at.micros - frame.time >= at.age if hard else np.ones(frame.rows, dtype=np.bool_)
        good = rows & old & np.isfinite(delay) & (delay <= at.age)
        found.append(float(np.median(delay[good])) / 3.6e9 if good.sum() >= FEWEST else math.nan)
    return found[0], found[1]


def _by_arrival(book: Book, figure: Figure) -> float:
    """The best step along label time minus the best step along event time, in log-likelihood units."""
    by_label, by_event = _ordered(book, figure, arrival=True), _ordered(book, figure, arrival=False)
    if min(len(by_label), len(by_event)) < 4 * FEWEST:
        return 0.0
    residual, clumps = _residual(book, figure), max(INFLATION, hourly_inflation(book, figure))
    return (_best_step(residual[by_label]) - _best_step(residual[by_event])) / clumps


def _ordered(book: Book, figure: Figure, *, arrival: bool) -> Ints:
    """Judged rows in the order their labels arrived, or in their own."""
    arrived, time = book.after.number("label_time"), book.after.time
    good = book.live & np.isfinite(figure.after) & np.isfinite(arrived)
    rows = np.flatnonzero(good)
    return np.asarray(rows[np.argsort(arrived[rows] if arrival else time[rows], kind="stable")])


def _residual(book: Book, figure: Figure) -> Floats:
    """The figure less what its hour and the wait for its label let expect: float64 [rows after].

    Late trains are labelled late: without this, label time would seem to matter where it does not.
    """
    season = season_of(book, figure)
    found = figure.after - season[book.after_cells]
    before = figure.before - season[book.before_cells]
    waits = [frame.number("label_time") - frame.time for frame in (book.before, book.after)]
    good = np.isfinite(before) & np.isfinite(waits[0])
    if good.sum() < 500:
        return found
    edges = np.unique(np.quantile(waits[0][good], np.linspace(0, 1, 21)[1:-1]))
    cells = np.searchsorted(edges, waits[0][good])
    size = len(edges) + 1
    usual = np.bincount(cells, before[good], size) / (np.bincount(cells, minlength=size) + 20)
    return np.asarray(found - usual[np.searchsorted(edges, np.nan_to_num(waits[1]))])


def _best_step(x: Floats) -> float:
    """The log-likelihood of the best step in values in order."""
    gain = _step_gain(x)
    return float(gain.max()) if len(gain) else 0.0


def _step_gain(x: Floats) -> Floats:
    """The log-likelihood of a step after each value but the first and last few, where it is 0."""
    n, variance = len(x), float(x.var()) if len(x) else 0.0
    if n < FEWEST + 2 or variance <= 0:
        return np.zeros(0)
    k = np.arange(1, n)
    left = np.cumsum(x - x.mean())[:-1]
    gain = left**2 / (k * (n - k) / n) / (2 * variance)
    gain[: FEWEST // 2], gain[-FEWEST // 2 :] = 0.0, 0.0
    return np.asarray(gain)


def arrival_span(book: Book, truth: Truth, quality: Figure | None, now: int) -> tuple[int, int] | None:
    """When the labels broke on the clock they arrive by: (earliest, latest) in microseconds, or None.

    A label job's fault strikes labels, whatever the age of their events, so event time dates it too early.
    """
    if truth.by_arrival > 3 and quality is not None:
        return _broke_by_value(book, quality)
    if truth.missing or truth.late or truth.flooding:
        return _broke_by_volume(book, now, -1.0 if not truth.flooding else 1.0)
    return None


def _broke_by_value(book: Book, figure: Figure) -> tuple[int, int] | None:
    order = _ordered(book, figure, arrival=True)
    gain = _step_gain(_residual(book, figure)[order]) / max(INFLATION, hourly_inflation(book, figure))
    if not len(gain):
        return None
    arrived = book.after.number("label_time")
    first, last = near(gain, UNITS + 0.6)
    return int(arrived[order[first]]), int(arrived[order[min(last + 1, len(order) - 1)]])


def _broke_by_volume(book: Book, now: int, sign: float) -> tuple[int, int] | None:
    """Labels arriving per hour against those the after rows should have sent by their usual delay."""
    delay = book.before.number("label_time") - book.before.time
    usual = delay[np.isfinite(delay) & (delay >= 0)]
    if usual.size < 10 * FEWEST:
        return None
    start = int(book.after.time.min()) // HOUR
    size = now // HOUR - start
    lags = np.bincount((usual // HOUR).astype(np.int64))[: max(size, 1)] / book.before.rows
    sent = np.bincount(book.after.time[book.live] // HOUR - start, minlength=size)[:size]
    expected = np.convolve(sent, lags)[:size]
    arrived = book.after.number("label_time")[book.live]
    arrived = arrived[np.isfinite(arrived) & (arrived < now)]
    seen = np.bincount((arrived // HOUR).astype(np.int64) - start, minlength=size)[:size]
    ticks = np.flatnonzero(expected >= 5)
    if len(ticks) < 12:
        return None
    span = slice(int(ticks[0]), int(ticks[-1]) + 1)
    z = (
        sign
        * (seen - expected)[span]
        / np.sqrt(1.5 * np.maximum(expected[span], 1.0) + (0.1 * expected[span]) ** 2)
    )
    found = profile(z, np.ones(len(z)), 1.5, len(z) - 1, len(z) - 1)
    if found.strength < 4:
        return None
    first, last = found.span()
    return (start + span.start + first - 1) * HOUR, (start + span.start + last + 1) * HOUR
