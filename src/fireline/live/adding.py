"""Rows of counts added up: fewer rows that say the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from fireline.telemetry.packing import pack, unpack
from fireline.terms.counts import CountsRow

APART = 4
"""Rows of counts further apart than this many times their length are not put together: late rows."""

Key = tuple[str, int, str, bool]


def added(rows: Iterable[CountsRow]) -> Iterator[CountsRow]:
    """Rows of the same place added up: as few as cover the same ticks, with the same sums."""
    groups: dict[Key, list[CountsRow]] = {}
    for row in rows:
        groups.setdefault((row.layout, row.grain, row.scope, row.late), []).append(row)
    for key in sorted(groups):
        for near in _near(sorted(groups[key], key=lambda r: r.first_tick)):
            yield near[0] if len(near) == 1 else _sum(key, near)


def _near(rows: list[CountsRow]) -> Iterator[list[CountsRow]]:
    """``rows``, in order of their ticks, in runs without long gaps."""
    run: list[CountsRow] = []
    end = covered = 0
    for row in rows:
        if run and row.first_tick > end + APART * (covered + row.ticks):
            yield run
            run, covered = [], 0
        run.append(row)
        end = max(end, row.first_tick + row.ticks) if len(run) > 1 else row.first_tick + row.ticks
        covered += row.ticks
    if run:
        yield run


def _sum(key: Key, rows: list[CountsRow]) -> CountsRow:
    first = min(row.first_tick for row in rows)
    last = max(row.first_tick + row.ticks for row in rows)
    parts: Mapping[int, np.ndarray] = {i: unpack(row.body, row.ticks) for i, row in enumerate(rows)}
    whole = np.zeros((last - first, parts[0].shape[1]), np.int64)
    for i, row in enumerate(rows):
        whole[row.first_tick - first : row.first_tick - first + row.ticks] += parts[i]
    layout, grain, scope, late = key
    return CountsRow(layout, grain, scope, first, last - first, late, pack(whole))
