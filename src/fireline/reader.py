"""Counts as arrays: stored rows of a service added up for whoever judges or draws."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from fireline.store.store import Store
from fireline.telemetry.tally import add_up
from fireline.terms.counts import SERVICE, Scope
from fireline.terms.plan import Layout

Array = np.ndarray[Any, Any]
DAY = 86_400
KEPT_BYTES = 120_000_000


class CountsReader:
    """Reads int64 [ticks, width] for each scope of a layout and grain (or for ``scope`` alone); on-time rows
    only.

    Whole days are added up once and kept while they fit: the rounds of a judge and the traces of an incident
    ask for the same ones. ``forget`` a layout after new counts of it were committed.
    """

    def __init__(self, store: Store, service: str, scope: Scope | None = None) -> None:
        self.store, self.service, self.scope = store, service, scope
        self._kept: OrderedDict[tuple[str, int, int], Mapping[Scope, Array]] = OrderedDict()
        self._bytes = 0

    def __call__(self, layout: Layout, grain: int, from_tick: int, to_tick: int) -> Mapping[Scope, Array]:
        """Counts in ticks [from_tick, to_tick) of ``grain`` seconds since 1970."""
        per_day = DAY // grain
        days = range(from_tick // per_day, -(-to_tick // per_day))
        return Window(
            {day * per_day: self._day(layout, grain, day) for day in days},
            per_day,
            from_tick,
            to_tick,
            layout.width,
        )

    def _day(self, layout: Layout, grain: int, day: int) -> Mapping[Scope, Array]:
        key = (layout.identity, grain, day)
        if key not in self._kept:
            per_day = DAY // grain
            first, last = day * per_day, (day + 1) * per_day
            rows = self.store.counts(
                grain, first, last, late=False, service=self.service, layout=layout.identity,
                scope=self.scope.key if self.scope else None,
            )  # fmt: skip
            summed = add_up(rows, layout, grain, first, last)
            self._kept[key] = {scope: counts.astype(_narrow(layout)) for scope, counts in summed.items()}
            self._bytes += _size(self._kept[key])
            while self._bytes > KEPT_BYTES and len(self._kept) > 1:
                self._bytes -= _size(self._kept.popitem(last=False)[1])
        self._kept.move_to_end(key)
        return self._kept[key]

    def forget_days(self, first: int, last: int) -> None:
        """Reads the days that hold ``first`` to ``last`` (microseconds) afresh from now on."""
        days = range(first // (DAY * 1_000_000), last // (DAY * 1_000_000) + 1)
        for key in [key for key in self._kept if key[2] in days]:
            self._bytes -= _size(self._kept.pop(key))

    def forget(self, layout: Layout) -> None:
        """Reads ``layout`` afresh from now on."""
        for key in [key for key in self._kept if key[0] == layout.identity]:
            self._bytes -= _size(self._kept.pop(key))


class OfService:
    """Reads counts of the service as a whole: int64 [ticks, width], or None where there is none."""

    def __init__(self, store: Store, service: str, read: CountsReader | None = None) -> None:
        self.store, self.service = store, service
        self._read = read or CountsReader(store, service, SERVICE)

    def __call__(self, layout: Layout, grain: int, first: int, stop: int) -> Array | None:
        """Counts in ticks [first, stop) of ``grain`` seconds since 1970."""
        return self._read(layout, grain, first, stop).get(SERVICE)

    def begins(self, layout: Layout) -> int:
        """When the service was first counted so (microseconds)."""
        return (self.store.first_counted(self.service, layout.identity, SERVICE.key) or 0) * 1_000_000


class Window(Mapping[Scope, Array]):
    """Counts of ticks [low, high) by scope, put together from whole days when somebody asks for the scope."""

    def __init__(
        self, days: Mapping[int, Mapping[Scope, Array]], per_day: int, low: int, high: int, width: int
    ) -> None:
        self._days, self._per_day, self._low, self._high, self._width = days, per_day, low, high, width
        self._scopes = dict.fromkeys(scope for day in days.values() for scope in day)
        self._whole: dict[Scope, Array] = {}

    def __iter__(self) -> Iterator[Scope]:
        return iter(self._scopes)

    def __len__(self) -> int:
        return len(self._scopes)

    def __contains__(self, scope: object) -> bool:
        return scope in self._scopes

    def __getitem__(self, scope: Scope) -> Array:
        if scope not in self._scopes:
            raise KeyError(scope)
        if scope not in self._whole:
            whole = np.zeros((self._high - self._low, self._width), np.int64)
            for start, day in self._days.items():
                if scope in day:
                    low, high = max(self._low, start), min(self._high, start + self._per_day)
                    whole[low - self._low : high - self._low] = day[scope][low - start : high - start]
            self._whole[scope] = whole
        return self._whole[scope]


def _narrow(layout: Layout) -> Any:
    """Plain counts of a day fit 32 bits; fixed-point sums need all 64."""
    return np.int64 if layout.sums else np.int32


def _size(block: Mapping[Scope, Array]) -> int:
    return sum(counts.nbytes for counts in block.values())
