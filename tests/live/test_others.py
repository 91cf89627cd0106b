"""Two servers on one store: what reaches both counts once, what one meets the other knows, and both count by
the baseline that is in force."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from fireline.clock import micros
from fireline.errors import StateError
from fireline.live import others
from fireline.telemetry.tally import add_up
from fireline.terms.counts import SERVICE as WHOLE
from tests.support import postgres
from tests.support.living import BEGIN, SERVICE, Living, rows
from tests.support.spring import NOW, in_spring, proposed, shifted, spring_book

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
Pair = tuple[Living, Living]


@pytest.fixture(scope="module")
def database() -> Iterator[postgres.Postgres]:
    yield from postgres.given()


@pytest.fixture(params=["sqlite", "postgresql"])
def pair(request: pytest.FixtureRequest, book: Path, tmp_path: Path) -> Iterator[Pair]:
    """One that leads and another, each with a spool of its own."""
    place = tmp_path / "one" / "fireline.sqlite"
    if request.param == "postgresql":
        place = request.getfixturevalue("database").new_database()
    made = [Living(book, tmp_path / name, BEGIN, database=place) for name in ("one", "other")]
    made[0].running.beat()
    for one in made:
        one.clock.move_to(BEGIN + HOUR)  # type: ignore[attr-defined]
    yield made[0], made[1]
    for one in made:
        one.store.close()


def counted(one: Living, plan: Any = None, since: datetime = BEGIN) -> int:
    """Events in the service's counts from ``since`` on, late ones with them, by one plan's series."""
    layout = (plan or one.pulse.book.baseline.plan).rates
    grain = layout.grains["service"]
    low = micros(since) // 1_000_000 // grain
    rows = one.store.counts(grain, low, 1 << 40, service=SERVICE, layout=layout.identity)
    cells = add_up(rows, layout, grain, low, low + 20 * 86_400 // grain)[WHOLE]
    return int(cells[:, layout.series[0].cells.index("n")].sum())


def count(one: Living) -> None:
    """As its beat does when something waits."""
    if one.running.leads:
        one.pulse.count()
    else:
        one.pulse.follow()


SENT = rows(BEGIN + HOUR - 14 * MINUTE, BEGIN + HOUR)


@pytest.mark.parametrize("named", [48, 1], ids=["few missed", "too many missed"])
@pytest.mark.parametrize("seed", range(3))
def test_what_is_sent_to_both_counts_once(
    pair: Pair, seed: int, named: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sender whose server died before it answered goes to the other one, with the same body and key."""
    monkeypatch.setattr(others, "NAMED", named)
    rng, at = Random(f"both {seed}"), 0
    while at < len(SENT):
        n = rng.randint(1, 9)
        body = SENT[at : at + n]
        for one in rng.choice([pair[:1], pair[1:], pair, pair[::-1]]):
            one.send(body, key=f"b{at}")
            if rng.random() < 0.4:
                count(rng.choice(pair))
        at += n
    for one in pair:
        count(one)
    assert counted(pair[0]) == len(SENT)
    files = pair[0].store.lake_files("events", 0, 1 << 62, SERVICE)
    assert sum(file.rows for file in files) == len(SENT)


def test_two_that_count_at_the_same_time_count_once(pair: Pair) -> None:
    """The other commits between what one heard and its own commit."""
    one, other = pair
    one.send(SENT)
    other.send(SENT[:30])
    read = one.door.spool.read

    def late(*about: Any) -> Any:
        found = read(*about)
        count(other)
        return found

    one.door.spool.read = late  # type: ignore[method-assign]
    count(one)
    assert counted(one) == len(SENT)


