"""The profile likelihood of a change point: for every instant, how well "it began here" explains what was
seen."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from fireline.triage.case import Bools, Floats, Ints
from fireline.triage.compare import robust_spread

UNITS = 2.7
"""Log-likelihood units below the best that still count: 87 % for a clear step by theory (two exponential
tails), 95 % and more as measured, because ramps are let in and a tick is added at both ends."""
CLIP = 4.0
INTERCEPT_VARIANCE = 0.25
RISES = (1, 3, 8, 24, 72, 216, 648)


@dataclass(frozen=True)
class Profile:
    """``gain`` [T] is the log-likelihood of an onset at the start of each tick over that of no change.

    ``rise`` is the number of ticks the best explanation takes to reach full size (1 = a step), ``step_gain``
    what the best step explains.
    """

    gain: Floats
    rise: int
    step_gain: float

    @property
    def best(self) -> int:
        return int(np.argmax(self.gain))

    @property
    def strength(self) -> float:
        return float(self.gain.max())

    @property
    def is_step(self) -> bool:
        """Whether a step explains it about as well as any ramp; a rise of three ticks is a coarse step."""
        return self.rise <= RISES[1] or self.step_gain >= self.strength - 2.0

    def span(self, units: float = UNITS) -> tuple[int, int]:
        """First and last tick within ``units`` of the best."""
        near = np.flatnonzero(self.gain >= self.gain.max() - units)
        return int(near[0]), int(near[-1])


def profile(z: Floats, weight: Floats, infl: float, last: int, fired: int, *, least_rise: int = 1) -> Profile:
    """Profile over onsets 0..``last`` of standardised residuals ``z`` [T] (NaN: empty tick).

    ``weight`` [T] >= 0 says how strongly a tick shows an effect of a given size (its traffic). ``infl`` is
    the long-run variance inflation; ``fired`` the tick the alert fired at. Effects that end before the last
    tick are allowed for, single odd ticks are clipped, and the noise is measured on the ticks before the best
    onset. ``least_rise`` leaves out explanations that reach full size in fewer ticks.
    """
    good = np.isfinite(z)
    filled = np.where(good, z, 0.0)
    w = np.where(good, weight, 0.0)
    rough = _rough_noise(z[: max(fired, 1)])
    first = _best(_clipped(filled, good, rough), w, good, rough**2 * infl, last, fired, quick=True)
    calm = z[: max(first.best, 0)]
    spread = robust_spread(calm[-2000:]) if np.isfinite(calm).sum() >= 12 else math.nan
    noise = max(rough, spread) if math.isfinite(spread) else rough
    return _best(_clipped(filled, good, noise), w, good, noise**2 * infl, last, fired, least=least_rise)


def _rough_noise(z: Floats) -> float:
    """Noise from differences of neighbours, blind to level and trend; 1 where too few ticks say so."""
    known = z[np.isfinite(z)]
    if len(known) < 12:
        return 1.0
    spread = robust_spread(np.diff(known)) / math.sqrt(2)
    return float(np.clip(spread, 0.3, 10.0))


def _clipped(z: Floats, good: Bools, noise: float) -> Floats:
    middle = float(np.median(z[good])) if good.any() else 0.0
    low, high = min(0.0, middle) - CLIP * noise, max(0.0, middle) + CLIP * noise
    return np.clip(z, low, high)


def _best(
    z: Floats,
    w: Floats,
    good: Bools,
    variance: float,
    last: int,
    fired: int,
    *,
    quick: bool = False,
    least: int = 1,
) -> Profile:
    size = len(z)
    gain = np.full(last + 1, -np.inf)
    step, rise_at, top = -np.inf, 1, -np.inf
    for end in (size,) if quick else _ends(size, fired):
        for rise in RISES[:1] if quick else RISES:
            if rise < least or (rise > least and rise > size // 2):
                continue
            found = _gain(z, w, good, variance, rise, end)[: last + 1]
            gain = np.maximum(gain, found)
            best = float(found.max())
            if rise == 1:
                step = max(step, best)
            if best > top + 1e-9:
                top, rise_at = best, rise
    return Profile(gain, rise_at, step)


def _ends(size: int, fired: int) -> list[int]:
    """Where the effect may have ended: it lasts, or it was over at some tick after the alert."""
    left = size - fired - 1
    if left < 4:
        return [size]
    return sorted({size, *(fired + 1 + (left * part) // 4 for part in range(4))})


def _gain(z: Floats, w: Floats, good: Bools, variance: float, rise: int, end: int) -> Floats:
    """Log-likelihood gain of ``z = m + mu * w * min(1, (t - tau + 1) / rise)`` with mu >= 0, for every
    tau."""
    inside = np.arange(len(z)) < end
    x, v = np.where(inside, z * w, 0.0), np.where(inside, w, 0.0)
    ez, e1, e2 = _ramped(x, rise), _ramped(v, rise), _ramped_squares(v * v, rise)
    a = float(good.sum()) + variance / INTERCEPT_VARIANCE
    d = float(z[good].sum())
    top = np.maximum(ez - e1 * d / a, 0.0)
    bottom = e2 - e1 * e1 / a
    return np.where(bottom > 1e-9, top * top / np.maximum(bottom, 1e-9), 0.0) / (2 * variance)


def _suffix(x: Floats) -> Floats:
    return np.asarray(np.cumsum(x[::-1])[::-1])


def _ramped(x: Floats, rise: int) -> Floats:
    """For every tau the sum over t >= tau of x_t * min(1, (t - tau + 1) / rise)."""
    after = _suffix(x)
    if rise == 1:
        return after
    total = np.concatenate([[0.0], np.cumsum(after), np.zeros(rise)])
    total[len(x) + 1 :] = total[len(x)]
    return np.asarray((total[rise : len(x) + rise] - total[: len(x)]) / rise)


def _ramped_squares(x: Floats, rise: int) -> Floats:
    """The same with the square of the ramp: r^2 is a sum of steps of height (2k + 1) / rise^2."""
    if rise == 1:
        return _suffix(x)
    size = len(x)
    after = np.concatenate([_suffix(x), np.zeros(rise)])
    place = np.arange(size + rise, dtype=np.float64)
    plain = np.concatenate([[0.0], np.cumsum(after)])
    slanted = np.concatenate([[0.0], np.cumsum(after * place)])
    start = np.arange(size)
    sums = plain[start + rise] - plain[start]
    leaned = slanted[start + rise] - slanted[start] - start * sums
    return np.asarray((2 * leaned + sums) / rise**2)


def event_profile(values: Floats, before: float, after: float, variance: float, binary: bool) -> Floats:
    """Log-likelihood of each cut of ``values`` [n] in time order: float64 [n + 1], entry k: the first k are
    calm.

    ``binary`` values are judged as Bernoulli(before) against Bernoulli(after), others as normal with one
    ``variance`` and clipped.
    """
    if binary:
        p0, p1 = (min(max(p, 1e-5), 1 - 1e-5) for p in (before, after))
        each = np.where(values > 0.5, math.log(p1 / p0), math.log((1 - p1) / (1 - p0)))
    else:
        reach = CLIP * math.sqrt(variance)
        x = np.clip(values, min(before, after) - reach, max(before, after) + reach)
        each = (after - before) / variance * (x - (before + after) / 2)
    return cuts(each)


def cuts(each: Floats) -> Floats:
    """From what each event [n] says for "changed" over "calm" to what each cut says: float64 [n + 1]."""
    total = float(each.sum())
    return np.concatenate([[total], total - np.cumsum(each)])


def near(gain: Floats, units: float) -> tuple[int, int]:
    """First and last index within ``units`` of the best."""
    found: Ints = np.flatnonzero(gain >= gain.max() - units)
    return int(found[0]), int(found[-1])


ODDS = (1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 100.0, 1e3, 1e4, 1e5, 1e6)
"""From a rate half as high again to one of never that is now nearly always."""
NEAR_ODDS = 4.0
MOST_PER_TICK = 6.0


def rate_profile(hits: Floats, n: Floats, usual: Floats, infl: float, last: int) -> Floats:
    """Log-likelihood gain of a step in the odds of a rate, for an onset at each tick 0..``last``.

    ``hits`` of ``n`` events a tick [T] against the usual rate [T]. Exact where counts are small and a normal
    approximation is not. One tick counts at most MOST_PER_TICK, so that a blip does not date an incident.
    Counted so, a small step explains a large one as well, and every tick before it too: once a first look has
    dated it, only steps about as large as the one seen since are held against each other.
    """
    p0 = np.clip(usual, 1e-5, 1 - 1e-5)
    gains = np.array([_odds_gain(hits, n, p0, odds, infl, last) for odds in ODDS])
    best = int(np.argmax(gains.max(axis=0)))
    seen = (hits[best:].sum() + 0.5) / (n[best:].sum() + 1.0)
    middle = float(np.average(p0[best:], weights=n[best:])) if n[best:].sum() > 0 else float(p0.mean())
    off = np.abs(np.log(np.array(ODDS) * middle / (1 - middle) * (1 - seen) / seen))
    return np.asarray(gains[off <= max(math.log(NEAR_ODDS), float(off.min()))].max(axis=0))


def _odds_gain(hits: Floats, n: Floats, p0: Floats, odds: float, infl: float, last: int) -> Floats:
    """The gain of odds raised ``odds`` times [last + 1]."""
    raised = odds * p0 / (1 - p0)
    p1 = np.minimum(raised / (1 + raised), 1 - 1e-5)
    each = (hits * np.log(p1 / p0) + (n - hits) * np.log((1 - p1) / (1 - p0))) / infl
    return _suffix(np.clip(each, -MOST_PER_TICK, MOST_PER_TICK))[: last + 1]
