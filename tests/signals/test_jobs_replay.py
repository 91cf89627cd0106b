"""Runs of jobs beside a log: told once, joined to an incident, well again with the next good run."""

from __future__ import annotations

from datetime import timedelta

from fireline.clock import iso, parse_time
from tests.signals.conftest import LIVE, Small

HOUR = timedelta(hours=1)
RULES = """
jobs:
  - name: nightly-train
    every: 6h
    grace: 1h
    gate: true
    because: Yesterday's prices are learnt there.
"""


def run(number: int, at, state: str = "succeeded", **more):
    return {
        "at": iso(at), "job": "nightly-train", "run": str(number), "state": state,
        "started": iso(at - HOUR), "finished": iso(at), "evaluation": {"passed": True}, **more,
    }  # fmt: skip


def test_a_failed_run_opens_a_ticket_that_the_next_good_run_ends(small: Small):
    place = small.book(RULES)
    runs = [
        run(0, LIVE + HOUR),
        run(1, LIVE + 4 * HOUR, "failed"),
        run(2, LIVE + 5 * HOUR),
        run(3, LIVE + 11 * HOUR),
        run(4, LIVE + 17 * HOUR),
        run(5, LIVE + 23 * HOUR),
    ]
    incidents = small.replay(place, jobs=small.put("jobs.jsonl", runs))
    told = [a for i in incidents for a in i["alerts"]]
    assert [(a["monitor"], a["family"], a["feature"], a["urgency"]) for a in told] == [
        ("job_failed", "job", "nightly-train", "ticket")
    ]
    assert parse_time(told[0]["fired_at"]) == LIVE + 4 * HOUR
    assert "Yesterday's prices" in told[0]["because"]


def test_the_same_runs_without_the_fault_tell_nothing(small: Small):
    place = small.book(RULES)
    runs = [run(n, LIVE + HOUR * at) for n, at in enumerate((1, 5, 11, 17, 23))]
    assert small.replay(place, jobs=small.put("jobs.jsonl", runs)) == []


def test_a_missing_run_is_told_when_it_is_due(small: Small):
    place = small.book(RULES)
    incidents = small.replay(place, jobs=small.put("jobs.jsonl", [run(0, LIVE + HOUR)]))
    told = [a for i in incidents for a in i["alerts"]]
    assert [(a["monitor"], a["fired_at"]) for a in told] == [("job_late", iso(LIVE + 8 * HOUR))]


def test_bad_lines_are_put_aside_and_named(small: Small):
    place = small.book(RULES)
    path = small.put("jobs.jsonl", [run(n, LIVE + HOUR * at) for n, at in enumerate((1, 5, 11, 17, 23))])
    path.write_text(path.read_text() + "{broken\n" + '{"job": "x"}\n')
    assert small.replay(place, jobs=path) == []
    summary = (small.folder / "out" / "summary.json").read_text()
    assert "jobs.jsonl" in summary
    assert "the run has no time" in summary
