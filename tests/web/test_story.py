"""The story tells each entry once, in the service's time, and is plain where there is no terminal."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console

from fireline.terms.timeline import Entry, EntryKind
from fireline.web.story import WIDTH, Story
from tests.support import sample_incidents as sample


def tell(encoding: str = "utf-8", **console) -> str:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding, write_through=True)
    with Story(Console(file=file, **console), timezone=sample.ZONE) as story:
        for incident, entry in sample.deploy_incident()[1]:
            story.on_tick(entry.at, 0.5)
            story.on_entry(incident, entry)
    incidents = [sample.deploy_incident()[0].as_json(), sample.ticket_incident().as_json()]
    story.summary(incidents, sample.summary(), Path("out/report.html"))
    return raw.getvalue().decode(encoding)


def test_plain_without_a_terminal():
    told = tell()
    assert "\x1b" not in told
    assert all(line == line.rstrip() for line in told.splitlines())
    assert max(map(len, told.splitlines())) <= WIDTH


def test_told_in_the_services_time_day_by_day():
    lines = tell().splitlines()
    assert "Monday 18 March 2013" in lines
    assert any(line.startswith("07:20 #1  ▲ page") for line in lines)
    assert lines.index("Monday 18 March 2013") < lines.index("Tuesday 19 March 2013")


def test_alert_decision_verdict_and_review_are_in_it():
    told = tell()
    for words in (
        "81 % a deploy",
        "SEV2",
        "rollback of B to A",
        "05:54 to 06:14",
        "effective",
        "review drafted",
        "out/report.html",
        "ticket: temp drifts (natural drift)",
        "43 rows put aside",
    ):
        assert words in told
    assert "▇" in told
    assert "▂" in told


def test_what_was_said_is_not_said_again():
    incident, pairs = sample.deploy_incident()
    file = io.StringIO()
    story = Story(Console(file=file), timezone=sample.ZONE)
    for _ in range(3):
        story.on_entry(incident, pairs[1][1])
    assert file.getvalue().count("numeric drift of dep_hour") == 1


def test_colours_on_a_terminal_and_none_with_no_color(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[1;31m" in tell(force_terminal=True, width=100, color_system="standard")
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[1;31m" not in tell(force_terminal=True, width=100, color_system="standard")


def test_letters_where_the_signs_cannot_be_shown():
    told = tell("ascii")
    assert told.isascii()
    assert "^ page" in told


def test_nothing_in_the_text_can_steer_the_terminal():
    incident, _ = sample.deploy_incident()
    evil = Entry(
        "inc-1", 99, datetime(2013, 3, 18, tzinfo=UTC), EntryKind.NOTE, "eve", "\x1b[2J\x07 gone \x9b31m", {}
    )
    file = io.StringIO()
    Story(Console(file=file, force_terminal=True, no_color=True)).on_entry(incident, evil)
    assert "\x1b[2J" not in file.getvalue()
    assert "\x07" not in file.getvalue()
    assert "gone" in file.getvalue()


def test_without_a_page_it_says_so():
    file = io.StringIO()
    story = Story(Console(file=file), timezone="UTC")
    story.summary([sample.ticket_incident().as_json()], sample.summary())
    assert "Nothing paged." in file.getvalue()


def test_an_incident_without_anything_can_be_told():
    bare = replace(
        sample.ticket_incident(), alerts=(), causes=(), evidence=(), decisions=(), onset=None, timeline=()
    )
    file = io.StringIO()
    story = Story(Console(file=file), timezone="UTC")
    story.on_entry(
        bare, Entry("inc-2", 1, bare.opened_at, EntryKind.EVIDENCE, "fireline", "", {"evidence": []})
    )
    story.summary([bare.as_json()], {})
    assert "0 exhibits frozen" in file.getvalue()


def test_the_same_alert_again_is_counted_and_not_told():
    incident, pairs = sample.deploy_incident()
    file = io.StringIO()
    story = Story(Console(file=file), timezone=sample.ZONE)
    alert = pairs[1][1]
    for seq in range(5):
        story.on_entry(incident, replace(alert, seq=seq + 1, because=f"fired once more: {seq}"))
    story.summary([incident.as_json()], sample.summary())
    assert file.getvalue().count("▲ page") == 1
    assert "4 more alerts said the same" in file.getvalue()


def test_another_monitor_or_segment_of_the_same_feature_is_told():
    incident, pairs = sample.deploy_incident()
    file = io.StringIO()
    story = Story(Console(file=file), timezone=sample.ZONE)
    alert = pairs[1][1]
    told = alert.data["alert"]
    others = [
        {**told, "monitor": "out_of_range", "feature": "dep_hour"},
        {**told, "monitor": "unit_change", "feature": "dep_hour"},
        {**told, "monitor": "unit_change", "feature": "dep_hour", "segment": {"carrier": "UA"}},
    ]
    for seq, other in enumerate(others):
        story.on_entry(incident, replace(alert, seq=seq + 1, data={**alert.data, "alert": other}))
    assert file.getvalue().count("▲ page") == 3


def test_what_is_decided_anew_is_told_though_it_is_no_measure_again():
    incident, pairs = sample.deploy_incident()
    file = io.StringIO()
    story = Story(Console(file=file), timezone=sample.ZONE)
    entry = replace(pairs[1][1], kind=EntryKind.DECIDED)
    first = {"row": None, "action": None, "cause": "upstream_data"}
    for seq, more in enumerate(({"ticket": True}, {}, {}, {"cause": "deploy"})):
        because = f"No measure, for the {seq}. reason."
        story.on_entry(incident, replace(entry, seq=seq + 1, because=because, data={**first, **more}))
    said = file.getvalue()
    assert [f"the {n}. reason" in said for n in range(4)] == [True, True, False, True]


def test_the_first_rows_put_aside_are_named_at_the_end():
    file = io.StringIO()
    lines = ["4 of 90 rows put aside", *(f"log.csv:{n} row {n}: 'x' is not a number" for n in range(2, 6))]
    Story(Console(file=file), timezone=sample.ZONE).summary([], {**sample.summary(), "quarantined": lines})
    said = file.getvalue()
    assert "4 of 90 rows put aside" in said
    assert "log.csv:4 row 4: 'x' is not a number" in said
    assert "log.csv:5" not in said


def test_changes_that_could_not_be_read_are_told_at_the_end():
    file = io.StringIO()
    bad = ["changes.jsonl:1 row 1: not JSON", "changes.jsonl:2 row 2: not JSON"]
    Story(Console(file=file), timezone=sample.ZONE).summary([], {**sample.summary(), "bad_changes": bad})
    assert "2 lines of the changes could not be read, the first: changes.jsonl:1 row 1" in file.getvalue()
