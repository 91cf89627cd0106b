"""Incidents as a replay writes them, made up whole: what the report and the story are drawn from in tests."""

# ruff: noqa: E501
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from fireline.clock import iso
from fireline.terms.alert import Alert, Finding
from fireline.terms.cause import Cause, CauseKind
from fireline.terms.change import Change
from fireline.terms.decision import Decision
from fireline.terms.evidence import Evidence
from fireline.terms.incident import Incident, State
from fireline.terms.measure import Measure, MeasureState
from fireline.terms.review import ActionItem, Moment, Review
from fireline.terms.severity import Severity
from fireline.terms.timeline import Entry, EntryKind
from fireline.terms.verdict import Verdict, VerdictKind

SERVICE, ZONE = "flight-delays", "America/New_York"
CANARY = datetime(2013, 3, 18, 10, tzinfo=UTC)
FULL = CANARY + timedelta(hours=6)
ALERTED = CANARY + timedelta(hours=1, minutes=20)
DEPLOYS = (
    Change(
        CANARY, "deploy", "delay model B to a 20 % canary", SERVICE, "B", link="https://ci.example/run/41"
    ),
    Change(FULL, "deploy", "delay model B to everybody", SERVICE, "B"),
)


def hourly(step: float = 0.9, at: datetime = CANARY, days: int = 31, unit: str = "AUC") -> dict[str, Any]:
    """A metric of ``days`` days that moves by ``step`` of its own size at ``at``."""
    rng = np.random.default_rng(7)
    start = datetime(2013, 3, 1, 5, tzinfo=UTC)
    when = [start + timedelta(hours=h) for h in range(24 * days)]
    usual = np.array([0.72 + 0.02 * np.sin(2 * np.pi * t.hour / 24) for t in when])
    n = np.array([int(max(0, 55 * (1 - np.cos(2 * np.pi * (t.hour - 7) / 24)))) for t in when])
    noise = rng.normal(0, 0.25, len(when)) / np.sqrt(np.maximum(n, 1))
    seen = usual * np.where([t >= at for t in when], step, 1.0) + noise
    return {
        "t": [iso(t) for t in when],
        "seen": [round(float(s), 4) if k >= 5 else None for s, k in zip(seen, n, strict=True)],
        "usual": [round(float(u), 4) for u in usual],
        "low": [round(float(u - 0.06), 4) for u in usual],
        "high": [round(float(u + 0.06), 4) for u in usual],
        "n": [int(k) for k in n],
        "unit": unit,
    }


def exhibits() -> tuple[Evidence, ...]:
    """One of every kind."""
    hours = [str(h) for h in range(24)]
    before = np.array(
        [0.1] + [0] * 4 + [4, 6.5, 6.2, 8, 6, 5, 5, 6, 6.2, 6, 7.5, 7, 7.2, 6.5, 6, 5, 3.2, 1, 0.4]
    )
    after = np.roll(before, 4)
    versions = [
        {
            "version": "A",
            "shadow": False,
            "n": 16157,
            "AUC": 0.742,
            "dep_hour (mean)": 13.2,
            "error rate": 0.001,
        },
        {
            "version": "A",
            "shadow": True,
            "n": 12677,
            "AUC": 0.713,
            "dep_hour (mean)": 13.1,
            "error rate": 0.0,
        },
        {
            "version": "B",
            "shadow": False,
            "n": 12677,
            "AUC": 0.683,
            "dep_hour (mean)": 12.0,
            "error rate": 0.001,
        },
    ]
    slices = [
        {"slice": {"dep_hour": [0, 3]}, "n": 2210, "before": 0.001, "after": 0.18, "lift": 0.179},
        {"slice": {"carrier": "B6", "origin": "JFK"}, "n": 930, "before": 0.11, "after": 0.12, "lift": 0.01},
        {"slice": {"carrier": "UA"}, "n": 1330, "before": 0.17, "after": 0.165, "lift": -0.005},
    ]
    return (
        Evidence("metric", "AUC of version B, by hour", "0.65 where 0.72 is usual since 18 Mar 06:00", hourly()),
        Evidence("histogram", "dep_hour before and since the onset", "PSI 6.1 where 0.02 is noise",
                 {"cells": hours, "before": list(before / before.sum()), "after": list(after / after.sum()), "unit": "h"}),
        Evidence("histogram", "carrier before and since the onset", "the mix did not change",
                 {"cells": ["United Air Lines", "JetBlue Airways", "ExpressJet", "Delta", "other", "unseen"],
                  "before": [0.17, 0.16, 0.16, 0.14, 0.37, 0], "after": [0.171, 0.16, 0.15, 0.145, 0.374, 0], "unit": ""}),
        Evidence("versions", "A and B on the same requests", "only B is bad", {
            "rows": versions, "figures": ["AUC", "dep_hour (mean)", "error rate"]}),
        Evidence("slices", "Where it hurts", "no single slice: it is the whole of B", {"rows": slices, "figure": "share late"}),
        Evidence("table", "Features of B that moved", "dep_hour alone", {
            "columns": ["feature", "PSI", "moved on the same requests"], "rows": [["dep_hour", 6.12, "100 %"], ["temp", 0.01, "0 %"]]}),
        Evidence("note", "What was not looked at", "hosts are not in the log", {"text": "No column names a host."}),
    )  # fmt: skip


