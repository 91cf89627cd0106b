"""Numbers with their intervals."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, inf, isfinite

import numpy as np

DAY = 86_400


def a_month(events: int, days: float, confidence: float = 0.95) -> tuple[float, float, float]:
    """Events in 30 days with the exact Poisson interval (Garwood 1936)."""
    tail = (1 - confidence) / 2
    low = 0.0 if events == 0 else _mean(events - 1, 1 - tail)
    return tuple(x * 30 / days for x in (events, low, _mean(events, tail)))  # type: ignore[return-value]


def _mean(k: int, chance: float) -> float:
    """The Poisson mean at which at most ``k`` events have this ``chance``."""
    low, high = 0.0, 10.0 * (k + 10)
    for _ in range(100):
        middle = (low + high) / 2
        term = total = exp(-middle)
        for i in range(1, k + 1):
            term *= middle / i
            total += term
        low, high = (middle, high) if total > chance else (low, middle)
    return low


def median(delays: Sequence[float], seed: int = 0, draws: int = 2_000) -> tuple[float, float, float]:
    """Median of the delays (never found: infinite) and its 95 % bootstrap interval."""
    values = np.array(delays, dtype=np.float64)
    drawn = np.random.default_rng(seed).integers(0, len(values), (draws, len(values)))
    middles = np.sort(np.sort(values[drawn], axis=1)[:, (len(values) - 1) // 2])
    found = float(np.sort(values)[(len(values) - 1) // 2])
    return found, float(middles[int(0.025 * draws)]), float(middles[int(0.975 * draws) - 1])


def spoken(seconds: float) -> str:
    """A length of time in few letters."""
    if not isfinite(seconds):
        return "never"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 2 * DAY else f"{seconds / DAY:.1f} d"


def between(low: float, high: float) -> str:
    """An interval in few letters."""
    return f"{spoken(low)} to {spoken(high)}" if low != high else spoken(low)


def verdict(found: tuple[float, float, float], bar: float | None) -> str:
    """Whether the bar (seconds) is kept within the interval: ``ok`` or ``worse``."""
    return "" if bar is None else "ok" if found[1] <= bar else "worse"


def better(ours: tuple[float, float, float], theirs: tuple[float, float, float]) -> str:
    """``better`` where our interval lies below theirs, ``worse`` where above, else ``level``."""
    if ours[2] < theirs[1] or (ours[0] < inf and theirs[0] == inf):
        return "better"
    return "worse" if ours[1] > theirs[2] else "level"
