"""Scales, ticks, lines with gaps, and the marks on them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from fireline.web.marks import Mark, Marks
from fireline.web.series import Metric, series
from fireline.web.shapes import histogram, sparkline
from fireline.web.svg import Scale, TimeScale, element, nice_ticks

NEW_YORK = ZoneInfo("America/New_York")
values = st.floats(-1e9, 1e9, allow_nan=False)


@given(values, values, st.integers(2, 9))
def test_ticks_are_even_and_cover_the_span(low: float, high: float, most: int):
    low, high = min(low, high), max(low, high)
    if high - low < 1e-6 * max(1.0, abs(high)):
        return
    ticks = nice_ticks(low, high, most)
    step = ticks[1] - ticks[0]
    assert ticks[0] <= low + 1e-6 * step
    assert ticks[-1] >= high - 1e-6 * step
    assert len(ticks) <= most + 2
    assert all(abs((b - a) - step) < 1e-6 * step for a, b in pairwise(ticks))


@given(st.integers(1, 24 * 400), st.integers(2, 14))
def test_time_ticks_are_few_local_and_in_order(hours: int, most: int):
    since = datetime(2013, 3, 1, 5, tzinfo=UTC)
    scale = TimeScale(since, since + timedelta(hours=hours), 0.0, 700.0, NEW_YORK)
    ticks = scale.ticks(most)
    assert len(ticks) <= most
    assert [x for x, _, _ in ticks] == sorted(x for x, _, _ in ticks)
    assert all(-0.01 <= x <= 700.01 for x, _, _ in ticks)


def test_a_day_begins_at_local_midnight_through_daylight_saving():
    since = datetime(2013, 3, 9, 5, tzinfo=UTC)
    scale = TimeScale(since, since + timedelta(days=3), 0.0, 72.0, NEW_YORK)
    assert [round(x) for x in scale.days()] == [0, 24, 47, 71]


def test_a_gap_breaks_the_line():
    start = datetime(2013, 3, 1, tzinfo=UTC)
    seen = [0.1, 0.2, None, 0.3, 0.4, 0.5]
    data = {
        "t": [(start + timedelta(hours=h)).isoformat() for h in range(6)],
        "seen": seen,
        "usual": [0.2] * 6,
    }
    drawn = str(series(Metric.of(data), Marks(), NEW_YORK, 720, "m"))
    assert drawn.count('class="line seen"') == 2
    assert drawn.count('class="line usual"') == 1


@given(st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6), st.just(float("nan"))), min_size=1, max_size=300))
def test_any_series_can_be_drawn(seen: list[float | None]):
    start = datetime(2013, 3, 1, tzinfo=UTC)
    data = {
        "t": [(start + timedelta(minutes=15 * k)).isoformat() for k in range(len(seen))],
        "seen": seen,
        "n": [1] * len(seen),
    }
    marked = Marks(
        (Mark("page", start, "p"), Mark("change", start + timedelta(days=99), "outside")), (start, start)
    )
    drawn = str(series(Metric.of(data), marked, NEW_YORK, 340, "m"))
    assert "nan" not in drawn
    assert "inf" not in drawn
    assert "outside" not in drawn


def test_thinning_keeps_the_mean_and_the_reach():
    start = datetime(2013, 3, 1, tzinfo=UTC)
    data = {
        "t": [(start + timedelta(hours=h)).isoformat() for h in range(100)],
        "seen": list(range(100)),
        "n": [2] * 100,
    }
    thin = Metric.of(data).thinned(10)
    assert len(thin.at) == 10
    assert thin.seen[0] == 4.5
    assert thin.spread[0] == (0.0, 9.0)


def test_no_shape_hides_one_of_another_kind():
    at = datetime(2013, 3, 18, 10, tzinfo=UTC)
    marked = Marks((Mark("page", at, ""), Mark("change", at, ""), Mark("measure", at, "")))
    scale = TimeScale(at - timedelta(days=1), at + timedelta(days=1), 0, 100, NEW_YORK)
    lanes = marked.lanes(scale)
    assert len({lanes["page"], lanes["change"], lanes["measure"]}) == 3
    assert lanes["ticket"] == lanes["page"]


def test_long_labels_lie_in_rows_and_short_ones_stand():
    hours = {"cells": [str(h) for h in range(24)], "before": [1 / 24] * 24, "after": [1 / 24] * 24}
    words = {"cells": ["United Air Lines", "Delta"], "before": [0.5, 0.5], "after": [1.0, 0.0]}
    assert 'viewBox="0 0 960 220"' in str(histogram(hours, 960, "h"))
    assert "100 %" in str(histogram(words, 960, "w"))


def test_sparkline_shows_gaps_and_a_flat_line():
    assert sparkline([None, 1.0, 1.0]) == " ▁▁"
    assert sparkline([]) == ""
    assert len(sparkline(list(range(1000)), 40)) <= 40


def test_text_and_attributes_are_escaped():
    assert str(element("text", "</svg><script>", data_x='"><script>')) == (
        '<text data-x="&#34;&gt;&lt;script&gt;">&lt;/svg&gt;&lt;script&gt;</text>'
    )


def test_a_scale_of_one_value_lands_in_the_middle():
    assert Scale(3, 3, 0, 10)(3) == 5


def test_what_was_seen_since_the_onset_is_on_the_axis_however_short_it_is_yet():
    since = datetime(2026, 3, 2, tzinfo=UTC)
    at = [since + timedelta(minutes=15 * i) for i in range(300)]
    data = {
        "t": [f"{t:%Y-%m-%dT%H:%M:%SZ}" for t in at],
        "seen": [0.0] * 299 + [0.95],
        "usual": [0.0] * 300,
        "low": [-1e-5] * 300,
        "high": [1e-5] * 300,
        "n": [70] * 299 + [20],
        "unit": "share",
    }
    marked = Marks((Mark("page", at[-1], ""),), (at[-1], at[-1]))
    assert "100 %" in str(series(Metric.of(data), marked, NEW_YORK, 720, "m"))
    assert "100 %" not in str(series(Metric.of(data), Marks(), NEW_YORK, 720, "m"))