def alerts() -> tuple[Alert, ...]:
    """A drift that pages and a quality alert a day later."""
    drift = Finding("numeric drift", "drift", "feature:dep_hour", ALERTED, "page", 4.31, 2.87, feature="dep_hour",
                    version="B", seen=12.4, usual=9.1, unit="h", because="dep_hour of version B moved 1.1 sd since its deploy",
                    details={"psi": 6.12, "psi_noise": 0.02, "n": 61})  # fmt: skip
    auc = Finding("auc", "auc", "score_label", ALERTED + timedelta(hours=26), "page", 3.3, 3.1, version="B",
                  against="A", seen=0.651, usual=0.702, unit="AUC", direction="down",
                  because="AUC of B is 0.051 below A's on the same requests")  # fmt: skip
    return tuple(Alert(f"alr-{k}", f, f.at, f.urgency, f.because) for k, f in enumerate((drift, auc)))


def causes() -> tuple[Cause, ...]:
    """A deploy in front, an infrastructure suspect ruled out."""
    return (
        Cause(CauseKind.DEPLOY, 0.81, "only B is bad: AUC 0.65 with B and 0.70 with A on the same requests", DEPLOYS[0],
              ("starts 4 minutes after the deploy", "only B reads dep_hour differently (100 % of requests)"), (), False,
              "compare B's and A's feature code for dep_hour"),
        Cause(CauseKind.UPSTREAM_DATA, 0.12, "one feature moved alone", None, ("dep_hour moved alone",),
              ("A reads the same requests as ever",), False, "put yesterday's dep_hour back: does the AUC recover?"),
        Cause(CauseKind.INFRASTRUCTURE, 0.0, "no latency, error or traffic alert in the window", None, (),
              ("error rate 0.1 % as ever",), True),
    )  # fmt: skip


def measure() -> Measure:
    """The rollback that was simulated."""
    at = ALERTED + timedelta(minutes=5)
    return Measure("mea-1", "inc-1", SERVICE, "rollback", {"from": "B", "to": "A"},
                   "Would have rolled back B to A, because only B is bad and A is known good", "observe",
                   MeasureState.CONFIRMED, at, True, expected="The AUC back from 0.65 to about 0.70.",
                   dry_run="All traffic goes to A; B, which answers 20 % of the traffic now, answers nothing any more.",
                   inverse={"action": "route_share", "params": {"version": "B", "share": 0.2, "to": "A"}},
                   expires_at=at + timedelta(days=1), applied_at=at, confirmed_at=at,
                   effect={"AUC": {"harmed": 0.651, "contained": 0.693}})  # fmt: skip


