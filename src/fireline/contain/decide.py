"""The walk through the decision table: at most one measure, and always the sentence why."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from fireline.clock import iso
from fireline.contain.facts import Facts
from fireline.contain.propose import Proposal, propose
from fireline.contain.table import NONE, rows_that_hold
from fireline.ids import stable_id
from fireline.runbook.schema import DecisionRow, Runbook
from fireline.terms import words
from fireline.terms.decision import Decision
from fireline.terms.incident import Incident, State
from fireline.terms.measure import Measure, MeasureState
from fireline.terms.standing import last_verdict
from fireline.terms.timeline import Draft, EntryKind
from fireline.terms.verdict import VerdictKind

CLEAR = 0.7
"""A cause less likely than this is no reason to touch production, unless one version alone is bad.

Deploys are the commonest cause: one somewhere near a vague onset is likelier than not without evidence.
"""


def decide(incident: Incident, facts: Facts, runbook: Runbook, now: datetime) -> list[Draft]:
    """What is to be done about ``incident`` now, as entries; none when nothing new is to be said.

    Without a measure: one ``decided`` entry, written once for each different answer. With one: ``decided``,
    ``moved`` to containing where it is still triaging, and ``requested`` or ``asked``. A real incident under
    authority ``observe`` gets the ``decided`` entry alone; a replay runs the measure through the ledger,
    simulated.
    """
    if incident.state not in (State.TRIAGING, State.CONTAINING) or _busy(incident):
        return []
    decision, row, proposal = _walk(incident, facts, runbook, now)
    if row is None or proposal is None:
        return _said_once(incident, decision)
    if decision.authority == "observe" and incident.mode != "replay":
        return _said_once(incident, decision)
    return [_decided(decision), *_begin(incident, decision, row, proposal, now)]


def _busy(incident: Incident) -> bool:
    """One change at a time: a measure is in flight, or one in force still waits for its verdict or did
    help."""
    useless = (VerdictKind.INEFFECTIVE, VerdictKind.RELAPSED)
    return any(
        m.in_flight
        or (m.state is MeasureState.CONFIRMED and m.temporary and last_verdict(incident, m.id) not in useless)
        for m in incident.measures
    )


def _walk(
    incident: Incident, facts: Facts, runbook: Runbook, now: datetime
) -> tuple[Decision, DecisionRow | None, Proposal | None]:
    kind = facts.kind.value
    if not incident.paged:
        says = (
            f"No measure: nothing here pages, so it is a ticket to look at in working "
            f"hours{_cause_says(facts)}."
        )
        return Decision(says, cause=kind, ticket=True), None, None
    passed: list[str] = []
    for place, row in rows_that_hold(runbook, facts):
        if row.action == NONE:
            says = f"No measure{_cause_says(facts)}. {words.sentence(row.because)}".strip()
            return Decision(says, place, cause=kind, passed_over=tuple(passed)), None, None
        # A row that asks for no cause was agreed on for what is seen, whatever is behind it.
        unclear = _unclear(facts) if "cause" in row.when else None
        found = unclear or propose(incident, facts, row, runbook)
        if isinstance(found, Proposal):
            says = _says(incident, facts, row, found, runbook, now)
            decided = Decision(says, place, found.action, found.params, row.authority, kind, tuple(passed))
            return decided, row, found
        passed.append(f"{row.action}: {found if isinstance(found, str) else found.because}")
    left = list(dict.fromkeys(passed))
    why = f"; {'; '.join(left)}" if left else ": no row of the decision table is about this case"
    says = f"No measure{_cause_says(facts)}{why}. A person must look at it."
    return Decision(says, cause=kind, passed_over=tuple(passed)), None, None


def _unclear(facts: Facts) -> str | None:
    suspect = facts.suspect
    if facts.new_version is not None or (suspect and suspect.score >= CLEAR):
        return None
    likely = f" ({words.share(suspect.score)})" if suspect else ""
    return f"the likeliest cause, {facts.kind.value.replace('_', ' ')}{likely}, is no more than a guess"


def _cause_says(facts: Facts) -> str:
    suspect = facts.suspect
    if suspect is None or not suspect.because:
        return ", because no cause is known"
    return f", because {words.brief(suspect.because)}"


def _says(
    incident: Incident, facts: Facts, row: DecisionRow, found: Proposal, runbook: Runbook, now: datetime
) -> str:
    when = words.clock_time(now, runbook.timezone)
    replay = incident.mode == "replay"
    if row.authority == "observe":
        head = f"Would have {found.past} at {when}"
    elif row.authority == "ask":
        head = (
            f"Would have asked at {when} to {found.infinitive}" if replay else f"Asks to {found.infinitive}"
        )
    else:
        head = f"Would have {found.past} at {when}, at once" if replay else f"To {found.infinitive}, at once"
    parts = [f"{head}{_cause_says(facts)}"]
    if found.instead_of:
        parts.append(f"going back was no way out: {found.instead_of}")
    if found.why:
        parts.append(found.why)
    if row.authority == "ask":
        due = words.clock_time(now + row.answer_within, runbook.timezone)
        parts.append(f"unanswered by {due} it is {'done' if row.unanswered == 'do' else 'left alone'}")
    return "; ".join(parts) + "."


def _said_once(incident: Incident, decision: Decision) -> list[Draft]:
    if incident.decisions and Decision.of_json(incident.decisions[-1]).key == decision.key:
        return []
    return [_decided(decision)]


def _decided(decision: Decision) -> Draft:
    return Draft(EntryKind.DECIDED, decision.because, decision.as_json())


def _begin(
    incident: Incident, decision: Decision, row: DecisionRow, found: Proposal, now: datetime
) -> list[Draft]:
    measure = _measure(incident, decision, row, found, now)
    drafts = []
    if incident.state is State.TRIAGING:
        drafts.append(
            Draft(EntryKind.MOVED, f"A measure was chosen: to {found.infinitive}.", {"to": "containing"})
        )
    data: dict[str, Any] = {"measure": measure.as_json()}
    if row.authority == "ask":
        due = now + row.answer_within
        data |= {"default": row.unanswered, "due": iso(due)}
        drafts.append(Draft(EntryKind.ASKED, decision.because, data))
    else:
        drafts.append(Draft(EntryKind.REQUESTED, decision.because, data))
    return drafts


def _measure(
    incident: Incident, decision: Decision, row: DecisionRow, found: Proposal, now: datetime
) -> Measure:
    ask = row.authority == "ask"
    name = stable_id("msr", incident.id, len(incident.measures) + 1, found.action, _sorted(found.params))
    return Measure(
        id=name,
        incident=incident.id,
        service=incident.service,
        action=found.action,
        params=dict(found.params),
        because=decision.because,
        authority=row.authority,
        state=MeasureState.ASKED if ask else MeasureState.REQUESTED,
        requested_at=now,
        simulated=incident.mode == "replay",
        expected=found.expected,
        dry_run=found.dry_run,
        inverse={"action": "restore", "params": {"measure": name, "was": found.before}},
        expires_at=now + row.expires,
    )


def _sorted(params: Mapping[str, Any]) -> str:
    return json.dumps(dict(params), sort_keys=True)
