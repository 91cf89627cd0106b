"""Which baseline is in force is looked for only when one changed: by the server that leads, and by others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from fireline.baselines import shelf as shelves
from fireline.baselines.shelf import put, put_file
from fireline.clock import micros
from fireline.store import Store
from fireline.terms.proposal import Kept, Shelf
from tests.support.living import BEGIN, SERVICE, Living

MINUTE = timedelta(minutes=1)


def take(store: Store, one: Living, name: str) -> None:
    """Another baseline is put in force, as a person's decision does it on whatever server."""
    usual = one.pulse.usual
    was, own = usual.shelf(), usual.own
    plan = replace(own.baseline.plan, reference=name)
    reference, at = own.runbook.reference, one.clock.now()
    kept = Kept(name, reference.since, reference.until, at, "ada", "a test")
    now = Shelf(was.base, name, micros(at), (*was.kept, kept), (), (*was.journal, {"what": f"took {name}"}))
    with store.begin() as tx:
        put_file(tx, SERVICE, name, replace(own.baseline, plan=plan))
        put(tx, SERVICE, now, was)


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Whose shelves were read."""
    found: list[str] = []
    read = shelves.shelf_of

    def reading(store: Store, service: str, base: str) -> Shelf:
        found.append(service)
        return read(store, service, base)

    monkeypatch.setattr(shelves, "shelf_of", reading)
    return found


def test_it_is_taken_up_at_the_next_beat_and_not_looked_for_at_others(
    living: Callable[..., Living], looked: list[str]
) -> None:
    one = living()
    one.play(BEGIN + 24 * MINUTE)
    looked.clear()
    one.play(BEGIN + 48 * MINUTE)
    assert looked == []
    take(one.store, one, "other")
    one.running.beat()
    assert one.pulse.book.baseline.plan.reference == "other"
    assert one.pulse.judge.plan.reference == "other"
    looked.clear()
    one.play(BEGIN + 72 * MINUTE)
    assert looked == []
    assert one.running.trouble(SERVICE) == ""


def test_one_that_was_decided_on_another_server_is_taken_up_too(
    living: Callable[..., Living], looked: list[str]
) -> None:
    one = living()
    one.play(BEGIN + 24 * MINUTE)
    other: Any = living("second", now=one.clock.now(), database=one.database)
    take(other.store, other, "theirs")
    other.clock.move_to(one.clock.now() + 12 * MINUTE)
    other.running.beat()
    one.to(other.clock.now())
    assert other.pulse.book.baseline.plan.reference == "theirs"
    assert not other.running.leads
    assert one.pulse.book.baseline.plan.reference == "theirs"
    assert one.again().pulse.book.baseline.plan.reference == "theirs"
