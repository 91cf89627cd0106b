"""Season cells follow local clocks, row by row as the time-zone database has them."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fireline.detect.season import CELLS, cells_of

ZONES = [
    "UTC",
    "America/New_York",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "America/St_Johns",
    "Asia/Kathmandu",
    "Europe/Berlin",
    "Pacific/Apia",
    "Africa/Casablanca",
    "America/Caracas",
]


def by_zoneinfo(tick: int, grain: int, zone: str) -> int:
    local = datetime.fromtimestamp(tick * grain, UTC).astimezone(ZoneInfo(zone))
    return (24 if local.weekday() >= 5 else 0) + local.hour


def check(ticks: np.ndarray, grain: int, zone: str) -> None:
    assert cells_of(ticks, grain, zone).tolist() == [by_zoneinfo(int(t), grain, zone) for t in ticks]


@given(
    st.sampled_from(ZONES),
    st.sampled_from([60, 900, 1800, 3600, 6 * 3600, 86_400]),
    st.lists(st.integers(946_684_800, 2_000_000_000), max_size=30),
)
def test_any_tick_of_any_zone(zone, grain, seconds):
    check(np.array(seconds, np.int64) // grain, grain, zone)


@pytest.mark.parametrize(
    ("zone", "change"),
    [
        ("America/New_York", "2013-03-10T07:00"),
        ("America/New_York", "2013-11-03T06:00"),
        ("Australia/Lord_Howe", "2024-04-06T15:00"),  # by half an hour, at half past a UTC hour
        ("Australia/Lord_Howe", "2024-10-05T15:30"),
        ("America/St_Johns", "2010-03-14T03:31"),  # at a minute past local midnight
        ("Asia/Kolkata", "2024-01-01T00:00"),
        ("Pacific/Apia", "2011-12-30T10:00"),  # a day that never was
    ],
)
@pytest.mark.parametrize("grain", [60, 900, 3600])
def test_every_tick_around_a_change_of_clocks(zone, change, grain):
    at = int(datetime.fromisoformat(change).replace(tzinfo=UTC).timestamp())
    check(np.arange((at - 8000) // grain, (at + 8000) // grain), grain, zone)


def test_the_same_local_hour_is_the_same_cell_before_and_after_daylight_saving():
    ticks = np.arange(1_362_000_000 // 900, 1_364_500_000 // 900)
    cells = cells_of(ticks, 900, "America/New_York")
    morning = [c for c, t in zip(cells, ticks, strict=True) if _local_hour(t) == 9]
    assert set(morning) == {9, 33}


def _local_hour(tick: int) -> int:
    return datetime.fromtimestamp(int(tick) * 900, UTC).astimezone(ZoneInfo("America/New_York")).hour


def test_a_week_visits_every_cell():
    cells = cells_of(np.arange(1_709_510_400 // 3600, 1_709_510_400 // 3600 + 168), 3600, "Europe/Berlin")
    assert sorted(set(cells)) == list(range(CELLS))
    assert np.bincount(cells)[:24].tolist() == [5] * 24
    assert np.bincount(cells)[24:].tolist() == [2] * 24


def test_no_ticks_no_cells():
    assert cells_of(np.empty(0, np.int64), 60, "UTC").tolist() == []