def test_a_version_that_one_meets_is_known_to_both(pair: Pair) -> None:
    one, other = pair
    other.send([{**row, "version": "B"} for row in SENT[:5]])
    one.send([{**row, "version": "C"} for row in SENT[5:9]])
    count(other)
    count(one)
    assert set(one.pulse.counting.versions) == {"A", "B", "C"}
    other.send([{**row, "version": "D"} for row in SENT[9:12]])
    count(other)
    one.running.beat()  # nothing waits here
    assert set(one.pulse.counting.versions) == {"A", "B", "C", "D"}
    assert {change.version for change in one.pulse.changes} >= {"B", "C", "D"}
    assert set(one.again().pulse.counting.versions) == {"A", "B", "C", "D"}


@pytest.fixture(scope="module")
def spring(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return spring_book(tmp_path_factory.mktemp("spring"))


@pytest.fixture
def springs(spring: Path, tmp_path: Path) -> Iterator[Callable[[str], Living]]:
    """Servers on one store that knows the days of spring."""
    made: list[Living] = []
    in_spring(spring, tmp_path / "one", lake=tmp_path / "lake")

    def another(name: str, lake: str = "lake") -> Living:
        made.append(
            Living(spring, tmp_path / name, NOW, database=tmp_path / "one" / "fireline.sqlite",
                   lake=tmp_path / lake)
        )  # fmt: skip
        made[-1].running.beat()
        made[-1].clock.move_to(NOW + HOUR)  # type: ignore[attr-defined]
        return made[-1]

    yield another
    for one in made:
        one.store.close()


@pytest.mark.parametrize("leads", [True, False], ids=["the one that leads", "the other"])
def test_a_baseline_accepted_in_the_middle_of_a_long_count_is_counted_by_at_once(
    springs: Callable[[str], Living], monkeypatch: pytest.MonkeyPatch, leads: bool
) -> None:
    one, other = springs("one"), springs("other")
    busy, decides = (one, other) if leads else (other, one)
    name, before = proposed(one), busy.pulse.book.baseline.plan
    sent = shifted(NOW + HOUR - 14 * MINUTE, NOW + HOUR, rate=4.0)
    for at in range(0, len(sent), 8):
        busy.send(sent[at : at + 8])
    read, pieces = busy.door.spool.read, 0

    def slowly(since: Any, most: int = 0) -> Any:
        nonlocal pieces
        pieces += 1
        if pieces == 3:
            decides.pulse.usual.accept(name, "ada", "")
        return read(since, 1)

    busy.door.spool.read = slowly  # type: ignore[method-assign]
    count(busy)
    after = busy.pulse.book.baseline.plan
    assert (after.rates.identity == before.rates.identity) is False
    assert counted(busy, before, NOW) == 16, "the two pieces from before"
    assert counted(busy, after, NOW) == len(sent) - 16


def test_while_another_decides_nothing_is_proposed_from_what_is_over(
    springs: Callable[[str], Living], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = springs("one"), springs("other")
    name = proposed(other)
    due = replace(other.pulse.usual.shelf().proposals[0], id="bsl-due", reason="retrain", by="fireline")
    other.pulse.usual.accept(name, "ada", "")
    monkeypatch.setattr("fireline.live.usual.propose_due", lambda seen: due)
    one.clock.move_to(NOW + 3 * HOUR)  # type: ignore[attr-defined]
    before = other.pulse.usual.shelf()
    assert one.pulse.usual.look(one.clock.now()) is None, "it has not gone over yet"
    assert one.pulse.usual.shelf() == before
    one.pulse.keep_up()
    assert one.pulse.usual.look(one.clock.now() + 2 * HOUR) == due
    other.pulse.keep_up()
    assert one.pulse.book.baseline.plan == other.pulse.book.baseline.plan


def test_a_baseline_is_not_learnt_from_the_part_of_the_events_that_lie_here(
    springs: Callable[..., Living],
) -> None:
    one, other = springs("one"), springs("other", "a lake of its own")
    name = proposed(one)
    with pytest.raises(StateError, match="1 of 1 files of events") as told:
        other.pulse.usual.accept(name, "ada", "")
    assert "--lake" in str(told.value)
    assert one.pulse.usual.shelf().active == ""
    assert one.pulse.usual.accept(name, "ada", "").active == name
