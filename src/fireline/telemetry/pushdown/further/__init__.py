"""Further layouts in SQL: one file a layout, named as its counter in ``telemetry/counters``; the listing is
the registry. What no file here counts is a gap with its reason (``pushdown/gaps``).
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import ClassVar

from fireline.listing import made_of
from fireline.telemetry.pushdown.cells import Found
from fireline.telemetry.pushdown.dialects import Dialect
from fireline.terms.plan import Layout, Plan


@dataclass
class Added:
    """What a row adds: ``cells`` are expressions for the cells it counts in (null for none), ``sums`` pairs
    of a cell and the whole amount added to it, both expressions."""

    cells: list[str] = field(default_factory=list)
    sums: list[tuple[str, str]] = field(default_factory=list)

    def where(self, cell: int | str, holds: str) -> None:
        """Count ``cell`` where ``holds``."""
        self.cells.append(f"CASE WHEN {holds} THEN {cell} END")


class Further(ABC):
    """A layout's cells as SQL. ``without`` names a series that is not counted, or what such cells of every
    series begin with; ``blind`` the monitors that need those."""

    name: ClassVar[str]
    without: ClassVar[tuple[str, ...]] = ()
    blind: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def added(self, sql: Dialect, plan: Plan, layout: Layout, found: Found) -> Added:
        """What each canonical row adds; for cohorts ``found`` has ``label``, as ``tally.outcome`` gives it,
        and ``truth`` and ``said`` in words where there are several classes."""


@cache
def further() -> Mapping[str, Further]:
    """Every layout here by its name."""
    return {one.name: one for one in made_of(sys.modules[__name__], Further)}