def verdicts() -> tuple[Verdict, ...]:
    """Undecided first, then effective on shadow scores."""

    def row(
        name: str, family: str, harmed: float, contained: float, reference: float, judged: str
    ) -> dict[str, Any]:
        return {"name": name, "family": family, "feature": None, "segment": None, "unit": "", "harmed": harmed,
                "contained": contained, "reference": reference, "gap_se": 0.01, "n_harmed": 930, "n_contained": 930,
                "tolerance": 0.005, "wanted": True, "judged": judged, "missing": ""}  # fmt: skip

    figures = {"how": "shadow", "harmed": "as served by B", "contained": "with A in shadow", "figures": [
        row("AUC", "auc", 0.6504, 0.6929, 0.72, "effective"), row("mean of dep_hour", "drift", 17.1, 13.1, 13.2, "effective")]}  # fmt: skip
    return (
        Verdict(ALERTED + timedelta(hours=6), VerdictKind.UNDECIDED, "too few labels yet: 31 of 420", "mea-1", True),
        Verdict(ALERTED + timedelta(hours=40), VerdictKind.EFFECTIVE,
                "with A in shadow the AUC is 0.69 against 0.65 as served by B; 0.72 is usual", "mea-1", True, figures),
    )  # fmt: skip


def review() -> Review:
    """A draft with every part filled."""
    return Review(
        "inc-1", SERVICE, "B reads the departure hour differently", "SEV2", "learning", "replay", ZONE,
        "Version B was deployed on 18 March and read dep_hour four hours late; its AUC fell from 0.70 to 0.65.",
        (Moment("onset", iso(CANARY), ""), Moment("detected", iso(ALERTED), "1 h 20 min after the onset"),
         Moment("contained", iso(ALERTED + timedelta(minutes=5)), "5 min later", "simulated"), Moment("resolved", None, "")),
        ("12,677 requests were answered by B.",), 12677, ("The canary showed it to 20 % first.",),
        ("The canary was widened without a look at its inputs.",),
        ((iso(CANARY), "B began to answer 20 %."), (iso(ALERTED), "A page about dep_hour.")),
        tuple(c.as_json() for c in causes() if not c.rejected), tuple(c.as_json() for c in causes() if c.rejected),
        ("Nothing compares the features of a new version with the old one's.",),
        (ActionItem("act-1", "detect", "Gate the canary on a comparison of B's inputs with A's", "it was widened blind", "delays team"),
         ActionItem("act-2", "prevent", "Test dep_hour around daylight saving", "the hour was read in UTC")),
        "--- runbook.yaml\n+++ runbook.yaml\n@@ monitors @@\n+  - monitor: numeric drift\n+    feature: dep_hour\n+    tolerance: 0.05\n",
        ("Who approves the widening of a canary?",), {},
    )  # fmt: skip


