"""What every kind of source promises, asked of every one of them against the real other end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from fireline.sources.pull import Around, Pulled, PullSource, checked, kinds, opened, portions
from tests.sources.wells import Well, well

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MOST = 50_000


@pytest.fixture(params=sorted(kinds()))
def filled(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Well]:
    with well(request.param, tmp_path) as ready:
        assert not isinstance(checked(ready.source), list)
        yield ready


class Drinker:
    """Pulls as the server does: portion by portion, the cursor kept after each."""

    def __init__(self, well: Well) -> None:
        self.well, self.cursor, self.at = well, "", NOW
        self.source: PullSource | None = None
        self.got: Counter[int] = Counter()

    def drink(self, most: int | None = None) -> list[Pulled]:
        """Portions, at most so many of them: then it dies and a new one goes on."""
        found = []
        self.at += timedelta(minutes=5)
        if self.source is None:
            self.source = opened(self.well.source, Around("pricing", "w", self.well.source.feed))
        with portions(self.source, self.cursor, self.at) as given:
            for portion in given:
                found.append(portion)
                self.cursor = portion.cursor
                self.got.update(self.well.ids(portion))
                if most is not None and len(found) >= most:
                    break
        if most is not None:
            self.leave()
        return found

    def leave(self) -> None:
        source, self.source = self.source, None
        if source is not None:
            source.close()


@pytest.fixture
def drinker(filled: Well) -> Iterator[Drinker]:
    one = Drinker(filled)
    yield one
    one.leave()


def test_every_row_comes_once(drinker: Drinker, filled: Well) -> None:
    filled.pour(0, 700)
    filled.pour(700, 1)
    filled.pour(701, 6500)
    given = drinker.drink()
    assert drinker.got == Counter(range(7201))
    assert all(portion.cursor and len(portion) <= MOST for portion in given)
    assert [one for one in drinker.drink() if len(one)] == []


def test_what_comes_later_comes_alone_and_after_a_restart_too(drinker: Drinker, filled: Well) -> None:
    filled.pour(0, 50)
    drinker.drink()
    filled.pour(50, 7)
    drinker.drink()
    drinker.leave()
    filled.pour(57, 3)
    later = drinker.drink()
    assert sorted(n for one in later for n in filled.ids(one)) == [57, 58, 59]
    assert drinker.got == Counter(range(60))


def test_a_portion_that_was_lost_is_given_again(drinker: Drinker, filled: Well) -> None:
    filled.pour(0, 3000)
    filled.pour(3000, 4500)
    given = drinker.drink()
    for at in {0, 1, len(given) // 2, len(given) - 1}:
        again = Drinker(filled)
        again.cursor = given[at - 1].cursor if at else ""
        again.drink()
        again.leave()
        expected = Counter(n for one in given[at:] for n in filled.ids(one))
        assert again.got == expected


@pytest.mark.parametrize("seed", range(3))
def test_wherever_it_dies_each_row_comes_once(drinker: Drinker, filled: Well, seed: int) -> None:
    rng, poured = np.random.default_rng(seed), 0
    for _ in range(12):
        if rng.random() < 0.6:
            count = int(rng.choice([1, 5, 299, 2600]))
            filled.pour(poured, count)
            poured += count
        drinker.drink(most=int(rng.integers(1, 4)) if rng.random() < 0.6 else None)
    drinker.drink()
    assert drinker.got == Counter(range(poured))


def test_a_row_nobody_can_read_is_put_aside_alone(drinker: Drinker, filled: Well) -> None:
    filled.pour(0, 5)
    if not filled.spoil():
        pytest.skip("this kind knows no such row")
    filled.pour(5, 5)
    given = drinker.drink()
    assert drinker.got == Counter(range(10))
    (bad,) = [row for one in given for row in one.bad]
    assert bad.reason
    assert bad.todo
    assert bad.row is not None


def test_while_the_other_end_is_away_it_says_so_and_goes_on_later(drinker: Drinker, filled: Well) -> None:
    filled.pour(0, 20)
    drinker.drink()
    if not filled.away():
        pytest.skip("this kind cannot lose its other end here")
    drinker.leave()
    with pytest.raises(Exception) as told:
        drinker.drink()
    assert not filled.secret or filled.secret not in str(told.value)
    drinker.leave()
    filled.back()
    filled.pour(20, 4)
    drinker.drink()
    assert drinker.got == Counter(range(24))
