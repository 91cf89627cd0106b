"""What a page says. It is read on a phone, in the dark, by somebody who was asleep a minute ago.

First line: how bad, where, what. Then since when and who is hit, why, what is being done or asked for, what
to look at, and what to do so that it stops ringing. Nothing that a service sends can break a line of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from fireline.clock import iso, parse_time
from fireline.terms import words
from fireline.terms.incident import Incident, State
from fireline.terms.measure import Measure, MeasureState
from fireline.terms.page import CALLS, Message, PageKind
from fireline.terms.timeline import EntryKind

ASKS = "Fireline asks before it acts."
FIRST = 90
LINE = 240
LEAD = {
    PageKind.PAGE: "",
    PageKind.REPAGE: "UNANSWERED ",
    PageKind.ESCALATE: "ESCALATED ",
    PageKind.UPDATE: "Update: ",
    PageKind.RESOLVED: "",
}
ENDS = {
    State.RESOLVED: "Resolved",
    State.LEARNING: "Resolved",
    State.CLOSED: "Resolved",
    State.MERGED: "Merged",
    State.DECLINED: "Declined",
    State.CANCELLED: "Cancelled",
}
STANDS = {
    State.SUSPECTED: "being looked at",
    State.DECLARED: "being looked at",
    State.TRIAGING: "not contained",
    State.CONTAINING: "not contained",
    State.CONTAINED: "contained",
    State.RECOVERING: "contained, on the way back",
    State.VERIFYING: "being watched",
}
CAUSES = {
    "deploy": "a deploy",
    "upstream_data": "upstream data",
    "natural_drift": "natural drift",
    "concept_drift": "concept drift",
    "attack": "an attack",
    "label_pipeline": "the label pipeline",
}


@dataclass(frozen=True, slots=True)
class Telling:
    """How a message is written: the server's address, the clocks its readers look at, why it comes, and how
    soon the next one does (None: not by itself; ``last``: given up). ``lapsed``: somebody had answered, too
    long ago."""

    base_url: str = ""
    timezone: str = "UTC"
    because: str = ""
    again: timedelta | None = None
    last: bool = False
    lapsed: bool = False


def written(incident: Incident, kind: PageKind, telling: Telling, now: datetime) -> Message:
    """The message of ``kind`` about ``incident`` as it stands at ``now``."""
    link = f"{telling.base_url.rstrip('/')}/incidents/{incident.id}" if telling.base_url else ""
    title = first_line(incident, kind, telling.lapsed)
    lines = (
        _end(incident, telling) if kind is PageKind.RESOLVED else _body(incident, kind, telling, link, now)
    )
    told = [title, *(line(text) for text in lines if text), link]
    return Message(
        incident=incident.id,
        service=incident.service,
        kind=kind.value,
        title=title,
        text="\n".join(part for part in told if part),
        severity=incident.severity.value if incident.severity else "",
        link=link,
        at=iso(now),
    )


def line(text: str, most: int = LINE) -> str:
    """``text`` as one line without anything that is not printed, cut at a word where it is too long.

    >>> line("two" + chr(10) + "lines" + chr(27) + "[31m")
    'two lines [31m'
    """
    whole = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    if len(whole) <= most:
        return whole
    cut = whole[: most - 1]
    space = cut.rfind(" ")
    return (cut[:space] if space > most // 2 else cut).rstrip(",;: ") + "…"


def first_line(incident: Incident, kind: PageKind, lapsed: bool = False) -> str:
    """How bad, where, what: at most 90 characters."""
    mode = "" if incident.mode == "real" else f"[{incident.mode.upper()}] "
    lead = "STILL OPEN " if lapsed and kind is PageKind.REPAGE else LEAD[kind]
    if kind is PageKind.RESOLVED:
        lead = f"{ENDS.get(incident.state, 'Resolved')}: "
    severity = f"{incident.severity.value} " if incident.severity and kind is not PageKind.RESOLVED else ""
    title = incident.title or "something is wrong"
    return line(f"{mode}{lead}{severity}{line(incident.service, 40)}: {title}", FIRST)


def _body(incident: Incident, kind: PageKind, telling: Telling, link: str, now: datetime) -> list[str]:
    where = words.listing([f"{column} = {_value(value)}" for column, value in (incident.slice or {}).items()])
    questions, done = _measures(incident, telling.timezone, now)
    lines = [
        telling.because if kind in CALLS and not (questions and telling.because == ASKS) else "",
        *questions,
        _since(incident, telling.timezone, now),
        f"Hit: {where}." if where else "",
        _why(incident),
        *done,
        f"Look first: {words.sentence(incident.checks[0])}" if incident.checks and kind in CALLS else "",
    ]
    if kind is PageKind.UPDATE:
        return [*lines, telling.because]
    return [*lines, _how_to_answer(incident, telling, link)]


def _since(incident: Incident, timezone: str, now: datetime) -> str:
    began = incident.onset[0] if incident.onset else incident.opened_at
    said = f"Since {words.clock_time(began, timezone)} ({words.length(now - began)} ago)"
    stands = STANDS.get(incident.state, incident.state.value)
    return f"{said}, {stands}."


def _value(value: Any) -> str:
    if isinstance(value, list | tuple) and len(value) == 2:
        return f"{value[0]} to {value[1]}"
    return str(value)


def _why(incident: Incident) -> str:
    top: Mapping[str, Any] | None = next((c for c in incident.causes if not c.get("rejected")), None)
    if top is None or top["cause"] == "unknown":
        return f"Why: {words.clause(str(top['because']))}." if top else "Why: not known yet."
    cause = CAUSES.get(str(top["cause"]), str(top["cause"]).replace("_", " "))
    because = words.brief(str(top["because"]), 160)
    return f"Why: {cause} ({words.share(float(top['score']))} likely), {because}."


def _measures(incident: Incident, timezone: str, now: datetime) -> tuple[list[str], list[str]]:
    """What is asked for, and what is in force or under way."""
    questions, done = [], []
    for measure in incident.live_measures:
        name = measure_name(measure)
        if measure.state is MeasureState.ASKED:
            questions.append(_asked(incident, measure, name, timezone))
        elif measure.simulated:
            done.append(f"Only observing: it would have done this: {name}.")
        elif measure.state is MeasureState.CONFIRMED:
            done.append(_in_force(measure, name, timezone, now))
        else:
            done.append(f"Under way: {name}; not confirmed in live traffic yet.")
    return questions, done or ["Nothing is in force against it."]


def _in_force(measure: Measure, name: str, timezone: str, now: datetime) -> str:
    said = (
        f"In force since {words.clock_time(measure.confirmed_at or measure.requested_at, timezone)}: {name}"
    )
    if measure.expires_at is None or measure.expires_at - now >= timedelta(hours=24):
        return f"{said}."
    return f"{said}, ends {words.clock_time(measure.expires_at, timezone)}."


def _asked(incident: Incident, measure: Measure, name: str, timezone: str) -> str:
    question = next(
        (
            entry
            for entry in reversed(incident.timeline)
            if entry.kind is EntryKind.ASKED and entry.data["measure"]["id"] == measure.id
        ),
        None,
    )
    if question is None:
        return f"YOUR DECISION: {name}?"
    due = words.clock_time(parse_time(str(question.data["due"])), timezone)
    default = "it is done" if question.data["default"] == "do" else "it is left"
    return (
        f"YOUR DECISION: {name}? Unanswered by {due} {default}. "
        f"Yes: fireline approve {incident.id} / No: fireline deny {incident.id}"
    )


def measure_name(measure: Measure) -> str:
    """A measure in words: its action and what it was given."""
    params = measure.params
    if measure.action == "rollback" and {"from", "to"} <= set(params):
        return f"rollback of {params['from']} to {params['to']}"
    said = ", ".join(f"{key} {_value(value)}" for key, value in params.items())
    action = measure.action.replace("_", " ")
    return f"{action} ({said})" if said else action


def _how_to_answer(incident: Incident, telling: Telling, link: str) -> str:
    here = " or the link" if link else ""
    how = f"Got it? fireline ack {incident.id}{here}."
    if telling.last:
        return f"{how} This was the last call: nobody is called again until something changes."
    if telling.again is not None:
        return f"{how} Else you are called again within {words.length(telling.again)}."
    return how


def _end(incident: Incident, telling: Telling) -> list[str]:
    ended = incident.resolved_at or incident.closed_at or incident.timeline[-1].at
    began = incident.onset[0] if incident.onset else incident.opened_at
    last = next(
        (e for e in reversed(incident.timeline) if e.kind is EntryKind.MOVED and _is_end(e.data)), None
    )
    span = (
        f"From {words.clock_time(began, telling.timezone)} to {words.clock_time(ended, telling.timezone)} "
        f"({words.length(ended - began)})."
    )
    into = f"It goes on in {last.data['into']}." if last and last.data.get("into") else ""
    return [span, words.sentence(last.because) if last else "", into, "Nobody is called about it any more."]


def _is_end(data: Mapping[str, Any]) -> bool:
    return data.get("to") in {"resolved", "merged", "declined", "cancelled"}
