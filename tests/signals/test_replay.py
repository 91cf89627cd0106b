"""A log, its signals, and what a replay says of them."""

from __future__ import annotations

from datetime import timedelta

from fireline.clock import iso, parse_time
from fireline.web import report
from tests.signals.conftest import END, LIVE, ONSET, START, Small, calls, every

DECLARED = """
signals:
  - name: cpu
    kind: gauge
    above: 0.9
    because: A full processor makes requests time out.
  - name: refund
    kind: canary
    every: 5m
"""


def calm(at) -> float:
    return 0.01


def failing(at) -> float:
    return 0.5 if at >= ONSET else 0.01


def cpu(since, until, high_from=None):
    return [
        {"at": iso(at), "name": "cpu", "value": 0.97 if high_from and at >= high_from else 0.5}
        for at in every(timedelta(minutes=1), since, until)
    ]


def canary(since, until):
    return [
        {"at": iso(at), "kind": "canary", "name": "refund", "ok": True}
        for at in every(timedelta(minutes=5), since, until)
    ]


def alerts(incidents):
    return [a for i in incidents for a in i["alerts"]]


def test_a_dependency_that_fails_is_named_within_the_hour(small: Small):
    place = small.book(DECLARED, calls("feature_store", START, LIVE, calm))
    signals = small.put(
        "live.jsonl", calls("feature_store", LIVE, END, failing, 2) + cpu(LIVE, END) + canary(LIVE, END)
    )
    incidents = small.replay(place, signals=[signals])
    told = [a for a in alerts(incidents) if a["monitor"] == "dependency_errors"]
    assert [a["feature"] for a in told] == ["feature_store"]
    assert told[0]["family"] == "resource"
    assert ONSET < parse_time(told[0]["fired_at"]) < ONSET + timedelta(hours=1)
    page = report.write(small.folder / "out" / "report.html", incidents, {"service": "synthetic"})
    assert "feature_store" in page.read_text()


def test_calm_signals_tell_nothing(small: Small):
    place = small.book(DECLARED, calls("feature_store", START, LIVE, calm))
    signals = small.put(
        "live.jsonl", calls("feature_store", LIVE, END, calm, 2) + cpu(LIVE, END) + canary(LIVE, END)
    )
    assert small.replay(place, signals=[signals]) == []


def test_declared_limits_work_without_any_past(small: Small):
    place = small.book(DECLARED)
    signals = small.put("live.jsonl", cpu(LIVE, END, ONSET) + canary(LIVE, END))
    told = alerts(small.replay(place, signals=[signals]))
    assert {a["monitor"] for a in told} == {"saturation"}
    assert ONSET < parse_time(told[0]["fired_at"]) < ONSET + timedelta(minutes=30)


def test_a_canary_that_stops_is_an_alarm(small: Small):
    place = small.book(DECLARED)
    signals = small.put("live.jsonl", cpu(LIVE, END) + canary(LIVE, ONSET))
    told = alerts(small.replay(place, signals=[signals]))
    assert {(a["monitor"], a["family"], a["feature"]) for a in told} == {
        ("signal_silence", "canary", "refund")
    }
    assert ONSET < parse_time(told[0]["fired_at"]) < ONSET + timedelta(hours=4)


def test_bad_rows_are_put_aside_and_the_rest_counts(small: Small):
    place = small.book(DECLARED)
    bad = [
        {"at": "yesterday", "name": "cpu", "value": 1},
        {"at": iso(LIVE), "name": "cpu"},
        {"at": iso(LIVE), "name": "cpu", "kind": "mood", "value": 1},
    ]
    signals = small.put("live.jsonl", bad + cpu(LIVE, END, ONSET) + canary(LIVE, END))
    assert {a["monitor"] for a in alerts(small.replay(place, signals=[signals]))} == {"saturation"}
    summary = (small.folder / "out" / "summary.json").read_text()
    assert "signals: 3 of" in summary
    assert "is not a time" in summary
