"""What counts cannot show is said, with its reason, wherever somebody asks."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from fireline.baselines.decide import take
from fireline.cli.entry import main
from fireline.clock import parse_time
from fireline.errors import InputError
from fireline.live.unwatched import unwatched
from fireline.runbook.schema import Runbook
from fireline.telemetry.columns import Words
from fireline.telemetry.counters import Rows, declared
from fireline.terms.plan import Plan
from fireline.terms.proposal import Proposal
from tests.support import logs
from tests.support.living import write_book

COUNTS = {"within": "2h", "rows": "ml.events"}


def book(**changes: object) -> Runbook:
    columns = {**logs.runbook().columns.model_dump(exclude_defaults=True), "source": "carrier", **changes}
    return logs.runbook(columns=columns, counts=COUNTS)


def plan(of: Runbook) -> Plan:
    events = logs.reference()
    events = events.append_column("source", events.column("carrier"))
    found = logs.plan()
    return replace(found, extras=declared(of, found, Rows(events, Words(events)), ("events",)))


def said(of: Runbook) -> dict[str, str]:
    return {one.what: one.why for one in unwatched(of, plan(of))}


def test_monitors_whose_counts_no_sql_makes_are_named_and_others_are_not():
    found = said(book())
    names = " ".join(found)
    for name in ("near_duplicates", "source_concentration", "stuck_feature", "quarantine_rate", "late_share"):
        assert name in names
    for name in ("unit_change", "silent_source", "numeric_drift", "error_rate"):
        assert name not in names
    assert "examples" in names
    assert all(found.values())


def test_a_service_that_counts_its_own_events_has_none():
    assert unwatched(logs.runbook(), logs.plan()) == ()


def test_what_is_made_of_texts_and_moderation_is_named():
    found = said(book(texts=["prompt"], moderation="verdict"))
    assert "the number of words in prompt and the language of prompt" in found
    assert any("moderation" in what for what in found)


def test_measures_that_counts_cannot_confirm_are_named():
    row = {"action": "route_share", "authority": "auto", "params": {"segment": {"carrier": "UA"}, "share": 0}}
    made = book(rung=None)
    rows = [{**row}, {"action": "fallback", "authority": "ask", "params": {"rung": "rules"}}]
    made = Runbook.model_validate({**made.model_dump(exclude_defaults=True), "decisions": rows})
    found = said(made)
    assert found["whether calls obey a fallback"] == "no column of events names the rung"
    assert "versions are not counted apart" in found["whether calls obey the route share for carrier=UA"]


def test_check_says_it_with_its_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    place = write_book(tmp_path)
    place.write_text(place.read_text() + "counts: {within: 30m, rows: ml.events}\n")
    main(["check", str(place), "--json"])
    told = [one for one in json.loads(capsys.readouterr().out) if one["key"] == "counts"]
    assert {one["level"] for one in told} == {"hint"}
    assert all(one["line"] == place.read_text().count("\n") for one in told)
    assert any("stuck_feature" in one["says"] for one in told)
    assert any(one["todo"] == "look at ml.events" for one in told)


def test_a_baseline_cannot_be_accepted_without_rows_and_says_where_to_take_it():
    day = parse_time("2024-04-01T00:00:00Z")
    one = Proposal("bsl-1", "tests", "a person", day, day, day, "so", (), (), (), ())
    with pytest.raises(InputError) as caught:
        take(book(), None, one)  # type: ignore[arg-type]
    assert "fireline init SAMPLE" in str(caught.value.todo)
    assert "ml.events" in str(caught.value.todo)
