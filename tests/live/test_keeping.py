"""Old counts take less room and add up to what they were, whenever the process dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fireline.clock import micros
from fireline.live import keeping
from fireline.live.keeping import Keeping, coarser, keep_small
from fireline.store import Store
from fireline.telemetry.packing import pack, unpack
from fireline.terms.counts import CountsRow
from tests.support.incidents import T0

MINUTES = micros(T0) // 60_000_000
GRAINS = (60, 900, 3600, 86_400)
DAY = timedelta(days=1)


def block(values: list[tuple[int, int]]) -> bytes:
    return pack(np.array(values, np.int64))


rows_of = st.lists(
    st.builds(
        lambda grain, scope, late, first, values: CountsRow(
            "a", grain, scope, MINUTES * 60 // grain - first, len(values), late, block(values)
        ),
        st.sampled_from(GRAINS[:3]),
        st.sampled_from(["service", "version=A"]),
        st.booleans(),
        st.integers(1, 60_000),
        st.lists(st.tuples(st.integers(0, 300), st.integers(-5, 2**40)), min_size=1, max_size=40),
    ),
    min_size=1, max_size=8,
)  # fmt: skip


def sums(rows: list[CountsRow], grain: int | None = None) -> Counter:
    """(layout, scope, late, cell[, tick of ``grain``]) -> sum."""
    found: Counter = Counter()
    for row in rows:
        for tick, values in enumerate(unpack(row.body, row.ticks).tolist()):
            at = (row.first_tick + tick) * row.grain // grain if grain else 0
            for cell, value in enumerate(values):
                found[row.layout, row.scope, row.late, cell, at] += value
    return Counter({key: value for key, value in found.items() if value})


def stored(store: Store) -> list[CountsRow]:
    return [row for grain in GRAINS for row in store.counts(grain, -(1 << 40), 1 << 40, late=None)]


@given(rows_of, st.sampled_from([900, 3600, 86_400]))
def test_coarser_ticks_hold_the_sums_of_their_finer_ones(rows, grain):
    fine = [row for row in rows if row.grain < grain]
    alike = [row for row in fine if row.grain == fine[0].grain] if fine else []
    made = list(coarser(alike, grain))
    assert sums(made, grain) == sums(alike, grain)
    assert len(made) <= len(alike)


@settings(max_examples=25, deadline=None)
@given(rows_of)
def test_what_is_kept_small_adds_up_to_the_same_and_twice_is_once(rows):
    with Store.open(":memory:") as store:
        with store.begin() as tx:
            tx.commit_batch("b", at=T0, service="s", counts=rows)
        before = sums(rows, 86_400)
        keep_small(store, "s", T0, T0, Keeping())
        once = stored(store)
        assert sums(once, 86_400) == before
        keep_small(store, "s", T0, T0, Keeping())
        assert stored(store) == once


def test_what_was_not_judged_or_is_young_stays_as_it_is():
    one = pack(np.ones((60, 2), np.int64))
    rows = [
        CountsRow("a", 60, "service", MINUTES - 1440 * days, 60, False, one) for days in (40, 30, 22, 20, 2)
    ]
    with Store.open(":memory:") as store:
        with store.begin() as tx:
            tx.commit_batch("b", at=T0, service="s", counts=rows)
        assert keep_small(store, "s", T0 - 60 * DAY, T0, Keeping()) == 0
        assert sorted(stored(store), key=lambda r: -r.first_tick) == sorted(rows, key=lambda r: -r.first_tick)
        keep_small(store, "s", T0, T0, Keeping())
        fine = [row.first_tick for row in stored(store) if row.grain == 60]
        assert set(fine) >= {MINUTES - 1440 * 20, MINUTES - 1440 * 2}
        assert MINUTES - 1440 * 40 not in fine


def test_another_service_is_left_alone():
    one = CountsRow("a", 60, "service", MINUTES - 1440 * 100, 1, False, pack(np.ones((1, 1), np.int64)))
    with Store.open(":memory:") as store:
        with store.begin() as tx:
            tx.commit_batch("b", at=T0, service="other", counts=[one])
        keep_small(store, "s", T0, T0, Keeping())
        assert stored(store) == [one]


KILLED = """
import os, signal, sys
from fireline.live import keeping
from fireline.store import Store
from tests.support.incidents import T0
left = int(sys.argv[2])
made = keeping.coarser
def dies(rows, grain):
    for row in made(rows, grain):
        yield row
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
keeping.coarser = dies
with Store.open(sys.argv[1]) as store:
    keeping.keep_small(store, "s", T0, T0, keeping.Keeping())
"""


@pytest.mark.parametrize("steps", [0, 1, 2])
def test_killed_in_the_middle_nothing_is_lost_or_doubled(tmp_path: Path, steps: int):
    place = tmp_path / "store.sqlite"
    one = pack(np.arange(120, dtype=np.int64).reshape(60, 2))
    rows = [
        CountsRow("a", grain, "service", (MINUTES * 60 - 86_400 * 500) // grain + 60 * i, 60, False, one)
        for grain in (60, 900, 3600) for i in range(5)
    ]  # fmt: skip
    with Store.open(place) as store, store.begin() as tx:
        tx.commit_batch("b", at=T0, service="s", counts=rows)
    root = Path(keeping.__file__).parents[3]
    env = {**os.environ, "PYTHONPATH": f"{root / 'src'}:{root}"}
    done = subprocess.run([sys.executable, "-c", KILLED, str(place), str(steps)], env=env, check=False)
    assert done.returncode == -signal.SIGKILL
    with Store.open(place) as store:
        assert sums(stored(store), 86_400) == sums(rows, 86_400)
        keep_small(store, "s", T0, T0, Keeping())
        assert sums(stored(store), 86_400) == sums(rows, 86_400)
        assert {row.grain for row in stored(store)} == {86_400}
