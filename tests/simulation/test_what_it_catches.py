"""A harness that cannot fail proves nothing: each of these small mistakes must be found by some seed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from fireline.act import Worker
from fireline.clock import MICROS
from fireline.drill.fakes import FakeDataPlane, Obeyed
from fireline.drill.simulation import CAST, Part, Theatre, cast, simulate
from fireline.drill.simulation.scene import FAMILIES, GRAIN, LOG, TICKS, Life, totals
from fireline.drill.simulation.stage import Stage
from fireline.errors import FirelineError, StoreError
from fireline.store import Claim, Mark, Store, claims
from fireline.store.refusals import in_words
from fireline.store.store import Tx
from fireline.store.tables import measures
from fireline.terms.switch import Switch, Told
from fireline.terms.timeline import Draft, EntryKind

ENOUGH = 150
"""Seeds within which every mistake is to be found."""


def first_problem(play: Callable[[int], Any]) -> str:
    for seed in range(ENOUGH):
        outcome = play(seed)
        if outcome.problems:
            return str(outcome)
    pytest.fail(f"nothing was found in {ENOUGH} seeds")


def with_parts(**parts: Callable[[Life], None]) -> tuple[Part, ...]:
    """The cast with other lives for some kinds of process; nobody stays at home."""
    return tuple(
        replace(part, live=parts.get(part.name.split("-")[0], part.live), spare=False) for part in CAST
    )


def found_with(
    theatre: type[Theatre] = Theatre, store: type[Store] = Store, **parts: Callable[[Life], None]
) -> str:
    with theatre(store) as opened:
        return first_problem(lambda seed: simulate(seed, opened, cast=with_parts(**parts)))


# --- rows
# ---------------------------------------------------------------------------------------------------------


def test_a_batch_acknowledged_before_it_is_committed() -> None:
    def receiver(life: Life) -> None:
        store, outbox, lake = life.store(), life.hand("outbox"), life.hand("lake")
        while True:
            for name, _ in outbox.offered():
                outbox.acknowledge(name)
                cast.take(life, store, lake, name)
            life.rest()

    said = found_with(receiver=receiver)
    assert "was acknowledged and is not in the store" in said or "rows were sent" in said


def test_a_batch_committed_in_two_transactions(monkeypatch: pytest.MonkeyPatch) -> None:
    def take(life: Life, store: Store, lake: Any, name: str) -> None:
        sent = life.scene.pushed[name]
        if store.has_batch(name):
            return
        lake.write(sent.lake_file().file, b"rows")
        with store.begin() as tx:
            tx.commit_batch(
                f"{name}, counts of {life.name} {life.now}",
                at=life.now,
                service=sent.service,
                counts=sent.counts(),
            )
        with store.begin() as tx:
            tx.commit_batch(name, at=life.now, lake_file=sent.lake_file(), keys=name.encode())

    monkeypatch.setattr(cast, "take", take)
    assert "were sent" in found_with()


def test_a_lake_file_written_after_the_commit_that_lists_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def take(life: Life, store: Store, lake: Any, name: str) -> None:
        sent = life.scene.pushed[name]
        if not store.has_batch(name):
            with store.begin() as tx:
                tx.commit_batch(
                    name, at=life.now, lake_file=sent.lake_file(), counts=sent.counts(), keys=name.encode()
                )
            lake.write(sent.lake_file().file, b"rows")

    monkeypatch.setattr(cast, "take", take)
    assert "is listed and does not exist" in found_with()


def test_a_cursor_moved_without_asking_where_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    def follow(life: Life, store: Store, was: str | None, position: int, count: int) -> None:
        with store.begin() as tx:
            for at in range(position, position + count):
                line = life.scene.log.lines[at]
                tx.commit_batch(
                    f"{LOG}:{position}+{at - position}/{count}",
                    at=life.now,
                    lake_file=line.lake_file(),
                    counts=line.counts(),
                    keys=line.name.encode(),
                    cursor=(LOG, str(at + 1)),
                )

    monkeypatch.setattr(cast, "follow", follow)
    assert "were sent" in found_with()


# --- ticks and incidents
# ----------------------------------------------------------------------------------------------


def test_a_tick_judged_without_asking_for_the_mark(monkeypatch: pytest.MonkeyPatch) -> None:
    def next_tick(life: Life, store: Store, service: str, taken: int) -> int:
        mark = store.mark(service)
        tick = mark.judged if mark else 0
        if tick >= TICKS or not life.scene.complete(tick, taken):
            return tick
        seen = totals(store.counts(GRAIN, tick, tick + 1, service=service))
        memory = store.get_state(f"judge:{service}")
        rows = sum(n for key, n in seen.items() if key[2] == "rows") + int(memory.body if memory else 0)
        with store.begin() as tx:
            now = tx.mark(service)
            if now is not None and now.judged > tick + 1:
                return tick
            tx.put_mark(Mark(service, tick + 1, (tick + 1) * GRAIN * MICROS), was=now)
            tx.put_state(f"judge:{service}", tick, str(rows).encode())
            for family in FAMILIES:
                if seen[tick, family, "bad"]:
                    cast.alert(life, tx, service, family, tick)
        return tick

    monkeypatch.setattr(cast, "next_tick", next_tick)
    said = found_with()
    assert "alerts differ" in said or "remembers" in said


def test_a_page_written_down_before_it_rang(monkeypatch: pytest.MonkeyPatch) -> None:
    def page(life: Life, store: Store, pager: Any, incident: Any) -> None:
        with store.begin() as tx:
            if cast.was_paged(tx.entries(incident.id)):
                return
            tx.append(incident.id, Draft(EntryKind.NOTE, "paged", {"text": cast.PAGED}), life.now)
        pager.ring(incident.id, incident.title)

    monkeypatch.setattr(cast, "page", page)
    assert "the pager rang 0 times" in found_with()


class ProjectsLater(Store):
    """Writes the projection in a transaction of its own."""

    @contextmanager
    def begin(self) -> Iterator[Tx]:
        with in_words(), self.database.begin() as connection:
            tx = Tx(connection, self.fold, self.gate, self._memory)
            yield tx
        with in_words(), self.database.begin() as connection:
            tx._connection = connection
            tx.project()
        self._memory.keep(tx.written)


def test_a_projection_written_after_the_entries() -> None:
    said = found_with(store=ProjectsLater)
    assert "in the projection and" in said or "not projected" in said or "broke" in said


# --- measures
# --------------------------------------------------------------------------------------------------------


def test_a_claim_that_does_not_ask_for_the_state(monkeypatch: pytest.MonkeyPatch) -> None:
    unasked = measures.update().where(measures.c.id == claims.sa.bindparam("of"), claims._NOW >= 0)
    values = {"worker": claims.sa.bindparam("by"), "lease_until": claims.sa.bindparam("until")}
    monkeypatch.setattr(
        claims,
        "_CLAIM",
        unasked.values(state="claimed", attempts=measures.c.attempts + 1, not_before=None, **values),
    )
    said = found_with()
    assert (
        "while another held it" in said
        or "stands where it may not" in said
        or "in flight" in said
        or "broke" in said
    )


class ReceiptFirst(Worker):
    """Writes the receipt, and then does it."""

    def _do(self, claim: Claim, trouble: Exception | None) -> Mapping[str, Any] | Exception:
        told = {"told": "done", "undid": claim.measure.params.get("measure")}
        with self.store.begin() as tx:
            written = self._write(tx, claim, told)
        return super()._do(claim, trouble) if written else FirelineError("somebody else did it")


class FreshKeys(Worker):
    """Tells the data plane a new key each time it tries."""

    def _do(self, claim: Claim, trouble: Exception | None) -> Mapping[str, Any] | Exception:
        measure = claim.measure
        fresh = replace(
            measure, id=f"{measure.id}#{claim.attempt}", ordinal=measure.ordinal * 99 + claim.attempt
        )
        return super()._do(replace(claim, measure=fresh), trouble)


@pytest.mark.parametrize(
    ("kind", "said"),
    [(ReceiptFirst, "was applied, and production changed 0 times"), (FreshKeys, "which is no measure's")],
)
def test_a_worker_that_does_it_in_the_wrong_order_or_under_a_new_key(kind: type[Worker], said: str) -> None:
    def worker(life: Life) -> None:
        cast.worker(life, kind)

    assert said in found_with(worker=worker)


def test_a_data_plane_that_obeys_who_comes_too_late(monkeypatch: pytest.MonkeyPatch) -> None:
    def put(plane: FakeDataPlane, switch: Switch, key: str) -> Told:
        if not any(o.key == key for o in plane.obeyed):
            plane.obeyed.append(Obeyed(switch, key))
        return Told(switch.version, False, "obeyed")

    def person(life: Life) -> None:
        life.scene.fate.impatience = 0.9
        cast.person(life)

    monkeypatch.setattr(FakeDataPlane, "put", put)
    assert "was obeyed after" in found_with(person=person)


class NoIndex(Theatre):
    """A store without the index that allows one measure in flight."""

    def set_up(self, stage: Stage) -> None:
        super().set_up(stage)
        assert self._eye is not None
        self._eye.execute("DROP INDEX one_measure_in_flight")


def test_a_store_without_the_index() -> None:
    assert "measures were in flight" in found_with(theatre=NoIndex)


def test_what_is_refused_for_good_is_not_hidden() -> None:
    """The cast takes refusals that may pass; any other error of the store is a problem of the run."""

    def person(life: Life) -> None:
        raise StoreError("the disk is full")

    assert "person broke" in found_with(person=person)
