"""The false-page budget, shared out: who may wake whom how often while nothing is wrong."""

from __future__ import annotations

from dataclasses import dataclass

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


def reserve_share(order: int) -> float:
    """Share of the ``order``-th version (0, 1, ...) that appears later: they halve, and sum to the
    reserve."""
    return RESERVE * 0.5 ** (order + 1)
