"""The facts of a decision as the journal tells them: what triage wrote last."""

from __future__ import annotations

from collections.abc import Mapping

from fireline.contain.facts import Facts, families_of
from fireline.terms.cause import Cause
from fireline.terms.incident import Incident
from fireline.terms.timeline import EntryKind


def recall(incident: Incident, shares: Mapping[str, float]) -> Facts:
    """The facts of ``incident`` from its last assessment; ``shares`` is each version's share of the traffic
    now."""
    told = next((e for e in reversed(incident.timeline) if e.kind is EntryKind.CAUSES), None)
    data = told.data if told else {}
    return Facts(
        causes=tuple(Cause.of_json(cause) for cause in incident.causes),
        families=families_of(incident.alerts),
        severity=incident.severity,
        new_version=data.get("new_version"),
        equally_bad=tuple(data.get("equally_bad", ())),
        shares=dict(shares),
    )
