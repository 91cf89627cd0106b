"""What is compared with what: the rows since the onset, the calm days before it, the reference at the same
hours."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from fireline.clock import micros
from fireline.triage.book import DAY, HOUR, Book
from fireline.triage.case import Bools, Floats, Ints
from fireline.triage.compare import mean_of, robust_spread
from fireline.triage.figure import Figure

ENOUGH = 200
WIDE = 6 * HOUR
BESIDE = 2 * HOUR


@dataclass(frozen=True)
class Windows:
    """``hit`` and ``calm`` are live rows after and before the onset, bool [rows after].

    ``reference`` [rows before] and ``recent`` [rows after] are weights that give the reference and the calm
    rows the hours of the hit rows, so that night is compared with night. ``earliest`` and ``latest`` bound
    the onset.
    """

    hit: Bools
    calm: Bools
    reference: Floats
    recent: Floats
    earliest: int = 0
    latest: int = 0

    @property
    def has_calm(self) -> bool:
        return int((self.recent > 0).sum()) >= ENOUGH


def hit_rows(book: Book, earliest: datetime, latest: datetime) -> Bools:
    """Live rows surely under the fault; from the earliest onset on while there are too few of those."""
    time = book.after.time
    sure = book.live & (time >= micros(latest))
    maybe = book.live & (time >= micros(earliest))
    return sure if sure.sum() >= max(ENOUGH, 0.25 * maybe.sum()) else maybe


def windows(book: Book, earliest: datetime, latest: datetime) -> Windows:
    """The windows around an onset interval."""
    hit = hit_rows(book, earliest, latest)
    calm = book.live & (book.after.time < micros(earliest))
    recent = np.zeros(book.after.rows)
    if calm.any() and hit.any():
        wanted = np.bincount(book.after_cells[hit] % 24, minlength=24).astype(np.float64)
        had = np.bincount(book.after_cells[calm] % 24, minlength=24).astype(np.float64)
        ratio = np.divide(wanted, had, out=np.zeros(24), where=had > 0)
        recent[calm] = ratio[book.after_cells[calm] % 24]
    return Windows(hit, calm, book.matched(hit), recent, micros(earliest), micros(latest))


@dataclass(frozen=True)
class Step:
    """A figure at the onset against its own day-to-day life.

    ``usual`` is the reference at the same hours, ``recent`` the calm days at the same hours, ``now`` the hit
    rows. ``z`` is the step from the last days to now in units of how much such steps vary; ``drift`` is how
    much of the way from usual to now had been gone before the onset (0 none, 1 all). ``jump`` is how much of
    it was made at the onset itself (1: at once; NaN: cannot be told).
    """

    usual: float
    recent: float
    now: float
    z: float
    drift: float
    days: int
    jump: float = math.nan

    @property
    def size(self) -> float:
        return self.now - self.usual


def step_of(book: Book, figure: Figure, spans: Windows) -> Step:
    """How ``figure`` stepped at the onset, against how it steps from day to day at the same hours."""
    usual, _, _ = mean_of(figure.before, spans.reference)
    recent, _, n_recent = mean_of(figure.after, spans.recent)
    now, var_now, n_now = mean_of(np.where(spans.hit, figure.after, np.nan))
    steps, days = _daily_steps(book, figure, spans)
    base = recent if n_recent >= 50 else usual
    if n_now == 0 or not math.isfinite(base):
        return Step(usual, recent, now, 0.0, 0.0, days)
    spread = robust_spread(steps)
    sampling = math.sqrt(var_now) if math.isfinite(var_now) else 0.0
    noise = max(spread if math.isfinite(spread) else 0.0, sampling, 1e-9)
    way = now - usual
    drift = (recent - usual) / way if n_recent >= 50 and abs(way) > figure.tolerance else 0.0
    jump = _jump(book, figure, spans)
    return Step(usual, recent, now, (now - base) / noise, float(np.clip(drift, -1, 2)), days, jump)


def _jump(book: Book, figure: Figure, spans: Windows) -> float:
    """The share of the figure's way from calm to hit that was made within the onset's interval and the two
    hours around it; NaN where the interval is too wide or the events too few to say."""
    if spans.latest - spans.earliest > WIDE or spans.latest == 0:
        return math.nan
    time, good = book.after.time, np.isfinite(figure.after)
    values = figure.after - season_of(book, figure)[book.after_cells]
    before = good & spans.calm & (time >= spans.earliest - BESIDE)
    after = good & spans.hit & (time <= spans.latest + BESIDE)
    if min(int(before.sum()), int(after.sum())) < 30:
        return math.nan
    way = float(values[good & spans.hit].mean())
    made, noise = (
        float(values[after].mean() - values[before].mean()),
        mean_of(values[before])[1] + mean_of(values[after])[1],
    )
    if abs(way) < 4 * math.sqrt(noise):
        return math.nan
    return made / way


def _daily_steps(book: Book, figure: Figure, spans: Windows) -> tuple[Floats, int]:
    """How stretches of as many days as were hit differ from the three days before them, at the hit hours.

    Over the reference and the calm days: float64 [stretches], and the number of days they come from.
    """
    hours = np.bincount(book.after_cells[spans.hit] % 24, minlength=24) > 0
    means: list[float] = []
    for time, cells, values, use in (
        (book.before.time, book.before_cells, figure.before, np.ones(book.before.rows, dtype=np.bool_)),
        (book.after.time, book.after_cells, figure.after, spans.calm),
    ):
        means += _day_means(time, values, use & hours[cells % 24])
    series = np.array(means)
    hit = book.after.time[spans.hit]
    length = int(np.clip(round(np.ptp(hit) / DAY) if len(hit) else 1, 1, max(1, min(5, len(series) // 3))))
    if len(series) < 3 + length:
        return np.empty(0), len(series)
    starts = range(3, len(series) - length + 1)
    return np.array([series[i : i + length].mean() - series[i - 3 : i].mean() for i in starts]), len(series)


def _day_means(time: Ints, values: Floats, use: Bools) -> list[float]:
    good = use & np.isfinite(values)
    if not good.any():
        return []
    day = time[good] // DAY
    day -= day.min()
    total = np.bincount(day)
    sums = np.bincount(day, values[good])
    enough = total >= max(10, 0.2 * np.median(total[total > 0]))
    return [float(s / n) for s, n, ok in zip(sums, total, enough, strict=True) if ok]


def season_of(book: Book, figure: Figure) -> Floats:
    """The reference mean of ``figure`` in each season cell, shrunk to its overall mean: float64 [48]."""
    good = np.isfinite(figure.before)
    if not good.any():
        return np.zeros(48)
    values, cells = figure.before[good], book.before_cells[good]
    mean = float(values.mean())
    return np.asarray((np.bincount(cells, values, 48) + 50 * mean) / (np.bincount(cells, minlength=48) + 50))


def hourly_inflation(book: Book, figure: Figure) -> float:
    """How much more the hourly means of the reference vary than independent events would: >= 1, at most 30.

    Measured after taking off the season, robustly, so that a few odd hours do not count.
    """
    good = np.isfinite(figure.before)
    if good.sum() < 500:
        return 1.0
    residual = figure.before[good] - season_of(book, figure)[book.before_cells[good]]
    hour = book.before.time[good] // HOUR
    hour -= hour.min()
    n, total = np.bincount(hour), np.bincount(hour, residual)
    used, variance = n >= 8, float(residual.var())
    if used.sum() < 20 or variance <= 0:
        return 1.0
    spread = robust_spread(total[used] / np.sqrt(n[used] * variance))
    return float(np.clip(spread**2 if math.isfinite(spread) else 1.0, 1.0, 30.0))
