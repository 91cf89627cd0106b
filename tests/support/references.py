"""Counts of a reference with a known truth: errors by the minute, ages by the quarter, waves to move them."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from statistics import NormalDist

import numpy as np

from fireline.detect.example import plan as example_plan
from fireline.detect.season import cells_of
from fireline.terms.plan import Plan

START = 1_709_510_400
DAYS = 28
ZONE = "America/New_York"
CUTS = [NormalDist().inv_cdf(q) for q in (0.25, 0.5, 0.75)]


@cache
def plan() -> Plan:
    return replace(example_plan(), timezone=ZONE)


def ticks(grain: int, days: int = DAYS) -> np.ndarray:
    return np.arange(START // grain, START // grain + days * 86_400 // grain)


def local_hour(grain: int, days: int = DAYS) -> np.ndarray:
    return cells_of(ticks(grain, days), grain, ZONE) % 24


def errors(rng: np.random.Generator, share: np.ndarray | float, rate: float, days: int = DAYS) -> np.ndarray:
    """Minutes of counts with ``share`` [minutes] of errors."""
    cells = plan().rates.series[0].cells
    counts = np.zeros((days * 1440, plan().rates.width), np.int64)
    n = rng.poisson(rate, days * 1440)
    counts[:, cells.index("n")] = n
    counts[:, cells.index("error")] = rng.binomial(n, np.broadcast_to(np.clip(share, 0, 1), n.shape))
    return counts


def ages(rng: np.random.Generator, shift: np.ndarray | float, rate: float, days: int = DAYS) -> np.ndarray:
    """Quarters of counts whose ages lie ``shift`` [quarters] standard deviations off."""
    n = rng.poisson(rate * 15, days * 96)
    shift = np.broadcast_to(shift, n.shape)
    below = np.array([[NormalDist().cdf(cut - s) for cut in CUTS] for s in np.unique(shift)])
    below = below[np.searchsorted(np.unique(shift), shift)]
    shares = np.diff(np.concatenate([np.zeros((len(n), 1)), below, np.ones((len(n), 1))], axis=1), axis=1)
    counts = np.zeros((len(n), plan().shapes.width), np.int64)
    counts[:, :4] = rng.multinomial(n, shares)
    return counts


def wave(rng: np.random.Generator, length: int, memory: float, spread: float) -> np.ndarray:
    """An AR(1): each tick remembers ``memory`` of the last one."""
    found = np.empty(length)
    level = rng.normal(0, spread)
    for i, step in enumerate(rng.normal(0, spread * np.sqrt(1 - memory**2), length)):
        level = memory * level + step
        found[i] = level
    return np.round(found, 2)
