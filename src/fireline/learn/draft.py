"""The review draft: everything in it comes from the incident or from what was counted."""

from __future__ import annotations

from fireline.learn.facts import ReviewFacts, alerts, contained_at, detected_at, standing
from fireline.learn.guardrails import diff
from fireline.learn.items import action_items, contributing
from fireline.learn.tell import did_not_work, harm, moments, story, summary, worked
from fireline.runbook.schema import Runbook
from fireline.terms.guards import may_reach
from fireline.terms.incident import Incident, State
from fireline.terms.review import Review
from fireline.terms.severity import Severity
from fireline.terms.timeline import Draft, EntryKind


def draft_review(incident: Incident, runbook: Runbook, facts: ReviewFacts) -> Review:
    """The review of ``incident`` as far as it is known; it may be drafted before the incident is over."""
    return Review(
        incident=incident.id,
        service=incident.service,
        title=incident.title,
        severity=incident.severity.value if incident.severity else None,
        state=incident.state.value,
        mode=incident.mode,
        timezone=runbook.timezone,
        summary=summary(incident, runbook, facts),
        moments=moments(incident, runbook),
        harm=harm(incident, runbook, facts),
        requests_affected=facts.requests_affected,
        worked=worked(incident, facts),
        did_not_work=did_not_work(incident),
        timeline=story(incident, facts),
        causes=tuple(standing(incident)),
        rejected=tuple(cause for cause in incident.causes if cause.get("rejected")),
        contributing=contributing(incident, runbook, facts),
        action_items=action_items(incident, runbook, facts),
        guardrails=diff(incident, runbook, facts.runbook_text),
        open_questions=_open_questions(incident, facts),
        figures=_figures(incident),
    )


def _open_questions(incident: Incident, facts: ReviewFacts) -> tuple[str, ...]:
    told = []
    if incident.onset is None:
        told.append("When did it begin?")
    if not standing(incident):
        told.append("What caused it?")
    if facts.requests_affected is None:
        told.append("How many requests were affected?")
    if alerts(incident) and contained_at(incident) is None and incident.resolved_at is None:
        told.append("What holds the harm now?")
    if incident.severity in (Severity.SEV1, Severity.SEV2) and not (incident.roles or {}):
        told.append("Who took which role, and when?")
    return tuple(told)


def _figures(incident: Incident) -> dict[str, float | None]:
    """Lengths in seconds, for statistics over many incidents."""
    detected, contained = detected_at(incident), contained_at(incident)
    onset = incident.onset[0] if incident.onset else None
    resolved = incident.resolved_at
    return {
        "to_detect_s": (detected - onset).total_seconds() if onset else None,
        "to_contain_s": (contained - detected).total_seconds() if contained else None,
        "to_resolve_s": (resolved - detected).total_seconds() if resolved else None,
    }


def wrap_up(incident: Incident, runbook: Runbook, facts: ReviewFacts) -> list[Draft]:
    """The entries that follow a resolved incident, one step a call, until there are none.

    ``moved`` to learning; then the ``review`` and an ``action_item`` for each of its items; then ``moved`` to
    closed where nothing stands in the way (a SEV3; a SEV1 or SEV2 waits for a person's approval).
    """
    if incident.state is State.RESOLVED:
        why = "It is over; what is learnt from it comes now."
        return [Draft(EntryKind.MOVED, why, {"to": State.LEARNING.value})]
    if incident.state is not State.LEARNING:
        return []
    if incident.review is None:
        review = draft_review(incident, runbook, facts)
        drafts = [
            Draft(
                EntryKind.REVIEW,
                "Drafted from the timeline; a person finishes it.",
                {"review": review.as_json()},
            )
        ]
        drafts += [
            Draft(EntryKind.ACTION_ITEM, item.because, {"item": item.as_json()})
            for item in review.action_items
        ]
        return drafts
    if may_reach(incident, State.CLOSED) is None:
        why = "The review is written and its action items are on record."
        return [Draft(EntryKind.MOVED, why, {"to": State.CLOSED.value})]
    return []
