"""What comes after a measure that helped: going back is the repair itself, a fallback waits for one."""

from __future__ import annotations

from fireline.terms.incident import Incident, State
from fireline.terms.measure import Measure
from fireline.terms.standing import containing_measures, last_verdict
from fireline.terms.timeline import Draft, EntryKind
from fireline.terms.verdict import VerdictKind

GOING_BACK = ("rollback", "route_share")


def next_step(incident: Incident) -> list[Draft]:
    """The entries that take a contained incident, whose measure was judged effective, towards verifying.

    After a rollback that is ``recovering`` and ``verifying``; after a fallback ``recovering`` alone, with
    what must be repaired, since the harm only waits behind the rung.
    """
    if incident.state is not State.CONTAINED:
        return []
    helped = [
        m for m in containing_measures(incident) if last_verdict(incident, m.id) is VerdictKind.EFFECTIVE
    ]
    if not helped:
        return []
    measure = helped[-1]
    moved = [Draft(EntryKind.MOVED, _why(measure), {"to": State.RECOVERING.value})]
    if measure.action in GOING_BACK:
        stays = "What serves now is known good; it must stay well for the watch period."
        return [*moved, Draft(EntryKind.MOVED, stays, {"to": State.VERIFYING.value})]
    return [
        *moved,
        Draft(EntryKind.NEXT, "The rung only holds the harm off.", {"checks": _repairs(incident, measure)}),
    ]


def _why(measure: Measure) -> str:
    to, bad = measure.params.get("to"), measure.params.get("from")
    if measure.action == "rollback":
        return f"Going back to {to} is the repair; {bad} stays out until it is fixed."
    if measure.action == "route_share":
        return f"The traffic is with {to}; {measure.params.get('version')} stays out until it is fixed."
    return f"The harm is held off by {measure.params.get('rung')}; its cause must be repaired before it ends."


def _repairs(incident: Incident, measure: Measure) -> list[str]:
    before = measure.params.get("from", "the full model")
    repair = "Repair the cause, then go back up to {}."
    top = next((c for c in incident.causes if not c.get("rejected")), None)
    if top is not None:
        repair = {
            "upstream_data": "Repair the source of the broken features, then go back up to {}.",
            "infrastructure": "Repair the platform, then go back up to {}.",
            "deploy": "Fix or withdraw the version that is bad, then go back up to {}.",
        }.get(str(top["cause"]), repair)
    ask = repair.format(before)
    return [ask, *(check for check in incident.checks if check != ask)]
