"""The false-page budget, shared out: who may wake whom how often while nothing is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt

DAYS = 30.0
RESERVE = 0.2
TICKETS = 5.0


@dataclass(frozen=True)
class Purse:
    """One monitor's share of a service's budget and what its statistic must reach.

    A = T / (B share): T ticks in 30 days, B false pages the service accepts in them. Tickets have five times
    B.
    """

    page: float
    ticket: float


def purse(false_pages: float, share: float, tick_seconds: float) -> Purse:
    """Thresholds for a monitor judged every ``tick_seconds`` that holds ``share`` of the budget.

    >>> purse(1.0, 0.01, 900).page
    288000.0
    """
    ticks = DAYS * 86_400 / tick_seconds
    level = ticks / (false_pages * share)
    return Purse(page=max(level, 10.0), ticket=max(level / TICKETS, 10.0))


def split(counts: Mapping[str, int]) -> dict[str, float]:
    """One monitor's part of a pool, by kind, from how many monitors each kind has in it.

    A kind gets in proportion to the root of its number: twenty features' nulls are one question asked
    twenty times, and leave the one error rate enough to be noticed by. The parts of all monitors add up to 1.

    >>> split({"error_rate": 1, "null_rate": 4})
    {'error_rate': 0.3333333333333333, 'null_rate': 0.16666666666666666}
    """
    total = sum(sqrt(count) for count in counts.values())
    return {name: sqrt(count) / total / count for name, count in counts.items() if count}


def reserve_share(order: int) -> float:
    """Share of the ``order``-th version (0, 1, ...) that appears later: they halve, and sum to the
    reserve."""
    return RESERVE * 0.5 ** (order + 1)