def deploy_incident() -> tuple[Incident, list[tuple[Incident, Entry]]]:
    """The incident, and its entries each with the incident as it was after it."""
    facts: list[tuple[datetime, EntryKind, str, Mapping[str, Any], str]] = []

    def fact(
        at: datetime,
        kind: EntryKind,
        because: str,
        data: Mapping[str, Any] | None = None,
        by: str = "fireline",
    ) -> None:
        facts.append((at, kind, because, data or {}, by))

    seen, rollback, judged = alerts(), measure(), verdicts()
    onset = (CANARY - timedelta(minutes=6), CANARY + timedelta(minutes=14))
    title = "dep_hour of version B moved since its deploy"
    fact(
        ALERTED, EntryKind.OPENED, "a page opened it", {"service": SERVICE, "mode": "replay", "title": title}
    )
    fact(ALERTED, EntryKind.ALERTED, seen[0].because, {"alert": seen[0].as_json()})
    fact(
        ALERTED,
        EntryKind.ONSET,
        "by 41 events before and 61 after",
        {"earliest": iso(onset[0]), "latest": iso(onset[1])},
    )
    fact(ALERTED, EntryKind.SEVERITY, "20 % of the traffic, and not undone by itself", {"severity": "SEV2"})
    fact(ALERTED, EntryKind.CAUSES, causes()[0].because, {"causes": [c.as_json() for c in causes()]})
    fact(
        ALERTED,
        EntryKind.EVIDENCE,
        "frozen before anything is touched",
        {"evidence": [e.as_json() for e in exhibits()]},
    )
    fact(ALERTED, EntryKind.NEXT, "what to look at", {"checks": ["compare feature code of B and A"]})
    decision = Decision(
        "Would roll back B to A, because only B is bad and A is known good",
        0,
        "rollback",
        {"from": "B", "to": "A"},
        "observe",
        "deploy",
    )
    fact(rollback.requested_at, EntryKind.DECIDED, decision.because, decision.as_json())
    fact(rollback.requested_at, EntryKind.REQUESTED, rollback.because, {"measure": rollback.as_json()})
    fact(rollback.requested_at, EntryKind.APPLIED, "simulated", {"measure": "mea-1", "receipt": {}})
    fact(rollback.requested_at, EntryKind.CONFIRMED, "simulated", {"measure": "mea-1"})
    fact(rollback.requested_at, EntryKind.MOVED, "the measure is confirmed", {"to": "contained"})
    fact(judged[0].at, EntryKind.VERDICT, judged[0].because, {"verdict": judged[0].as_json()})
    fact(seen[1].fired_at, EntryKind.ALERTED, seen[1].because, {"alert": seen[1].as_json()})
    fact(judged[1].at, EntryKind.VERDICT, judged[1].because, {"verdict": judged[1].as_json()})
    fact(
        judged[1].at,
        EntryKind.WATCH,
        "24 h without a relapse",
        {"until": iso(judged[1].at + timedelta(days=1))},
    )
    fact(
        judged[1].at + timedelta(hours=1),
        EntryKind.NOTE,
        "The feature team was told.",
        {"text": "told"},
        "ada",
    )
    fact(
        judged[1].at + timedelta(days=1),
        EntryKind.REVIEW,
        "a draft for a person to finish",
        {"review": review().as_json()},
    )
    facts.sort(key=lambda one: one[0])
    entries = tuple(
        Entry("inc-1", k + 1, at, kind, by, because, data)
        for k, (at, kind, because, data, by) in enumerate(facts)
    )
    incident = Incident(
        "inc-1", SERVICE, "replay", title, State.LEARNING, ALERTED, Severity.SEV2,
        "20 % of the traffic, and not undone by itself", resolved_at=judged[1].at + timedelta(days=1), onset=onset,
        alerts=tuple(a.as_json() for a in seen), causes=tuple(c.as_json() for c in causes()),
        evidence=tuple(e.as_json() for e in exhibits()), checks=("compare feature code of B and A",), measures=(rollback,),
        verdicts=tuple(v.as_json() for v in judged), decisions=({**decision.as_json(), "because": decision.because, "at": iso(rollback.requested_at)},),
        review=review().as_json(), action_items=tuple(i.as_json() for i in review().action_items), timeline=entries,
    )  # fmt: skip
    return incident, [
        (replace(incident, timeline=entries[: k + 1]), entry) for k, entry in enumerate(entries)
    ]


