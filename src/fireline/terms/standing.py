"""What stands of an incident: which measures hold its harm, what was said of them, how its watch went."""

from __future__ import annotations

from datetime import datetime

from fireline.clock import parse_time
from fireline.terms.incident import Incident, State
from fireline.terms.measure import Measure, MeasureState
from fireline.terms.timeline import EntryKind
from fireline.terms.verdict import VerdictKind

UNDOING = "restore"
"""The action that takes another measure back."""
ERRANDS = frozenset({UNDOING, "keep"})
"""Actions that are about another measure: once confirmed they hold nothing by themselves."""
SIMULATED_COUNTS = frozenset({"replay"})
"""Modes in which a simulated measure contains: nothing is performed there."""


def round_began(incident: Incident) -> datetime:
    """When triage last began: before it lie former rounds, whose measures and verdicts count no more."""
    for entry in reversed(incident.timeline):
        if entry.kind is EntryKind.MOVED and entry.data.get("to") == State.TRIAGING.value:
            return entry.at
    return incident.opened_at


def containing_measures(incident: Incident) -> tuple[Measure, ...]:
    """The confirmed measures that hold the harm now, as far as anybody knows.

    Left out are those judged useless, those made permanent in a former round, and (unless it is a replay)
    simulated ones.
    """
    began = round_began(incident)
    return tuple(
        m
        for m in incident.measures
        if m.state is MeasureState.CONFIRMED
        and m.action not in ERRANDS
        and (not m.simulated or incident.mode in SIMULATED_COUNTS)
        and (m.temporary or (m.confirmed_at is not None and m.confirmed_at >= began))
        and last_verdict(incident, m.id) not in (VerdictKind.INEFFECTIVE, VerdictKind.RELAPSED)
    )


def standing(incident: Incident) -> tuple[Measure, ...]:
    """Measures that are live; one about another measure has done its errand once it is confirmed."""
    done = MeasureState.CONFIRMED
    return tuple(m for m in incident.live_measures if not (m.state is done and m.action in ERRANDS))


def last_verdict(incident: Incident, measure: str) -> VerdictKind | None:
    """The last verdict on this measure, undecided ones aside."""
    for verdict in reversed(incident.verdicts):
        if verdict.get("measure") == measure and verdict["verdict"] != VerdictKind.UNDECIDED.value:
            return VerdictKind(verdict["verdict"])
    return None


def held(incident: Incident) -> bool:
    """Whether ``contained`` is true of it: a live confirmed measure holds the harm, or a person waived
    that."""
    return "contained" in incident.waivers or bool(containing_measures(incident))


def recovered_this_round(incident: Incident) -> bool:
    """Whether the last word of this round's verdicts on the service is ``recovered``."""
    for entry in reversed(incident.timeline):
        if entry.kind is EntryKind.MOVED and entry.data.get("to") == State.TRIAGING.value:
            return False
        if entry.kind is EntryKind.VERDICT:
            said = entry.data["verdict"]["verdict"]
            if said in (VerdictKind.RECOVERED.value, VerdictKind.RELAPSED.value):
                return bool(said == VerdictKind.RECOVERED.value)
    return False


def watch_passed(incident: Incident) -> bool:
    """Whether a ``recovered`` verdict came at or after the end of the watch period, and no relapse since."""
    if incident.watch_until is None:
        return False
    for entry in reversed(incident.timeline):
        if entry.kind is EntryKind.WATCH:
            return False
        if entry.kind is EntryKind.VERDICT:
            verdict = entry.data["verdict"]
            if verdict["verdict"] == VerdictKind.RELAPSED.value:
                return False
            if verdict["verdict"] == VerdictKind.RECOVERED.value:
                return parse_time(verdict["at"]) >= incident.watch_until
    return False


def open_temporary(incident: Incident) -> tuple[Measure, ...]:
    """Live measures that somebody must still undo or accept as permanent."""
    return tuple(m for m in incident.live_measures if m.temporary)
