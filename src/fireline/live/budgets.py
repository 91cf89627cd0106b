"""The error budgets of a live service: counts of weeks, read once and kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from fireline.clock import micros
from fireline.detect.account import Account
from fireline.detect.standing import error_budgets
from fireline.live.book import Book
from fireline.reader import OfService
from fireline.store import Store
from fireline.terms.budget import ErrorBudget

AGAIN = timedelta(minutes=1)
"""Budgets of weeks look the same for a minute."""


@dataclass(eq=False)
class Budgets:
    """Looks at one service's budgets, at most once a minute. What days that are over came to is kept."""

    store: Store
    service: str
    _days: dict[str, dict[int, Account]] = field(default_factory=dict)
    _told: tuple[Book, datetime, tuple[ErrorBudget, ...]] | None = None

    def look(self, book: Book, now: datetime) -> tuple[ErrorBudget, ...]:
        """The budgets of ``book`` as known at ``now``."""
        if self._told is not None and self._told[0] is book and timedelta(0) <= now - self._told[1] < AGAIN:
            return self._told[2]
        if self._told is None or self._told[0] is not book:
            self._days = {}  # other promises, or counts of another baseline
        counts = OfService(self.store, self.service)
        plan, runbook = book.baseline.plan, book.runbook
        found = error_budgets(plan, runbook, counts, micros(now), counts.begins, self._days)
        self._told = book, now, found
        return found
