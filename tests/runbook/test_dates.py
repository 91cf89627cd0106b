"""Dates with the day or the month first: read where it is certain, asked for where it is not."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fireline.cli.entry import main
from fireline.clock import micros, parse_time
from fireline.runbook.dates import proven, spelled
from fireline.runbook.load import load
from fireline.telemetry.instants import read_instants

FORMS = {"day_first": "%d/%m/%Y", "month_first": "%m/%d/%Y", None: "%d.%m.%Y"}
MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31))


@given(
    st.lists(MOMENTS, min_size=1, max_size=20),
    st.sampled_from(list(FORMS)),
    st.sampled_from(["%H:%M", "%H:%M:%S"]),
)
def test_what_was_written_is_read(moments, dates, clock):
    text = pa.array([at.strftime(f"{FORMS[dates]} {clock}") for at in moments])
    found = read_instants(text, "UTC", dates)
    whole = [at.replace(microsecond=0, second=at.second if "S" in clock else 0, tzinfo=UTC) for at in moments]
    assert found.micros.tolist() == [micros(at) for at in whole]
    assert not found.bad.any()
    if dates is None:
        assert [parse_time(one) for one in text.to_pylist()] == whole


@pytest.mark.parametrize(
    ("text", "dates", "iso"),
    [
        ("1.3.2026 7:05", None, "2026-03-01T07:05:00Z"), ("01.03.2026", None, "2026-03-01T00:00:00Z"),
        ("1/3/2026", "day_first", "2026-03-01T00:00:00Z"),
        ("1/3/2026", "month_first", "2026-01-03T00:00:00Z"),
        (" 01.03.2026 07:05:09.25 ", None, "2026-03-01T07:05:09.25Z"),
        ("01.03.2026 07:05+02:00", None, "2026-03-01T05:05:00Z"),
    ],
)  # fmt: skip
def test_forms_people_write(text, dates, iso):
    found = read_instants(pa.array([text, "2026-03-01T00:00:00Z", None]), "UTC", dates)
    assert found.micros[0] == micros(parse_time(iso))
    assert found.bad.tolist() == [False] * 3


@pytest.mark.parametrize(
    "odd", ["32.01.2026", "01.13.2026", "1/3/2026", "1.3.26", "10.0.0.7", "1.2.2026.3", "1.3.2026x"]
)
def test_what_is_no_date_is_none(odd):
    assert read_instants(pa.array([odd]), "UTC").bad.tolist() == [True]
    assert spelled(pa.array(["a", None]), "day_first").to_pylist() == ["a", None]


def test_an_order_is_proven_by_what_no_month_is():
    assert proven(pa.array(["03/04/2026", "13/04/2026", None])) == "day_first"
    assert proven(pa.array(["03/04/2026", "04/13/2026"])) == "month_first"
    assert proven(pa.array(["03/04/2026", "04/03/2026"])) is None
    assert proven(pa.array(["13/04/2026", "04/13/2026"])) is None
    assert proven(pa.array(["13/04/2026"] * 60 + ["04/13/2026"])) == "day_first"


# -- as a user meets it


def log(folder: Path, form: str, days: int, name: str = "events.csv") -> Path:
    since = datetime(2026, 3, 1)
    rows = [(since + timedelta(minutes=30 * n), n) for n in range(48 * days)]
    place = folder / name
    if place.suffix == ".csv":
        lines = [f"{at.strftime(form)},r{n},{0.2 + n % 7 / 10:.1f},{n % 3}" for at, n in rows]
        place.write_text("\n".join(["when,request_id,score,amount", *lines]) + "\n")
    else:
        told = [
            {"when": at.strftime(form), "request_id": f"r{n}", "score": 0.2 + n % 7 / 10} for at, n in rows
        ]
        place.write_text("".join(json.dumps(one) + "\n" for one in told))
    return place


def drafted(folder: Path, events: Path, *more: str) -> int:
    return main(
        ["init", str(events), "--service", "s", "--until", "2026-03-11", "-o", str(folder / "r.yaml"), *more]
    )


@pytest.mark.parametrize(
    ("form", "days", "dates", "name", "more"),
    [
        ("%d.%m.%Y %H:%M", 12, None, "e.csv", ()),
        ("%d/%m/%Y %H:%M", 20, "day_first", "e.jsonl", ()),
        ("%m/%d/%Y %H:%M:%S", 11, "month_first", "e.csv", ("--dates", "month_first")),
    ],
)
def test_a_log_with_such_times_is_drafted_from_and_counted(tmp_path, form, days, dates, name, more):
    assert drafted(tmp_path, log(tmp_path, form, days, name), *more) == 0
    agreed = load(tmp_path / "r.yaml")
    assert (agreed.columns.time, agreed.columns.dates) == ("when", dates)
    assert (tmp_path / "r.baseline.npz").exists()
    assert agreed.reference.since == datetime(2026, 3, 1, tzinfo=UTC)


def test_where_nothing_tells_it_is_asked_for(tmp_path, capsys):
    assert drafted(tmp_path, log(tmp_path, "%d/%m/%Y %H:%M", 11)) != 0
    said = " ".join(capsys.readouterr().err.split())
    assert "'01/03/2026 00:00' in the column when may have the day or the month first" in said
    assert "--dates day_first" in said


def test_a_server_or_replay_says_what_to_write_in_the_runbook(tmp_path, capsys):
    assert drafted(tmp_path, log(tmp_path, "%d.%m.%Y %H:%M", 12)) == 0
    slashed = log(tmp_path, "%d/%m/%Y %H:%M", 20, "slashed.csv")
    main(["replay", str(tmp_path / "r.yaml"), "--events", str(slashed), "--out", str(tmp_path / "out")])
    said = " ".join(capsys.readouterr().err.split())
    assert "how dates with slashes are written: `dates: day_first`" in said
