"""What is asked and told of many services at once, on SQLite and on a real PostgreSQL."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import sqlalchemy as sa

from fireline.baselines.shelf import put
from fireline.errors import StoreError
from fireline.store import Store, Stored
from fireline.store.facts import Fact, add_facts, services_told
from fireline.store.glance import glance
from fireline.store.sweep import get_states
from fireline.store.tables import counts as table
from fireline.sweep import Sweep
from fireline.telemetry.packing import pack, unpack
from fireline.terms.counts import CountsRow
from fireline.terms.proposal import Shelf
from tests.support.incidents import T0

NAMES = ("a", "b", "c")
GRAIN, FIRST, STOP = 900, 100, 104
Told = dict[tuple[str, str, str], list[int]]


def rows(rng: np.random.Generator, number: int) -> list[tuple[str, CountsRow]]:
    """A few rows of some services, in and about the ticks that are looked at."""
    made = []
    for _ in range(number):
        layout, ticks = str(rng.choice(["wide", "slim"])), int(rng.choice([1, 1, 1, 3]))
        most = int(rng.choice([3, 300, 90_000, 2**40]))
        body = pack(rng.integers(0, most, (ticks, 200 if layout == "wide" else 9)))
        grain, scope = int(rng.choice([GRAIN, GRAIN, 60])), str(rng.choice(["service", "version=A"]))
        first, late = int(rng.integers(FIRST - 3, STOP + 2)), bool(rng.random() < 0.1)
        row = CountsRow(layout, grain, scope, first, ticks, late, body)
        made.append((str(rng.choice([*NAMES, "other"])), row))
    return made


def commit(store: Store, batch: str, made: list[tuple[str, CountsRow]]) -> None:
    with store.begin() as tx:
        for i, (service, row) in enumerate(made):
            tx.commit_batch(f"{batch}-{i}", at=T0, service=service, counts=[row])


def wanted(store: Store, layouts: set[str]) -> Told:
    """The same one row at a time, from the store's plain question."""
    found: dict[tuple[str, str, str], np.ndarray] = {}
    for service in NAMES:
        for row in store.counts(GRAIN, FIRST, STOP, late=False, service=service):
            if row.layout in layouts:
                inside = [i for i in range(row.ticks) if FIRST <= row.first_tick + i < STOP]
                added = unpack(row.body, row.ticks)[inside].sum(axis=0)
                key = service, row.layout, row.scope
                found[key] = found.get(key, 0) + added
    return {key: counts.tolist() for key, counts in found.items() if counts.any()}


def swept(sweep: Sweep) -> Told:
    return {
        (service, *place): counts.tolist()
        for service, of in sweep(GRAIN, FIRST, STOP).items() for place, counts in of.items() if counts.any()
    }  # fmt: skip


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("layouts", [("wide", "slim"), ("slim",)])
def test_a_tick_of_all_is_what_is_stored_of_it(store: Store, seed: int, layouts: tuple[str, ...]) -> None:
    rng = np.random.default_rng(seed)
    sweep = Sweep(store, NAMES, layouts)
    for step in range(6):
        commit(store, f"b{step}", rows(rng, int(rng.integers(0, 9))))
        if rng.random() < 0.6:
            sweep.ahead([(GRAIN, FIRST, STOP), (GRAIN, FIRST, FIRST + 1), (GRAIN, FIRST + 1, STOP + 5)])
        if rng.random() < 0.2:
            with store.writes() as connection:  # as what tidies counts up may do
                oldest = sa.select(sa.func.min(table.c.id)).scalar_subquery()
                connection.execute(table.delete().where(table.c.id == oldest))
        if rng.random() < 0.4:
            assert swept(sweep) == wanted(store, set(layouts))
    assert swept(sweep) == wanted(store, set(layouts))


def test_what_was_given_its_ids_earlier_and_committed_later_is_not_missed(store: Store) -> None:
    """PostgreSQL gives ids when a row is written, and others see it when it is committed."""
    if store.database.dialect.name == "sqlite":
        pytest.skip("SQLite has one writer: ids are in the order of commits")
    body = pack(np.ones((1, 9), np.int64))
    sweep, another = Sweep(store, NAMES), Store(store.database)
    sweep.ahead([(GRAIN, FIRST, STOP)])
    with another.begin() as tx:
        tx.commit_batch("slow", at=T0, service="a",
                        counts=[CountsRow("slim", GRAIN, "service", FIRST, 1, False, body)])  # fmt: skip
        commit(store, "quick", [("b", CountsRow("slim", GRAIN, "service", FIRST, 1, False, body))])
        sweep.ahead([(GRAIN, FIRST, STOP)])
    assert swept(sweep) == {(name, "slim", "service"): [1] * 9 for name in ("a", "b")}


def test_states_are_put_in_place_of_what_was_there(store: Store) -> None:
    many = [Stored(f"judge:{i}", i, bytes([i % 256]) * (i * 37 % 9_000)) for i in range(300)]
    with store.begin() as tx:
        tx.put_states(many)
        tx.put_states([])
    again = [Stored(one.name, one.tick + 1, one.body[::-1] + b"\x00") for one in many[::2]]
    with store.begin() as tx:
        tx.put_states(again)
    with store.reads() as connection:
        found = get_states(connection, [one.name for one in many])
    assert found == {one.name: one for one in [*many, *again]}
    assert store.get_state("judge:4") == again[2]


def test_states_of_a_transaction_that_fails_are_not_there(store: Store) -> None:
    with pytest.raises(RuntimeError), store.begin() as tx:  # noqa: PT012
        tx.put_states([Stored("judge:a", 1, b"x")])
        raise RuntimeError
    assert store.get_state("judge:a") is None


def test_two_who_put_the_same_states_crosswise_both_end(store: Store) -> None:
    names = [f"judge:{i}" for i in range(200)]
    wrong: list[StoreError] = []

    def write(order: list[str], body: bytes) -> None:
        try:
            for turn in range(8):
                with store.begin() as tx:
                    tx.put_states([Stored(name, turn, body) for name in order])
        except StoreError as error:
            wrong.append(error)

    ways = (names, b"1" * 3000), (names[::-1], b"2" * 3000)
    threads = [threading.Thread(target=write, args=way) for way in ways]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    with store.reads() as connection:
        bodies = {one.body for one in get_states(connection, names).values()}
    assert len(bodies) == 1, "of one of them, and never some of each"


def test_who_was_told_of_jobs(store: Store) -> None:
    add_facts(store, [Fact("1", "a", "job", T0, {}), Fact("2", "b", "report", T0, {})], T0)
    assert services_told(store, "job") == {"a"}
    assert services_told(store, "change") == frozenset()


def test_a_glance_tells_when_a_baseline_in_force_becomes_another(store: Store) -> None:
    turns = [glance(store, T0).turn]

    def write(was: Shelf, now: Shelf) -> None:
        with store.begin() as tx:
            put(tx, "a", now, was)
        turns.append(glance(store, T0).turn)

    empty, taken = Shelf("base"), Shelf("base", active="new", begins=7, journal=({"what": "accepted"},))
    write(empty, Shelf("base"))
    write(empty, taken)
    write(taken, taken)
    write(taken, Shelf("base", active="", begins=9, journal=(*taken.journal, {"what": "went back"})))
    steps = np.diff(turns).tolist()
    assert steps == [0, 1, 0, 1]