def ticket_incident() -> Incident:
    """Weather that drifts by itself: a ticket ranked natural drift, with no measure."""
    at = datetime(2013, 3, 9, 14, tzinfo=UTC)
    finding = Finding("numeric drift", "drift", "feature:temp", at, "ticket", 2.6, 2.2, feature="temp", seen=44.1,
                      usual=36.0, unit="°F", because="temp moved 0.4 sd over six days")  # fmt: skip
    alert = Alert("alr-9", finding, at, "ticket", finding.because)
    cause = Cause(CauseKind.NATURAL_DRIFT, 0.88, "gradual, many weather features a little, errors unchanged", None,
                  ("no change within three days",), ())  # fmt: skip
    entries = (
        Entry("inc-2", 1, at, EntryKind.OPENED, "fireline", "a ticket opened it", {"title": "temp drifts"}),
        Entry("inc-2", 2, at, EntryKind.ALERTED, "fireline", finding.because, {"alert": alert.as_json()}),
        Entry("inc-2", 3, at, EntryKind.DECIDED, "fireline", "No measure: nothing here pages", {"row": None, "action": None, "authority": "observe"}),
    )  # fmt: skip
    data = hourly(1.0, unit="°F") | {"usual": [38.0] * 744, "low": [], "high": []}
    data["seen"] = [
        None if s is None else 36 + 14 * k / 744 + 20 * (s - 0.72) for k, s in enumerate(data["seen"])
    ]
    return Incident("inc-2", SERVICE, "replay", "temp drifts", State.TRIAGING, at, Severity.SEV3, "a ticket",
                    onset=(at - timedelta(days=4), at - timedelta(days=1)), alerts=(alert.as_json(),), slice={"origin": "LGA"},
                    causes=(cause.as_json(),), evidence=(Evidence("metric", "temp, by hour", "rises", data).as_json(),),
                    decisions=({"because": "No measure: nothing here pages, so it is a ticket.", "action": None},),
                    timeline=entries)  # fmt: skip


def summary() -> dict[str, Any]:
    """What a replay says of the whole period."""
    series = hourly()
    return {
        "service": SERVICE, "purpose": "Tells passengers two hours ahead whether their flight will be late", "timezone": ZONE,
        "period": [series["t"][0], series["t"][-1]], "reference": [series["t"][0], "2013-03-15T04:00:00Z"],
        "events": 41511, "shadow": 12677, "labels": 28834, "late": 12, "duplicates": 3,
        "quarantined": {"score is not a number": 2, "time is three hours ahead": 41},
        "quarantine_examples": [{"file": "events.csv", "row": 1812, "reason": "score is not a number", "value": "n/a"}],
        "changes": [c.as_json() for c in DEPLOYS], "activity": {"t": series["t"], "n": series["n"]},
        "monitors": {"judged": 214, "families": {"drift": 120, "null_rate": 40, "auc": 3, "error_rate": 20, "latency": 11}},
        "budget": {"false_pages_per_30d": 1.0},
        "noticeable": [{"monitor": "error rate", "scope": "service", "usual": "0.10 %", "smallest": "0.9 %", "within": "24 h"},
                       {"monitor": "AUC", "scope": "version B", "usual": "0.72", "smallest": "0.66", "within": "24 h"},
                       {"monitor": "drift of dep_hour", "scope": "service", "usual": "13.2", "smallest": "±0.9 h", "within": "24 h"}],
        "notes": ["latency_ms and status are invented in this log."],
        "command": "fireline replay runbook.yaml --events out/log --out out",
        "made_by": "Fireline 0.1.0",
    }  # fmt: skip


HOSTILE = "<script>alert('x')</script>\"'&--><img src=x onerror=alert(1)>\u202e"


def hostile() -> dict[str, Any]:
    """The incident with every string replaced by, or ending in, something that would love to run."""

    def poison(value: Any, key: str = "") -> Any:
        if isinstance(value, Mapping):
            return {k if k in _KEYS else f"{k}": poison(v, k) for k, v in value.items()}
        if isinstance(value, list | tuple):
            return [poison(one, key) for one in value]
        return HOSTILE if isinstance(value, str) and key not in _FIXED else value

    found: dict[str, Any] = poison(deploy_incident()[0].as_json())
    found["slice"] = {HOSTILE: HOSTILE}
    found["evidence"][1]["data"]["cells"] = [HOSTILE] * 24
    return found


_FIXED = {"id", "at", "t", "kind", "state", "severity", "opened_at", "closed_at", "resolved_at", "onset", "fired_at",
          "requested_at", "applied_at", "confirmed_at", "ended_at", "expires_at", "urgency", "until", "earliest", "latest",
          "timezone", "timeline", "mode"}  # fmt: skip
_KEYS: set[str] = set()
