"""What is counted beyond rates, shapes, delays and quality: one file a layout; the listing is the registry.

A counter declares its series from the reference once, and marks the cells of each batch ever after. A service
whose columns it cannot use does not have its layout, and the monitors that read it watch nothing there.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import ClassVar, Literal

import pyarrow as pa

from fireline.listing import made_of
from fireline.runbook.schema import Runbook
from fireline.telemetry.columns import Array, Words
from fireline.telemetry.grid import Marks
from fireline.terms.counts import HOUR, ScopeKind, Series
from fireline.terms.plan import Layout, Plan

Feed = Literal["events", "cohorts", "signals", "rejected", "late"]
HOURLY: Mapping[ScopeKind, int] = {"service": HOUR}
HOURLY_BY_VERSION: Mapping[ScopeKind, int] = {"service": HOUR, "version": HOUR, "shadow": HOUR}


@dataclass(frozen=True)
class Rows:
    """What a counter counts: canonical rows [n] in order of time; ``label`` float64 [n] as ``tally.outcome``
    gives it (NaN unknown), for cohorts only; ``feed`` what they are; ``cells`` the cell of each row in series
    of the shapes, as far as they are known already: int32 [n] by name."""

    table: pa.Table
    words: Words
    label: Array | None = None
    feed: Feed = "events"
    cells: Mapping[str, Array] = field(default_factory=dict)

    def numbers(self, name: str) -> Array:
        """Column ``name`` as float64 [n], NaN where missing; not to be written to."""
        return self.words.numbers(name)


class Counter(ABC):
    """One file in this folder holds one counter.

    ``name`` is its layout's, ``feed`` what it counts: events as they come in, whole cohorts of events once
    their labels are of age, or signals. ``grains`` are its ticks in seconds by kind of scope (hours or longer
    for cohorts); ``sums`` says that cells hold fixed-point sums. A counter of events may count more beside
    them (``also``): rows ``rejected`` at intake, by their own time, and ``late`` ones, by when they arrived.
    """

    name: ClassVar[str]
    feed: ClassVar[Feed] = "events"
    grains: ClassVar[Mapping[ScopeKind, int]]
    sums: ClassVar[bool] = False
    also: ClassVar[tuple[Feed, ...]] = ()

    @abstractmethod
    def declare(self, runbook: Runbook, plan: Plan, reference: Rows) -> tuple[Series, ...]:
        """The series of a service, from its reference; none where its columns do not allow any.

        ``plan`` holds the layouts that every service has.
        """

    @abstractmethod
    def marks(self, plan: Plan, layout: Layout, rows: Rows) -> Marks:
        """The cells of ``layout`` that ``rows`` add to."""

    def columns(self, plan: Plan, layout: Layout) -> tuple[str, ...]:
        """The canonical columns that a cohort is read with for this counter."""
        return ()


@cache
def counters() -> Mapping[str, Counter]:
    """Every counter in this folder by its layout's name, in order of file names."""
    return {counter.name: counter for counter in made_of(sys.modules[__name__], Counter)}


def declared(runbook: Runbook, plan: Plan, reference: Rows, feeds: tuple[Feed, ...]) -> tuple[Layout, ...]:
    """The layouts that counters of ``feeds`` declare for a service."""
    found = []
    for counter in counters().values():
        series = counter.declare(runbook, plan, reference) if counter.feed in feeds else ()
        if series:
            aged = counter.feed == "cohorts"
            found.append(Layout(counter.name, series, dict(counter.grains), aged, counter.sums))
    return tuple(found)
