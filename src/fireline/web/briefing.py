"""The briefing: six answers that somebody called at 3 a.m. needs, read off the incident and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fireline.clock import parse_time
from fireline.terms import words
from fireline.terms.noticed import noticed_in_words
from fireline.web.marks import change_name, measure_name
from fireline.web.series import finite

CAUSE_WORDS = {
    "deploy": "a deploy",
    "upstream_data": "upstream data",
    "natural_drift": "natural drift",
    "concept_drift": "concept drift",
    "infrastructure": "infrastructure",
    "attack": "an attack",
    "label_pipeline": "the label pipeline",
    "unknown": "unknown",
}
Json = Mapping[str, Any]
_NOT_DONE = frozenset({"asked", "denied"})
NOTHING = 5e-7
"""What is smaller is said as 0."""


@dataclass(frozen=True)
class Answer:
    """One answer: the question it answers, the answer in a few words, and what there is to add."""

    asks: str
    says: str
    more: tuple[str, ...] = ()


def brief(incident: Json, timezone: str) -> list[Answer]:
    """What, since when, who, why, what would have been done, and what the other version did meanwhile."""
    return [
        _what(incident),
        _since(incident, timezone),
        _who(incident),
        _cause(incident),
        _done(incident, timezone),
        _beside(incident),
    ]


def paged(incident: Json) -> bool:
    """Whether any of its alerts is a page."""
    return any(alert.get("urgency") == "page" for alert in incident.get("alerts") or ())


def normal(summary: Json) -> dict[str, Any]:
    """``summary`` with monitors as {"judged": n} and quarantined as {reason: rows} plus ``quarantine_lines``.

    A plain number of monitors and plain sentences about rows put aside are understood too.
    """
    found = dict(summary)
    monitors, aside = found.get("monitors"), found.get("quarantined")
    if finite(monitors) is not None:
        found["monitors"] = {"judged": monitors}
    if aside and not isinstance(aside, Mapping):
        found["quarantine_lines"] = [str(line) for line in aside]
        found["quarantined"] = {}
    return found


def stands(incident: Json) -> bool:
    """Whether it is an incident of its own: not merged into another, declined or cancelled."""
    return incident.get("state") not in ("merged", "declined", "cancelled")


def ordered(incidents: Sequence[Json]) -> list[Json]:
    """Pages before tickets, the worst first; those that do not stand by themselves come last."""

    def rank(incident: Json) -> tuple[bool, bool, str, str, str]:
        severity = str(incident.get("severity") or "SEV9")
        return (
            not stands(incident),
            not paged(incident),
            severity,
            str(incident["opened_at"]),
            str(incident["id"]),
        )

    return sorted(incidents, key=rank)


def worst_alert(incident: Json) -> Json | None:
    """The alert with the most evidence over its threshold; harm goes before its causes."""
    alerts: list[Json] = [a for a in incident.get("alerts") or () if finite(a.get("evidence")) is not None]
    pages = [a for a in alerts if a.get("urgency") == "page"] or alerts
    if not pages:
        return None
    return max(
        pages,
        key=lambda a: (a.get("family") in words.HARM, a["evidence"] - (finite(a.get("threshold")) or 0)),
    )


def figure_of(alert: Json, name: str) -> str:
    """The alert's ``seen`` or ``usual`` in words, "" where it has none."""
    value = finite(alert.get(name))
    if value is None:
        return ""
    value = 0.0 if abs(value) < NOTHING else value
    return words.figure(value, str(alert.get("family", "")), str(alert.get("unit") or ""))


def suspect(incident: Json) -> Json | None:
    """The likeliest cause that was not ruled out."""
    return next((cause for cause in incident.get("causes") or () if not cause.get("rejected")), None)


def cause_word(cause: Json) -> str:
    """A kind of cause in words."""
    return CAUSE_WORDS.get(str(cause.get("cause")), str(cause.get("cause", "unknown")).replace("_", " "))


