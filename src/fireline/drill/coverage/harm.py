"""What a harm is: a change of canonical events, labels or their delivery, in three sizes, and its harmless
twin."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fireline.drill.coverage.judging import Copy
from fireline.runbook.schema import Runbook
from fireline.telemetry.columns import booleans, codes, has, numbers, times
from fireline.terms.plan import Plan

Array = np.ndarray[Any, Any]
SIZES = ("small", "medium", "large")


@dataclass(frozen=True)
class Scene:
    """What a harm may look at: the service's plan and runbook, and the ``copy`` it is put into from ``onset``
    to ``until`` (microseconds); ``before`` holds the events of the day before."""

    plan: Plan
    runbook: Runbook
    copy: Copy
    onset: int
    until: int
    before: pa.Table
    seed: int = 0

    @property
    def rng(self) -> np.random.Generator:
        """The same chance for every size: a larger harm hits the rows of a smaller one too."""
        return np.random.default_rng(self.seed)

    @cached_property
    def live(self) -> Array:
        """Which rows are answers, not shadow calls."""
        events = self.copy.events
        return ~booleans(events, "shadow") if has(events, "shadow") else np.ones(len(events), bool)

    def some(self, share: float, among: Array | None = None) -> Array:
        """A mask of about a ``share`` of the live rows (of those ``among``)."""
        chosen = self.rng.random(len(self.live)) < share
        return chosen & self.live & (among if among is not None else True)

    def first(self, minutes: float, after: float = 60.0) -> Array:
        """The rows of so many minutes, beginning ``after`` minutes from the onset."""
        passed = (times(self.copy.events) - self.onset) / 60e6
        found: Array = (passed >= after) & (passed < after + minutes)
        return found

    def has(self, name: str) -> bool:
        """Whether the events have a column with anything in it."""
        events = self.copy.events
        return has(events, name) and events.column(name).null_count < len(events)

    @cached_property
    def numeric(self) -> list[str]:
        """Numeric features, the fullest and most various first."""
        names = [n for n, kind in self.plan.features.items() if kind == "numeric" and self.has(n)]

        def rank(name: str) -> tuple[int, int, str]:
            column = self.copy.events.column(name)
            return column.null_count, -pc.count_distinct(column).as_py(), name

        return sorted(names, key=rank)

    @cached_property
    def categorical(self) -> list[str]:
        """Categorical features, those with most values first."""
        names = [n for n, kind in self.plan.features.items() if kind != "numeric" and self.has(n)]
        return sorted(names, key=lambda n: (-len(codes(self.copy.events, n)[1]), n))

    @cached_property
    def segment(self) -> tuple[str, str] | None:
        """The watched value whose share of the rows is nearest to 15 %."""
        shares = {
            (column, value): float(np.mean(self.in_segment(column, value)))
            for column, declared in self.plan.segments.items() for value in declared
            if has(self.copy.events, column)
        }  # fmt: skip
        return min(shares, key=lambda s: (abs(shares[s] - 0.15), s), default=None)

    def in_segment(self, column: str, value: str) -> Array:
        """Which rows have ``value`` in ``column``."""
        found: Array = pc.fill_null(pc.equal(self.copy.events.column(column).cast(pa.string()), value), False)
        return np.asarray(found)

    @property
    def here(self) -> Array:
        """The rows of ``segment``."""
        return self.in_segment(*self.segment) if self.segment else np.ones(len(self.live), bool)


def put(copy: Copy, name: str, values: Array | pa.Array, rows: Array | None = None) -> Copy:
    """The copy with ``values`` in a column (NaN and None are missing), on the masked ``rows`` only."""
    table, at = copy.events, copy.events.schema.get_field_index(name)
    kind = table.schema.field(at).type
    new = values if isinstance(values, pa.Array | pa.ChunkedArray) else pa.array(values, from_pandas=True)
    new = new.cast(kind, safe=False)
    if rows is not None:
        old = table.column(name).combine_chunks()
        new = pc.if_else(pa.array(rows), new, old)
    return replace(copy, events=table.set_column(at, name, new))


def number(scene: Scene, name: str) -> Array:
    """A column as float64 [n]."""
    return numbers(scene.copy.events, name)


Change = Callable[[Scene, float], Copy]
Fits = Callable[[Scene], bool]


@dataclass(frozen=True, kw_only=True)
class Harm:
    """One way in which a service goes wrong, as far as its events can show it.

    ``says`` is what happens, ``sizes`` its three amounts and ``unit`` what they count. ``change`` puts it
    into a copy; ``fits`` says whether this log can show it, ``lacks`` which runbook key would let it, and
    ``remedy`` what else there is to do when nothing notices it. ``twin`` is harmless and should page nobody.
    A harm is ``aged`` when only labels can show it.
    """

    name: str
    group: str
    says: str
    sizes: tuple[float, float, float]
    unit: str
    change: Change
    twin: str
    calm: Change
    fits: Fits = lambda scene: True
    lacks: str = ""
    target: Callable[[Scene], str] = lambda scene: ""
    aged: bool = False
    remedy: str = ""
