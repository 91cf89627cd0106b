"""Counting in blocks: whatever marks there are, and however many rows and ticks, as adding one by one."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fireline.clock import MICROS
from fireline.telemetry import grid
from fireline.telemetry.grid import Lots, Marginal, Marks, Moments, count
from fireline.telemetry.packing import unpack
from fireline.terms.counts import QUARTER, SERVICE, Scope, Series
from fireline.terms.plan import Layout

WIDTH = 7
SCOPES = (Scope("version", "", "1"), Scope("version", "", "2"))


def layout(kinds: tuple[str, ...]) -> Layout:
    cells = tuple(f"c{i}" for i in range(WIDTH))
    series = Series("s", "moments", QUARTER, cells, reference="r")
    return Layout("made", (series,), dict.fromkeys(kinds, QUARTER), sums=True)


def marks(rng: np.random.Generator, n: int, most: int) -> tuple[Marks, list[tuple[int, int, int]]]:
    """Marks of every form for ``n`` rows, and the same as (row, cell, amount)."""
    made, said = Marks(WIDTH), list[tuple[int, int, int]]()
    dense = rng.integers(0, WIDTH + 1, (2, n)).astype(np.int32)
    made.dense += list(dense)
    said += [(i, int(c), 1) for line in dense for i, c in enumerate(line)]
    holds = rng.random(n) < 0.2
    made.where(3, holds)
    said += [(i, 3, 1) for i in np.flatnonzero(holds)]
    for cell in (2, rng.integers(0, WIDTH, n).astype(np.int32)):
        amounts = rng.integers(-most, most + 1, n)
        made.sums.append((cell, amounts))
        said += [(i, int(c), int(amounts[i])) for i, c in enumerate(np.broadcast_to(cell, n))]
    cells, lots = np.array([1, 5]), rng.integers(-1000, 1000, (2, n)).astype(np.float64)
    more = rng.integers(0, WIDTH + 1, (1, n)).astype(np.int32)
    made.lots = Lots(cells, 16, lambda low, high: (more[:, low:high], lots[:, low:high]))
    said += [(i, int(c), 1) for i, c in enumerate(more[0])]
    said += [(i, int(c), int(a)) for c, line in zip(cells, lots, strict=True) for i, a in enumerate(line)]
    return made, said


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(1, 120), st.sampled_from([1, 2**40, 2**55]), st.booleans())
def test_blocks_add_up_to_what_rows_add_one_by_one(seed, n, most, service_alone):
    rng = np.random.default_rng(seed)
    ticks = np.sort(rng.integers(0, rng.choice([1, 5, 4000]), n))
    code = rng.integers(0, 4, n).astype(np.int32)
    made, said = marks(rng, n, most)
    laid = layout(("service",) if service_alone else ("service", "version"))
    with pytest.MonkeyPatch.context() as small:
        small.setattr(grid, "BLOCK_MARKS", 40)
        small.setattr(grid, "BLOCK_CELLS", 64)
        small.setattr(grid, "HELD_BYTES", 500)
        small.setattr(grid, "TOGETHER", 5)
        rows = count(laid, made, [Marginal(SCOPES, code, SERVICE, (0, 1, 2))], at(ticks), late=False)
    expected: Counter = Counter()
    for row, cell, amount in said:
        whose = [] if code[row] == 3 else [SERVICE.key]
        if code[row] < 2 and not service_alone:
            whose.append(SCOPES[code[row]].key)
        for key in whose if cell < WIDTH else []:
            expected[key, int(ticks[row]), cell] += amount
    assert found(rows) == {key: amount for key, amount in expected.items() if amount}


def at(ticks: np.ndarray) -> Moments:
    return Moments(ticks * QUARTER * MICROS)


def found(rows) -> Counter:
    seen: Counter = Counter()
    for row in rows:
        for tick, cell in zip(*np.nonzero(counts := unpack(row.body, row.ticks)), strict=True):
            seen[row.scope, row.first_tick + int(tick), int(cell)] += int(counts[tick, cell])
    return Counter({key: amount for key, amount in seen.items() if amount})
