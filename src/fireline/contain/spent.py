"""What was tried already and is not tried again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from fireline.clock import parse_time
from fireline.terms.incident import Incident
from fireline.terms.measure import Measure, MeasureState
from fireline.terms.standing import last_verdict, round_began
from fireline.terms.verdict import VerdictKind

TELLING = {"rollback": ("to",), "fallback": ("rung",), "route_share": ("version", "share", "to")}
"""Action -> the parameters that make it the same again; every one where an action is not listed."""


def same(action: str, params: Mapping[str, Any], measure: Measure) -> bool:
    """Whether ``measure`` did what ``action`` with ``params`` would do."""
    if measure.action != action:
        return False
    names = TELLING.get(action, tuple(sorted({*params, *measure.params})))
    return all(params.get(name) == measure.params.get(name) for name in names)


def why_not_again(incident: Incident, action: str, params: Mapping[str, Any]) -> str | None:
    """Why ``action`` with ``params`` is not to be done again in this incident, or None when it may be."""
    for measure in incident.measures:
        if same(action, params, measure):
            reason = _why_spent(incident, measure)
            if reason:
                return reason
    return None


def _why_spent(incident: Incident, measure: Measure) -> str | None:
    if last_verdict(incident, measure.id) in (VerdictKind.INEFFECTIVE, VerdictKind.RELAPSED):
        return "it was tried and did not help"
    if measure.state is MeasureState.CONFIRMED and measure.temporary:
        return "it is in force already"
    if measure.ended_at is None or measure.ended_at < round_began(incident):
        return None
    match measure.state:
        case MeasureState.DENIED:
            return "a person said no"
        case MeasureState.EXPIRED if measure.applied_at is None:
            return "nobody answered when it was asked for"
        case MeasureState.EXPIRED if _in_vain(incident, measure, measure.ended_at):
            return "it ran its time, nothing showed that it helped, and nothing has alerted since"
        case MeasureState.FAILED:
            return "it failed"
        case MeasureState.FREED:
            return "it hung and was freed by a person"
        case MeasureState.UNDONE:
            return "it was undone"
        case _:
            return None


def _in_vain(incident: Incident, measure: Measure, ended: datetime) -> bool:
    """Whether it was looked at and never seen to help, and nothing has alerted since it ended."""
    verdicts = {v["verdict"] for v in incident.verdicts if v.get("measure") == measure.id}
    alerted = any(parse_time(alert["fired_at"]) > ended for alert in incident.alerts)
    return verdicts == {VerdictKind.UNDECIDED.value} and not alerted
