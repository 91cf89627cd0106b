"""What should be different next time: contributing conditions and action items, each born from a fact."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from fireline.ids import stable_id
from fireline.learn.facts import (
    ReviewFacts,
    alerts,
    bad_version,
    by_itself,
    canary_of,
    contained_at,
    detected_at,
    held_by,
    standing,
)
from fireline.learn.tell import SLOW, done
from fireline.runbook.schema import Runbook
from fireline.terms import words
from fireline.terms.incident import Incident
from fireline.terms.review import ActionItem, ActionKind
from fireline.terms.role import Role
from fireline.terms.severity import Severity
from fireline.terms.standing import last_verdict
from fireline.terms.timeline import EntryKind
from fireline.terms.verdict import VerdictKind

Raw = tuple[ActionKind, str, str]
LABELLED = frozenset({"auc", "accuracy", "calibration"})
BROKEN_INPUTS = frozenset({"deploy", "upstream_data"})
MUCH = 0.05
"""The least move of a cell's share that is worth an expectation."""


def contributing(incident: Incident, runbook: Runbook, facts: ReviewFacts) -> tuple[str, ...]:
    """Conditions without which it would have been smaller or shorter; no blame in them."""
    told = []
    canary = canary_of(facts.changes, bad_version(incident))
    detected = detected_at(incident)
    if canary and canary.ended is None:
        told.append(f"{canary.version} went to all its traffic in one step.")
    elif canary and canary.ended and canary.ended < detected:
        ran, late = words.length(canary.ended - canary.began), words.length(detected - canary.ended)
        told.append(f"{canary.version}'s canary ran {ran}; the first alert came {late} after it had ended.")
    if runbook.labels and any(a["family"] in LABELLED for a in alerts(incident)):
        age = words.length(runbook.labels.age)
        told.append(f"Labels are complete only {age} after a request, so quality cannot be judged sooner.")
    measure = held_by(incident)
    if measure and measure.authority == "observe":
        told.append(
            "The runbook lets Fireline only observe: nothing would have been done before a person came."
        )
    if runbook.last_known_good is None:
        told.append("The runbook names no version to go back to.")
    if incident.slice:
        where = " and ".join(f"{column} {_value(value)}" for column, value in sorted(incident.slice.items()))
        told.append(f"Only {where} was hit, and whole-service figures dilute that.")
    return tuple(told)


def _value(value: Any) -> str:
    return f"{value[0]:g} to {value[1]:g}" if isinstance(value, list | tuple) else str(value)


def action_items(incident: Incident, runbook: Runbook, facts: ReviewFacts) -> tuple[ActionItem, ...]:
    """The items in the order of what they would have saved: repair, prevent, detect, contain, process."""
    raw = [*_repair(incident), *_prevent(incident, facts), *_detect(incident, runbook),
           *_contain(incident, runbook, facts), *_process(incident, runbook)]  # fmt: skip
    found = dict.fromkeys(raw)
    return tuple(
        ActionItem(stable_id("act", incident.id, what), kind, what, because, _owner(runbook, kind))
        for kind, what, because in found
    )


def _owner(runbook: Runbook, kind: ActionKind) -> str:
    wanted = Role.OPS if kind in ("contain", "process") else Role.ML_OWNER
    named = [c.name for c in runbook.ownership.contacts if c.role is wanted]
    return named[0] if named else runbook.ownership.team


def _repair(incident: Incident) -> Iterator[Raw]:
    top = next(iter(standing(incident)), None)
    if top is None or top["cause"] == "unknown":
        yield ("recover", "Find the cause: the review cannot be closed on a guess.",
               "No cause stood out; the next checks are in the incident.")  # fmt: skip
        return
    because = words.sentence(top["because"])
    version = bad_version(incident)
    what = {
        "deploy": f"Fix {version or 'the change'} and shadow it against the version that serves before it "
        f"returns.",
        "upstream_data": "Have the source of the broken features repaired, and agree how its changes are "
        "told.",
        "infrastructure": "Have the platform repaired, and the fallback exercised while it is.",
        "attack": "Block what attacked at the gateway, and keep ten of its requests as a test.",
        "label_pipeline": "Repair the label job and judge the days it spoilt again.",
        "natural_drift": "Take a new reference, and retrain on recent data if quality fell with the drift.",
        "concept_drift": "Retrain on recent data and backtest it against what serves.",
    }[str(top["cause"])]
    yield "recover", what, because


def _prevent(incident: Incident, facts: ReviewFacts) -> Iterator[Raw]:
    canary = canary_of(facts.changes, bad_version(incident))
    if canary is None:
        return
    needed = detected_at(incident) - canary.began
    if needed <= timedelta(0):
        return
    took = words.length(needed)
    if canary.ended is None:
        yield (
            "prevent",
            "Send every new version to a canary first.",
            f"{canary.version} went to all its traffic at once; its fault took {took} to show.",
        )
    elif detected_at(incident) >= canary.ended:
        ran = words.length(canary.ended - canary.began)
        least = words.length(_rounded_up(needed))
        yield ("prevent", f"Let canaries run {least} or longer, or on a larger share.",
               f"The canary ran {ran}, and this fault showed {took} after it began.")  # fmt: skip
    else:
        went_on = words.length(canary.ended - detected_at(incident))
        showed = f"{canary.version} showed its fault {took} after its canary began"
        yield ("prevent", "Hold a rollout while an incident is open on its version.",
               f"{showed}, and went to everybody {went_on} later.")  # fmt: skip


