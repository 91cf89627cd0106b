"""Several services in one server on a real PostgreSQL: judged as on SQLite, to the last bit."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from fireline.clock import ManualClock
from fireline.live.running import Running
from fireline.store import Store
from tests.live.test_judging import NAMES, judged, named, play
from tests.support import postgres
from tests.support.living import BEGIN


@pytest.fixture(scope="module")
def server() -> Iterator[postgres.Postgres]:
    yield from postgres.given()


def test_judged_kept_and_taken_up_on_postgresql_as_on_sqlite(
    server: postgres.Postgres, book: Path, tmp_path: Path
) -> None:
    def on(place: str, folder: str) -> Running:
        (tmp_path / folder).mkdir(exist_ok=True)
        store, books = Store.open(place), [named(book, name) for name in NAMES]
        return Running(store, tmp_path / folder, books, clock=ManualClock(BEGIN))

    places = server.new_database(), str(tmp_path / "s.sqlite")
    both = [on(place, folder) for place, folder in zip(places, ("p", "s"), strict=True)]
    for running in both:
        running.start()
        play(running, 65, wrong="two")
    one, other = both
    assert one.store.database.dialect.name == "postgresql"
    assert judged(one) == judged(other)
    assert [one.store.incidents(name) for name in NAMES] == [other.store.incidents(name) for name in NAMES]
    assert one.store.incidents("two")
    for name in NAMES:
        assert one.pulses[name].judge.save() == other.pulses[name].judge.save()
    one.stop()
    again = on(places[0], "p")
    again.clock.move_to(one.clock.now())  # type: ignore[attr-defined]
    again.start()
    for running in (again, other):
        play(running, 10)
    assert judged(again) == judged(other) != {}
    assert again.clock.now() - BEGIN == timedelta(minutes=75)
    for name in NAMES:
        assert again.pulses[name].judge.save() == other.pulses[name].judge.save()
    for running in (again, other):
        running.stop()
        running.store.close()
    one.store.close()