def slice_word(where: Json | None) -> str:
    """A slice in words, ranges as ranges; "" for the whole service."""
    parts = []
    for column, value in (where or {}).items():
        if isinstance(value, list | tuple) and len(value) == 2:
            parts.append(f"{column} {_end(value[0])} to {_end(value[1])}")
        else:
            parts.append(f"{column} = {value}")
    return words.listing(parts)


def sentence(text: str) -> str:
    """``text`` with a capital and a full stop, but a name of a column keeps its letters.

    >>> sentence("dep_hour moved"), sentence("it moved")
    ('dep_hour moved.', 'It moved.')
    """
    return words.sentence(text)


def _end(value: object) -> str:
    number = finite(value)
    if number is None:
        return str(value)
    return "0" if abs(number) < 1e-300 else f"{number:.6g}"


def interval(first: datetime, last: datetime, timezone: str) -> str:
    """``18 March 2013, 05:54 to 06:14``, with both days where they differ."""
    begin, end = words.day_time(first, timezone), words.day_time(last, timezone)
    if begin == end:
        return begin
    same_day = begin.split(",")[0] == end.split(",")[0]
    return f"{begin} to {end.split(', ')[1] if same_day else end}"


def evidence_of(incident: Json, kind: str) -> list[Json]:
    """The exhibits of one kind, in their order."""
    return [exhibit for exhibit in incident.get("evidence") or () if exhibit.get("kind") == kind]


def comparisons(incident: Json) -> list[Json]:
    """The verdicts that carry figures of both sides, the latest last."""
    return [v for v in incident.get("verdicts") or () if (v.get("figures") or {}).get("figures")]


def _what(incident: Json) -> Answer:
    alert = worst_alert(incident)
    more = []
    title = str(incident.get("title") or "An alert fired")
    headline = str((alert or {}).get("details", {}).get("headline") or "")
    if headline and headline not in title:
        more.append(sentence(headline))
    elif alert is not None and not headline:
        seen, usual = figure_of(alert, "seen"), figure_of(alert, "usual")
        if seen and usual:
            what = f" of {alert['feature']}" if alert.get("feature") else ""
            more.append(f"{words.sentence(words.family(str(alert.get('family')))).rstrip('.')}{what}: {seen},"
                        f" where {usual} is usual.")  # fmt: skip
    if incident.get("severity"):
        because = str(incident.get("severity_because") or "").strip()
        more.append(sentence(f"{incident['severity']}: {because}" if because else str(incident["severity"])))
    return Answer("What happened", title, tuple(more))


def _since(incident: Json, timezone: str) -> Answer:
    opened = parse_time(incident["opened_at"])
    onset = incident.get("onset")
    if not onset:
        return Answer(
            "Since when",
            words.day_time(opened, timezone),
            ("The onset is not known; this is the first alert.",),
        )
    first, last = parse_time(onset[0]), parse_time(onset[1])
    says = interval(first, last, timezone)
    found = noticed_in_words(incident.get("alerts") or (), opened, first, timezone)
    return Answer("Since when", says, (found,) if found else ())


def _who(incident: Json) -> Answer:
    where = slice_word(incident.get("slice"))
    versions = sorted({str(a["version"]) for a in incident.get("alerts") or () if a.get("version")})
    if where:
        says = f"Requests with {where}"
    elif versions:
        says = f"Everybody answered by version {words.listing(versions)}"
    else:
        says = "Everybody the service answers"
    affected = finite((incident.get("review") or {}).get("requests_affected"))
    more = [f"{words.number(affected)} requests affected."] if affected is not None else []
    return Answer("Who is hit", says, tuple(more))


