"""Counts keep themselves small: once nobody reads them by the minute any more, they become quarters, hours,
days."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import numpy as np

from fireline.clock import micros
from fireline.live.adding import added
from fireline.store import Store
from fireline.store.rollup import forget_counts, roll_up
from fireline.telemetry.packing import pack, unpack
from fireline.terms.counts import HOUR, MINUTE, QUARTER, CountsRow

LOG = logging.getLogger("fireline")
DAY = 24 * HOUR
STRETCH = timedelta(days=7)
"""Rolled up a week at a time, so that one row holds a week."""


@dataclass(frozen=True)
class Keeping:
    """How long counts stay in ticks of a minute, a quarter of an hour and an hour, and then of a day; how
    long ``rows`` stay in the lake. None is for ever.

    Triage looks back 17 days at most and an incident is looked at again for 21, so minutes stay 21 days.
    """

    minutes: timedelta = timedelta(days=21)
    quarters: timedelta = timedelta(days=35)
    hours: timedelta = timedelta(days=396)
    days: timedelta | None = None
    rows: timedelta | None = None

    def steps(self) -> Iterator[tuple[int, int, timedelta]]:
        """(ticks of, become ticks of, after), the finest first."""
        yield MINUTE, QUARTER, self.minutes
        yield QUARTER, HOUR, max(self.quarters, self.minutes)
        yield HOUR, DAY, max(self.hours, self.quarters, self.minutes)


def keep_small(store: Store, service: str, judged: datetime, now: datetime, keeping: Keeping) -> int:
    """Roll up what is older than ``keeping`` says, counted from ``judged``: what was not judged yet stays as
    it is. By how many rows fewer."""
    fewer = 0
    for fine, coarse, age in keeping.steps():
        stretch = int(STRETCH.total_seconds()) * 1_000_000
        until = micros(min(judged, now) - age) // stretch * stretch
        tick = until // (fine * 1_000_000)
        gone, came = roll_up(store, service, fine, tick, partial(coarser, grain=coarse), now)
        if gone:
            LOG.info("%s: %d rows in ticks of %d s became %d of %d s", service, gone, fine, came, coarse)
        fewer += gone - came
    if keeping.days is not None:
        old = forget_counts(store, service, DAY, micros(min(judged, now) - keeping.days) // (DAY * 1_000_000))
        fewer += old
        if old:
            LOG.info("%s: %d rows of counts by the day were let go", service, old)
    return fewer


def coarser(rows: Sequence[CountsRow], grain: int) -> Iterator[CountsRow]:
    """``rows`` in ticks of ``grain`` seconds, a multiple of their own; the same sums."""
    yield from added([_one(row, grain) for row in rows])


def _one(row: CountsRow, grain: int) -> CountsRow:
    step = grain // row.grain
    first, last = row.first_tick // step, (row.first_tick + row.ticks - 1) // step
    fine = unpack(row.body, row.ticks)
    whole = np.zeros((last - first + 1, fine.shape[1]), np.int64)
    np.add.at(whole, (row.first_tick + np.arange(row.ticks)) // step - first, fine)
    return CountsRow(row.layout, grain, row.scope, first, last - first + 1, row.late, pack(whole))
