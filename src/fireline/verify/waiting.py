"""How long it still takes until a figure that is well again can be called so: how many requests, at what
traffic.

The swapped test (`recovery`) gains by each tick what a tick of a well service says against "two fifths of the
effect are left". A small effect at little traffic says little: of an effect of d standard deviations a
request, no test at this level tells in the middle with fewer than about log(threshold) / ((0.4 d)^2 / 2)
requests (Wald, 1945), whatever the rule.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from fireline.terms import words

Floats = np.ndarray[Any, np.dtype[np.float64]]
LEAST = 0.002
"""Evidence a tick below which it would take a month of quarter hours and more."""


@dataclass(frozen=True, slots=True)
class Wait:
    """``rows`` more requests like the usual ones, which take ``span`` at the traffic there is."""

    rows: int
    span: timedelta


def of_mean(better: float, lambdas: Floats, cap: float) -> float:
    """Evidence, in nats a tick, of means that lie ``better`` standard deviations of a tick from the null."""
    return float(np.minimum(better * lambdas - lambdas**2 / 2, cap).max())


def of_rate(usual: float, null: float, n: float, steps: Floats, phi: float, cap: float) -> float:
    """The same of ticks of ``n`` requests at the ``usual`` rate, against the rate ``null`` and its
    alternatives, whose odds are ``steps`` times smaller; ``phi`` is the overdispersion."""
    lower = null / (1 - null) / steps
    p1 = lower / (1 + lower)
    gain = usual * np.log(p1 / null) + (1 - usual) * np.log((1 - p1) / (1 - null))
    return float(np.minimum(n * gain / max(phi, 1.0), cap).max())


def wait_for(
    gain: float, reached: float, threshold: float, parts: int, rows: float, every: timedelta
) -> Wait | None:
    """What is still to come where a tick of ``rows`` requests, one ``every`` so often, gains ``gain``.

    ``reached`` is where the mean of ``parts`` components stands. None where a tick says next to nothing. The
    mean of components crosses when the best of them is ``parts`` times as high, and a sum over all possible
    beginnings stands about 1 / (1 - exp(-gain)) times higher than what the best beginning says.
    """
    if gain < LEAST or rows <= 0:
        return None
    left = math.log(threshold * parts) + math.log(-math.expm1(-gain)) - math.log(max(reached, 1.0))
    ticks = max(math.ceil(left / gain), 1)
    return Wait(math.ceil(ticks * rows), ticks * every)


def says(name: str, wait: Wait | None, now: datetime, timezone: str) -> str:
    """What it waits for, as a person reads it."""
    if wait is None:
        return f"{name} says too little at this traffic ever to be called well by itself: decide it yourself"
    until = words.day_time(now + wait.span, timezone)
    rows = words.number(_round(wait.rows))
    return f"{name} needs some {rows} more requests like the usual ones, until about {until}"


def _round(rows: int) -> int:
    """To two digits: more would be a claim."""
    unit = int(10 ** max(len(str(rows)) - 2, 0))
    return -(-rows // unit) * unit


def listing(waits: Sequence[str]) -> str:
    """All of them in a sentence."""
    return (
        words.sentence(f"to be called well, {words.listing(list(dict.fromkeys(waits))[:3])}") if waits else ""
    )
