"""Reading a tick of many services: what is there, whatever was read ahead, added, or taken away meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from fireline.reader import CountsReader
from fireline.recording import Archive, Cohorts
from fireline.store import Store
from fireline.store.tables import counts as table
from fireline.sweep import Sweep
from fireline.telemetry.lake import Lake
from fireline.telemetry.packing import pack
from fireline.terms.counts import SERVICE, CountsRow, Scope
from tests.support import logs
from tests.support.incidents import T0

NAMES = ("a", "b", "c")
GRAIN, WIDTH = 60, 7
LAYOUT = logs.plan().rates


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "s.sqlite") as opened:
        yield opened


ROWS = st.lists(st.tuples(
    st.sampled_from(NAMES), st.sampled_from([SERVICE, Scope("version", "", "A")]), st.integers(0, 12),
    st.integers(1, 5), st.booleans(), st.integers(0, 300),
), max_size=8)  # fmt: skip
STEPS = st.lists(st.one_of(ROWS, st.sampled_from(["ahead", "ask", "take away", "before"])), max_size=8)


def commit(store: Store, batch: str, rows: list[tuple[str, Scope, int, int, bool, int]]) -> None:
    with store.begin() as tx:
        for i, (service, scope, first, ticks, late, most) in enumerate(rows):
            body = pack(np.random.default_rng(most).integers(0, most + 1, (ticks, LAYOUT.width)))
            row = CountsRow(LAYOUT.identity, GRAIN, scope.key, first, ticks, late, body)
            tx.commit_batch(f"{batch}-{i}", at=T0, service=service, counts=[row])


def wanted(store: Store, first: int, stop: int) -> dict[tuple[str, str], list[int]]:
    found = {}
    for service in NAMES:
        for scope, counts in CountsReader(store, service)(LAYOUT, GRAIN, first, stop).items():
            if counts.any():
                found[service, scope.key] = counts.sum(axis=0).tolist()
    return found


def swept(sweep: Sweep, first: int, stop: int) -> dict[tuple[str, str], list[int]]:
    found = sweep(GRAIN, first, stop)
    return {(service, scope): counts.tolist() for service, of in found.items()
            for (_, scope), counts in of.items() if counts.any()}  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(steps=STEPS, window=st.tuples(st.integers(0, 10), st.integers(1, 4)))
def test_a_tick_is_what_is_stored_of_it(steps: list[object], window: tuple[int, int]) -> None:
    first, stop = window[0], window[0] + window[1]
    with Store.open(":memory:") as store:
        sweep = Sweep(store, NAMES)
        for number, step in enumerate([*steps, "ask"]):
            if step == "ahead":
                sweep.ahead([(GRAIN, first, stop)])
            elif step == "ask":
                assert swept(sweep, first, stop) == wanted(store, first, stop)
            elif step == "take away":  # as what tidies counts up may do
                with store.writes() as connection:
                    oldest = sa.select(sa.func.min(table.c.id)).scalar_subquery()
                    connection.execute(table.delete().where(table.c.id == oldest))
            elif (
                step == "before"
            ):  # another server's commit, whose ids were given before others' that are there
                with store.writes() as connection:
                    last = connection.execute(sa.select(sa.func.max(table.c.id))).scalar()
                    if last is not None:
                        connection.execute(table.update().where(table.c.id == last).values(id=last + 50))
                commit(store, f"x{number}", [("a", SERVICE, first, 1, False, 9)])
                with store.writes() as connection:
                    newest = connection.execute(sa.select(sa.func.max(table.c.id))).scalar_one()
                    lowest = connection.execute(sa.select(sa.func.min(table.c.id))).scalar_one()
                    connection.execute(table.update().where(table.c.id == newest).values(id=lowest - 1))
            else:
                commit(store, f"b{number}", step)  # type: ignore[arg-type]


def test_one_tick_of_all_does_not_look_at_the_history(store: Store) -> None:
    """Newest ticks, a day's history or none: the same index from its end."""
    with store.reads() as connection:
        for where in (
            "counts.grain = 60 AND counts.first_tick + 0 < 9 AND counts.first_tick + counts.ticks > 5",
        ):
            plan = connection.exec_driver_sql(
                f"EXPLAIN QUERY PLAN SELECT body FROM counts WHERE {where}"
            ).all()
            assert "counts_by_end" in plan[0][3]


def test_services_that_share_a_store_each_have_their_cohorts_counted(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = logs.plan()
    row = CountsRow(
        plan.quality.identity, 3600, "service", 0, 1, False, pack(np.ones((1, plan.quality.width)))
    )
    monkeypatch.setattr(Cohorts, "_rows", lambda *_: [row])
    for name in NAMES:
        reader = CountsReader(store, name)
        archive = Archive(store, Lake(tmp_path / "lake"), name)
        for _ in range(2):  # once each, however often it is asked for
            cohorts = Cohorts(replace(plan, service=name), logs.runbook(), store, archive, reader)
            cohorts.count(0, 3600 * 1_000_000, T0)
    for name in NAMES:
        assert len(store.counts(3600, 0, 1, service=name)) == 1