def _rounded_up(span: timedelta) -> timedelta:
    hours = -(-span // timedelta(hours=1))
    return timedelta(hours=hours if hours <= 12 else -(-hours // 12) * 12)


def _detect(incident: Incident, runbook: Runbook) -> Iterator[Raw]:
    top = next(iter(standing(incident)), None)
    broken = top is not None and top["cause"] in BROKEN_INPUTS
    for name, cell, before, after in moved_cells(incident) if broken else ():
        if name == "score":
            continue
        yield (
            "detect",
            f"Add an expectation on {name}: the share of {cell} is usually {words.share(before)}.",
            f"It was {words.share(after)} while the incident lasted.",
        )
    for column in sorted(incident.slice or {}):
        if column not in runbook.columns.segments:
            yield (
                "detect",
                f"Watch {column} as a segment.",
                f"The harm lay in one part of {column} that nobody watches.",
            )
    late = detected_at(incident) - incident.onset[0] if incident.onset else timedelta(0)
    if late > SLOW and not any(a["family"] in ("score_drift", "drift") for a in alerts(incident)):
        yield ("detect", "Look for an earlier sign than the one that paged.",
               f"The harm went on for {words.length(late)} before anything paged.")  # fmt: skip


def moved_cells(incident: Incident) -> list[tuple[str, str, float, float]]:
    """For each feature its cell that moved most, as (feature, cell, before, after); the most moved feature
    first."""
    found: dict[str, tuple[float, str, float, float]] = {}
    for exhibit in incident.evidence:
        if exhibit["kind"] != "histogram":
            continue
        name = str(exhibit["title"]).removesuffix(" before and after").strip()
        data = exhibit["data"]
        for cell, before, after in zip(data["cells"], data["before"], data["after"], strict=False):
            by = abs(after - before)
            if by >= max(MUCH, found[name][0] if name in found else 0.0):
                found[name] = (by, str(cell), float(before), float(after))
    ordered = sorted(found.items(), key=lambda item: (-item[1][0], item[0]))
    return [(name, cell, before, after) for name, (_, cell, before, after) in ordered]


def _contain(incident: Incident, runbook: Runbook, facts: ReviewFacts) -> Iterator[Raw]:
    measure = held_by(incident)
    if measure and measure.authority == "observe" and incident.decisions:
        row = next(
            (d["row"] for d in reversed(incident.decisions) if d.get("action") == measure.action), None
        )
        saved = (
            f"; {words.number(facts.requests_avoidable)} requests came after that"
            if facts.requests_avoidable
            else ""
        )
        after = words.length((contained_at(incident) or measure.requested_at) - detected_at(incident))
        where = f"row {row + 1} of the decision table" if row is not None else "the decision table"
        yield ("contain", f"Let {where} ask or act, instead of only observing.",
               f"The {done(measure)} would have helped {after} after the alert{saved}.")  # fmt: skip
    for tried in incident.measures:
        if last_verdict(incident, tried.id) is VerdictKind.INEFFECTIVE:
            yield ("contain", f"Change the row of the decision table that chose the {done(tried)}.",
                   "It was tried in this incident and did not help.")  # fmt: skip
    if runbook.last_known_good is None:
        yield (
            "contain",
            "Name the last-known-good version in the runbook.",
            "There was nothing to go back to.",
        )
    if facts.shadowed is False and runbook.last_known_good:
        yield ("contain", f"Let {runbook.last_known_good.version} answer a share of requests in the shadow.",
               "Without its shadow nobody can tell what going back would bring.")  # fmt: skip
    if not runbook.ladder:
        yield (
            "contain",
            "Write a fallback ladder, and send a trickle through every rung.",
            "The runbook has none.",
        )


def _process(incident: Incident, runbook: Runbook) -> Iterator[Raw]:
    held = {contact.role for contact in runbook.ownership.contacts}
    severe = incident.severity in (Severity.SEV1, Severity.SEV2)
    for role in Role:
        if role not in held and (severe or role is Role.COMMANDER):
            yield (
                "process",
                f"Name somebody as {role.value} in the runbook.",
                "The runbook names nobody for it.",
            )
    for entry in incident.timeline:
        if entry.kind is EntryKind.EXPIRED and entry.because.startswith("Nobody answered"):
            yield (
                "process",
                "Find out why nobody answered, and call them in a way that wakes.",
                words.sentence(entry.because),
            )
    if by_itself(incident) and not incident.measures and incident.paged:
        yield (
            "process",
            "Write down what was done by hand, and make it a row of the decision table.",
            "The service recovered without a measure of ours, so somebody or something did it.",
        )
