"""The story of an incident in sentences: its moments, its harm, what worked and what did not."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from fireline.clock import iso
from fireline.learn.facts import ReviewFacts, alerts, by_itself, contained_at, detected_at, held_by, standing
from fireline.runbook.schema import Runbook
from fireline.terms import words
from fireline.terms.incident import Incident, State
from fireline.terms.measure import Measure, MeasureState
from fireline.terms.review import Moment
from fireline.terms.standing import last_verdict
from fireline.terms.timeline import Entry, EntryKind
from fireline.terms.verdict import VerdictKind

SLOW = timedelta(hours=4)
LONGEST_STORY = 24
_SHOWN_MOVES = {State.CONTAINED.value, State.RECOVERING.value, State.RESOLVED.value}
_SHOWN = frozenset({
    EntryKind.DECIDED, EntryKind.ASKED, EntryKind.APPROVED, EntryKind.DENIED, EntryKind.FAILED,
    EntryKind.UNDONE, EntryKind.KEPT, EntryKind.EXPIRED, EntryKind.FREED, EntryKind.VERDICT, EntryKind.WAIVED,
})  # fmt: skip


def done(measure: Measure) -> str:
    """A measure as a thing that was (or would have been) done: ``rollback to A``."""
    target = measure.params.get("to") or measure.params.get("rung") or ""
    return f"{measure.action.replace('_', ' ')} to {target}".strip()


def moments(incident: Incident, runbook: Runbook) -> tuple[Moment, ...]:
    """Onset, detected, contained, resolved, each with how long after the one before."""
    found = alerts(incident)
    detected, contained, resolved = detected_at(incident), contained_at(incident), incident.resolved_at
    began = incident.onset[0] if incident.onset else None
    told = [_onset(incident, runbook)]
    late = f"{words.length(detected - began)} after the earliest onset" if began else ""
    told.append(
        Moment("detected", iso(detected), late, words.sentence(str(found[0]["because"])) if found else "")
    )
    told.append(_contained(incident, contained, detected))
    if resolved is None:
        told.append(Moment("resolved", None, "", f"It is {incident.state.value}."))
    else:
        since = contained or detected
        what = "it was contained" if contained else "it was detected"
        told.append(Moment("resolved", iso(resolved), f"{words.length(resolved - since)} after {what}"))
    return tuple(told)


def _onset(incident: Incident, runbook: Runbook) -> Moment:
    if incident.onset is None:
        return Moment("onset", None, "", "When it began is not known.")
    earliest, latest = incident.onset
    if latest - earliest < timedelta(minutes=1):
        return Moment("onset", iso(earliest), "")
    until = words.day_time(latest, runbook.timezone)
    return Moment("onset", iso(earliest), "", f"It began then or later, by {until} at the latest.")


def _contained(incident: Incident, at: datetime | None, detected: datetime) -> Moment:
    measure = held_by(incident)
    itself = by_itself(incident)
    if at is None:
        if itself is not None:
            return Moment(
                "contained", None, "", "No measure of ours was needed: the service recovered by itself."
            )
        return Moment("contained", None, "", "No measure was found to help.")
    after = f"{words.length(at - detected)} after it was detected"
    if measure is None:
        return Moment("contained", iso(at), after, "A person waived containment.")
    if measure.simulated:
        return Moment(
            "contained", iso(at), after, f"In the replay: {done(measure)} would have been in force."
        )
    return Moment("contained", iso(at), after, f"By the {done(measure)}.")


def summary(incident: Incident, runbook: Runbook, facts: ReviewFacts) -> str:
    """The incident in a few sentences."""
    told = [words.sentence(incident.title or "an incident")]
    detected, contained, measure = detected_at(incident), contained_at(incident), held_by(incident)
    if incident.onset:
        began = words.day_time(incident.onset[0], runbook.timezone)
        noticed = words.length(detected - incident.onset[0])
        told.append(f"It began on {began} ({runbook.timezone}) and was noticed {noticed} later.")
    if contained and measure:
        would = "would have held" if measure.simulated else "held"
        told.append(f"The {done(measure)} {would} the harm {words.length(contained - detected)} after that.")
    elif by_itself(incident):
        told.append("It went away without a measure of ours.")
    top = next(iter(standing(incident)), None)
    if top:
        kind = str(top["cause"]).replace("_", " ")
        told.append(f"Likeliest cause: {kind} ({words.share(top['score'])}); {words.brief(top['because'])}.")
    else:
        told.append("No cause was found.")
    if facts.requests_affected is not None:
        told.append(f"{words.number(facts.requests_affected)} requests were affected.")
    return " ".join(told)


def harm(incident: Incident, runbook: Runbook, facts: ReviewFacts) -> tuple[str, ...]:
    """Who was hurt, how much, and whether it can be undone."""
    told = []
    if facts.requests_affected is not None:
        of = ""
        if facts.requests_total:
            of = f", {words.share(facts.requests_affected / facts.requests_total)} of all since the onset"
        told.append(f"{words.number(facts.requests_affected)} requests were answered worse than usual{of}.")
    if facts.requests_avoidable:
        measure = held_by(incident)
        what = done(measure) if measure else "measure"
        told.append(
            f"{words.number(facts.requests_avoidable)} of them came after the {what} was or would have been "
            f"in force."
        )
    for alert in alerts(incident)[:4]:
        told.append(_figure(alert))
    exposure = runbook.exposure
    if exposure.users:
        told.append(words.sentence(f"who sees the answers: {words.clause(exposure.users)}"))
    undo = "can be undone afterwards" if exposure.reversible else "cannot be undone"
    told.append(f"The runbook rates the harm of one bad answer {exposure.harm}; it {undo}.")
    return tuple(dict.fromkeys(told))


def _figure(alert: Mapping[str, Any]) -> str:
    kind, unit = str(alert["family"]), str(alert.get("unit") or "")
    name = words.sentence(words.family(kind)).rstrip(".")
    if alert.get("feature"):
        name += f" ({alert['feature']})"
    where = " and ".join(
        f"{column} {value}" for column, value in sorted((alert.get("segment") or {}).items())
    )
    name += f" in {where}" if where else f" of version {alert['version']}" if alert.get("version") else ""
    seen, usual = alert.get("seen"), alert.get("usual")
    if seen is None or usual is None:
        return words.sentence(str(alert["because"]))
    return (
        f"{name}: {words.figure(float(seen), kind, unit)}, usually {words.figure(float(usual), kind, unit)}."
    )


def worked(incident: Incident, facts: ReviewFacts) -> tuple[str, ...]:
    """What went well, each with its figure."""
    told = []
    if incident.onset and detected_at(incident) - incident.onset[0] <= SLOW:
        told.append(
            f"It was noticed within {words.length(detected_at(incident) - incident.onset[0])} of its onset."
        )
    for verdict in incident.verdicts:
        if verdict["verdict"] == VerdictKind.EFFECTIVE.value:
            told.append(words.sentence(verdict["because"]))
    itself = by_itself(incident)
    if itself is not None:
        told.append("The service recovered, and the recovery was seen in its figures and not only hoped for.")
    top = next(iter(standing(incident)), None)
    if top and top["score"] >= 0.8:
        told.append(f"The cause was clear ({words.share(top['score'])}): {words.brief(top['because'])}.")
    if facts.shadowed:
        told.append(
            "The last-known-good answered in the shadow, so it was known what going back would bring."
        )
    return tuple(dict.fromkeys(told))


def did_not_work(incident: Incident) -> tuple[str, ...]:
    """What went badly, each with its reason."""
    told = []
    if incident.onset and detected_at(incident) - incident.onset[0] > SLOW:
        told.append(f"It went unnoticed for {words.length(detected_at(incident) - incident.onset[0])}.")
    bad = (VerdictKind.INEFFECTIVE.value, VerdictKind.RELAPSED.value)
    told += [words.sentence(v["because"]) for v in incident.verdicts if v["verdict"] in bad]
    told += _undecided(incident)
    for entry in incident.timeline:
        refused = entry.kind in (EntryKind.DENIED, EntryKind.FAILED, EntryKind.FREED)
        if refused or (entry.kind is EntryKind.EXPIRED and _never_done(incident, entry)):
            told.append(words.sentence(entry.because))
    for decision in incident.decisions[-1:]:
        told += [words.sentence(f"passed over: {reason}") for reason in decision.get("passed_over", ())]
    return tuple(dict.fromkeys(told))


def _undecided(incident: Incident) -> list[str]:
    """Undecided verdicts on measures that were never decided later."""
    open_ones = [m.id for m in incident.measures if m.confirmed_at and last_verdict(incident, m.id) is None]
    return [
        words.sentence(v["because"])
        for v in incident.verdicts
        if v["verdict"] == VerdictKind.UNDECIDED.value and v.get("measure") in open_ones
    ]


def _never_done(incident: Incident, entry: Entry) -> bool:
    measure = next((m for m in incident.measures if m.id == entry.data.get("measure")), None)
    return measure is not None and measure.state is MeasureState.EXPIRED and measure.applied_at is None


def story(incident: Incident, facts: ReviewFacts) -> tuple[tuple[str, str], ...]:
    """The timeline in short: changes near the onset, first alerts, decisions, measures, verdicts, great
    moves."""
    told = [(e.at, _line(e)) for e in incident.timeline if _is_shown(e)]
    rounds = [
        e for e in incident.timeline if e.kind is EntryKind.MOVED and e.data.get("to") == State.TRIAGING.value
    ]
    told += [(e.at, _line(e)) for e in rounds[1:]]  # the first is no news; every later one is a relapse
    told += _first_alerts(incident)
    told += _changes(incident, facts)
    ordered = sorted(((at, says) for at, says in told if says), key=lambda pair: pair[0])
    lines = list(dict.fromkeys((iso(at), says) for at, says in ordered))
    if len(lines) <= LONGEST_STORY:
        return tuple(lines)
    half = LONGEST_STORY // 2
    gap = (lines[half][0], f"... {len(lines) - LONGEST_STORY} more entries ...")
    return (*lines[:half], gap, *lines[-half:])


def _is_shown(entry: Entry) -> bool:
    return entry.kind in _SHOWN or (entry.kind is EntryKind.MOVED and entry.data.get("to") in _SHOWN_MOVES)


def _line(entry: Entry) -> str:
    by = "" if entry.by in ("fireline", "act") else f" ({entry.by})"
    return words.sentence(entry.because).rstrip(".") + f"{by}." if entry.because else ""


def _first_alerts(incident: Incident) -> list[tuple[datetime, str]]:
    told, seen = [], set()
    for entry in incident.timeline:
        if entry.kind is EntryKind.ALERTED:
            alert = entry.data["alert"]
            key = (alert["family"], alert.get("feature"))
            if key not in seen:
                seen.add(key)
                told.append((entry.at, f"Alert: {words.clause(alert['because'])}."))
    return told


def _changes(incident: Incident, facts: ReviewFacts) -> list[tuple[datetime, str]]:
    if incident.onset is None:
        return []
    since = incident.onset[0] - timedelta(days=1)
    near = [c for c in facts.changes if since <= c.at <= detected_at(incident)]
    return [(c.at, f"Change ({c.kind}): {words.clause(c.what)}.") for c in near]
