"""The onset stands in the story once, and again only when it is another."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from fireline.loop.understanding import assessed
from fireline.terms.severity import Severity
from fireline.terms.timeline import EntryKind
from fireline.triage.case import Assessment
from fireline.triage.onset import has_moved
from tests.lifecycle.make import T0, Journal, alerted, moved, opened

AT = datetime(2026, 3, 2, 6, tzinfo=UTC)
MINUTES = st.integers(-600, 600)


def span(earliest: float, latest: float) -> tuple[datetime, datetime]:
    return AT + timedelta(minutes=earliest), AT + timedelta(minutes=latest)


@given(MINUTES, st.integers(1, 600), MINUTES, st.integers(1, 600))
def test_it_is_told_again_when_an_end_moved_by_more_than_a_quarter_of_the_wider_one(a, wide, b, broad):
    told, found = span(a, a + wide), span(b, b + broad)
    apart = max(abs(b - a), abs(b + broad - a - wide))
    assert has_moved(told, found) == (apart > max(5, max(wide, broad) / 4))
    assert has_moved(told, found) == has_moved(found, told)
    assert not has_moved(told, told)
    assert has_moved(None, found)


@given(st.lists(st.integers(-3, 3), min_size=30, max_size=60), st.integers(1, 30))
def test_small_steps_in_one_direction_are_told_in_the_end(wobble, wide):
    kept, at = span(0, wide), 0
    for step in wobble:
        at += step + 2
        if has_moved(kept, span(at, at + wide)):
            kept = span(at, at + wide)
        assert abs((kept[0] - AT) / timedelta(minutes=1) - at) <= max(5, wide / 4)


def test_an_incident_that_is_assessed_again_and_again_tells_its_onset_once():
    found = Assessment(span(0, 20), Severity.SEV2, "Users are hurt.", "AUC fell", None, None, (), (), ())
    journal = Journal()
    journal.write(T0, opened("real"), alerted(), moved("declared"), moved("triaging"))
    earliest, latest = found.onset
    for minutes in (0, 1, 2, -1, 0, 90, 91):
        by = timedelta(minutes=minutes)
        later = replace(found, onset=(earliest + by, latest + by))
        journal.write(T0, *assessed(journal.now, later))
    told = [entry for entry in journal.entries if entry.kind is EntryKind.ONSET]
    assert len(told) == 2
    assert journal.now.onset == (earliest + timedelta(minutes=90), latest + timedelta(minutes=90))