def _cause(incident: Json) -> Answer:
    cause = suspect(incident)
    if cause is None:
        return Answer(
            "Likely cause", "Not known yet", ("No suspect is left.",) if incident.get("causes") else ()
        )
    says = cause_word(cause)
    score = finite(cause.get("score"))
    if cause.get("change"):
        named = change_name(cause["change"])
        if cause.get("cause") == "deploy" and "deploy" not in str(cause["change"].get("kind")):
            says = named  # a change of settings is no deploy of a model
        elif says != "unknown":
            says = f"{says}: {named.removeprefix('deploy: ')}"
    belief = (
        (f"{words.share(score)} of belief. ",)
        if score is not None and cause.get("cause") != "unknown"
        else ()
    )
    return Answer(
        "Likely cause",
        says[:1].upper() + says[1:],
        ("".join(belief) + sentence(str(cause.get("because") or "")),),
    )


def _done(incident: Json, timezone: str) -> Answer:
    measures = [m for m in incident.get("measures") or () if m.get("state") not in _NOT_DONE]
    if measures:
        simulated = all(m.get("simulated") for m in measures)
        first = measures[0]
        at = words.day_time(parse_time(first["requested_at"]), timezone)
        says = f"{measure_name(first)[:1].upper()}{measure_name(first)[1:]} on {at}"
        more = [sentence(str(first.get("because") or ""))]
        more += [f"Then: {measure_name(m)}." for m in measures[1:]]
        return Answer("What would have been done" if simulated else "What was done", says, tuple(more))
    asked = [m for m in incident.get("measures") or () if m.get("state") == "asked"]
    if asked:
        name = measure_name(asked[-1])
        why = sentence(str(asked[-1].get("because") or ""))
        return Answer("What is asked for", f"{name[:1].upper()}{name[1:]}", (why,))
    decisions = incident.get("decisions") or ()
    if decisions:
        return Answer(
            "What would have been done", "Nothing", (sentence(str(decisions[-1].get("because") or "")),)
        )
    return Answer("What would have been done", "Nothing was decided")


def _beside(incident: Json) -> Answer:
    asks = "What the last-known-good did on the same traffic"
    found = comparisons(incident)
    if found:
        figures = found[-1]["figures"]
        rows = [row for row in figures["figures"] if finite(row.get("harmed")) is not None
                and finite(row.get("contained")) is not None and row.get("wanted", True)]  # fmt: skip
        said = [_side_by_side(row, figures) for row in rows[:3]]
        if said:
            return Answer(asks, said[0], (*said[1:], sentence(str(found[-1].get("because") or ""))))
    says = _from_versions(incident)
    if says:
        return Answer(asks, says[0], says[1:])
    return Answer(asks, "It did not run beside", ("No other version scored the same requests in this log.",))


def _side_by_side(row: Json, figures: Json) -> str:
    def say(value: float) -> str:
        return words.figure(value, str(row.get("family", "")), str(row.get("unit") or ""))

    usual = finite(row.get("reference"))
    tail = f" ({say(usual)} is usual)" if usual is not None else ""
    contained = f"{say(row['contained'])} {figures.get('contained', 'with it')}"
    harmed = f"{say(row['harmed'])} {figures.get('harmed', 'without it')}"
    return f"{row.get('name', 'figure')}: {contained}, {harmed}{tail}"


def _from_versions(incident: Json) -> tuple[str, ...]:
    for exhibit in evidence_of(incident, "versions"):
        rows: Sequence[Json] = exhibit.get("data", {}).get("rows") or ()
        ghosts = [row for row in rows if row.get("shadow")]
        for ghost in ghosts:
            live = [
                row for row in rows if not row.get("shadow") and row.get("version") != ghost.get("version")
            ]
            names = [
                name for name in exhibit["data"].get("figures") or () if finite(ghost.get(name)) is not None
            ]
            if live and names:
                other = live[-1]
                beside, served = f"with {ghost['version']} (shadow)", f"with {other['version']}"
                said = [
                    f"{name}: {ghost[name]:.3g} {beside}, {other[name]:.3g} {served}"
                    for name in names
                    if finite(other.get(name)) is not None
                ]
                return tuple(said[:3])
    return ()
