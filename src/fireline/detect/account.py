"""What was bad of what over any window, added up from stored counts.

Whole ticks are counted: a window shorter than a tick is the last tick. Of ticks that were rolled up those
count that lie wholly inside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from fireline.detect.kinds import Array
from fireline.runbook.schema import Runbook
from fireline.terms.counts import HOUR, MINUTE, QUARTER
from fireline.terms.plan import Layout
from fireline.terms.slo import Total

MICROS = 1_000_000
DAY = 86_400 * MICROS
GRAINS = (MINUTE, QUARTER, HOUR, 24 * HOUR)
"""Ticks that counts are kept in, the finest first: old ones are rolled up."""
Counts = Callable[[Layout, int, int, int], Array | None]
"""Reads the service's counts [ticks, width] of a layout in ticks [from, to) of so many seconds, or None."""
Parts = tuple[Array, Array]
Piece = tuple[Array, Array, Array]


@dataclass(frozen=True)
class Reading:
    """Where an objective is read: ``layout``, and what makes of its counts [T, width] the bad events [T] and
    all [T]. For time slices ``slice`` is their length in seconds. ``recent`` is set for the stream's own
    freshness: how many minutes may pass without an event."""

    layout: Layout
    parts: Callable[[Array], Parts]
    slice: int = 0
    recent: int = 0

    @property
    def grain(self) -> int:
        """The seconds of its finest tick."""
        return self.layout.grains["service"]

    @property
    def unit(self) -> int:
        """The seconds of what is counted as one: a slice, or a tick."""
        return self.slice or self.grain

    def until(self, runbook: Runbook, now: int) -> int:
        """Up to when it is complete at ``now`` (microseconds): late rows have had their time, and labels
        their age. What came later is not looked at, so that a replay knows no more than a server did."""
        wait = runbook.allowed_lateness
        if self.layout.aged and runbook.labels is not None:
            wait += runbook.labels.age
        whole = self.unit * MICROS
        return (now - wait // timedelta(microseconds=1)) // whole * whole


@dataclass(frozen=True)
class Account:
    """What was bad of what, in pieces in order of time: ``start`` (microseconds) and ``bad`` of ``all``, each
    [N]. The last piece ends at ``until``; ``unit`` is its length in microseconds."""

    start: Array
    bad: Array
    all: Array
    until: int
    unit: int

    def total(self, window: timedelta) -> tuple[float, float]:
        """Bad and all of the pieces that begin in the last ``window``, which is one piece at least."""
        length = max(window // timedelta(microseconds=1), self.unit)
        inside = self.start >= self.until - length
        return float(self.bad[inside].sum()), float(self.all[inside].sum())


def account(
    found: Reading,
    counts: Counts,
    until: int,
    window: timedelta,
    begins: int = 0,
    grains: Iterable[int] = GRAINS,
) -> Account:
    """The account of the last ``window`` before ``until`` (microseconds; the end of a tick or slice).

    ``counts`` is asked for ticks of each of ``grains`` from the layout's own on: what was rolled up counts
    where its tick lies wholly inside. ``begins`` is when the service was first counted (microseconds): what
    was silent before was not stale.
    """
    unit = found.unit * MICROS
    since = until - max(window // timedelta(microseconds=1), unit)
    coarse = [grain for grain in grains if grain >= found.grain]
    if found.recent:
        return _minutes(found, counts, max(since, begins), until, coarse)
    if found.slice:
        return _by_slices(found, counts, since, until, coarse)
    pieces = [piece for grain in coarse for piece in _ticks(found, counts, since, until, grain)]
    none = (np.zeros(0, np.int64), np.zeros(0), np.zeros(0))
    start, bad, whole = (np.concatenate(column) for column in zip(none, *pieces, strict=True))
    order = np.argsort(start, kind="stable")
    return Account(start[order], bad[order], whole[order], until, unit)


def by_days(
    found: Reading, counts: Counts, until: int, window: timedelta, begins: int, kept: dict[int, Account]
) -> Account:
    """The same account put together from days, of which those that are over are read once and ``kept``: by
    their number since 1970. Days that are rolled up later add up to the same."""
    unit = found.unit * MICROS
    if DAY % unit:
        return account(found, counts, until, window, begins)
    since = until - max(window // timedelta(microseconds=1), unit)
    first, last = -(-since // DAY), until // DAY - 1
    if last <= first:
        return account(found, counts, until, window, begins)
    pieces = [account(found, counts, first * DAY, _span(first * DAY - since), begins)]
    for day in range(first, last):
        if day not in kept:
            kept[day] = account(found, counts, (day + 1) * DAY, _span(DAY), begins)
        pieces.append(kept[day])
    pieces.append(account(found, counts, until, _span(until - last * DAY), begins))
    if first * DAY - since < unit:
        del pieces[0]  # nothing of the day before is inside
    for day in [day for day in kept if day < first]:
        del kept[day]
    start, bad, whole = (
        np.concatenate([getattr(piece, name) for piece in pieces]) for name in ("start", "bad", "all")
    )
    return Account(start, bad, whole, until, unit)


def _span(micros: int) -> timedelta:
    return timedelta(microseconds=micros)


def total(found: Reading, counts: Counts, until: int, begins: int = 0) -> Total:
    """Bad and all of any window before ``until``, read as it is asked for from ticks that were not rolled up:
    for the windows of burn rates, which are days."""

    def of(window: timedelta) -> tuple[float, float]:
        return account(found, counts, until, window, begins, (found.grain,)).total(window)

    return of


def _ticks(
    found: Reading, counts: Counts, since: int, until: int, grain: int
) -> list[tuple[Array, Array, Array]]:
    """(start, bad, all) of the ticks of ``grain`` inside [since, until) that hold anything; no list of them
    where there is none."""
    step = grain * MICROS
    first, stop = -(-since // step), until // step
    block = counts(found.layout, grain, first, stop) if stop > first else None
    if block is None:
        return []
    bad, whole = found.parts(block)
    there = whole > 0
    return [((np.arange(first, stop) * step)[there], bad[there].astype(float), whole[there].astype(float))]


def _by_slices(found: Reading, counts: Counts, since: int, until: int, grains: list[int]) -> Account:
    """A slice is judged by its own counts: longer ticks than it cannot tell it."""
    step = found.slice * MICROS
    first, stop = -(-since // step), until // step
    sums = np.zeros((max(stop - first, 0), found.layout.width), np.int64)
    for grain in grains:
        many = found.slice // grain
        block = counts(found.layout, grain, first * many, stop * many) if many and len(sums) else None
        if block is not None:
            sums += block.reshape(len(sums), many, -1).sum(axis=1)
    bad, whole = found.parts(sums)
    start = np.arange(first, first + len(sums)) * step
    there = whole > 0
    return Account(start[there], bad[there].astype(float), whole[there].astype(float), until, step)


def _minutes(found: Reading, counts: Counts, since: int, until: int, grains: list[int]) -> Account:
    """Minutes, each bad when none of the last ``recent`` ones held an event. Of a longer tick that was rolled
    up every minute counts as filled."""
    step, lead = found.grain * MICROS, found.recent
    first, stop = -(-since // step), until // step
    if stop <= first:
        none = np.zeros(0)
        return Account(none, none, none, until, found.unit * MICROS)
    filled = np.zeros(stop - first + lead, bool)
    for grain in grains:
        many = grain // found.grain
        low, high = (first - lead) // many, -(-stop // many)
        block = counts(found.layout, grain, low, high)
        if block is not None:
            there = np.repeat(found.parts(block)[1] > 0, many)
            filled |= there[first - lead - low * many :][: len(filled)]
    seen = np.cumsum(np.r_[0, filled])
    fresh = seen[lead + 1 :] - seen[1:-lead] > 0  # an event in (minute - lead, minute]
    return _minute_slices(found, np.arange(first, stop) * step, ~fresh, until)


def _minute_slices(found: Reading, start: Array, stale: Array, until: int) -> Account:
    """The minutes as they are, or longer slices, each bad when one of its minutes is."""
    step, many = found.slice * MICROS, found.slice // found.grain
    slices = start // step
    edges = np.flatnonzero(np.diff(slices, prepend=-1)) if len(slices) else np.zeros(0, int)
    bad = np.maximum.reduceat(stale, edges).astype(float)
    whole = np.diff(np.r_[edges, len(slices)]) == many  # one that is not there whole is not judged
    return Account(slices[edges][whole] * step, bad[whole], np.ones(int(whole.sum())), until, step)
