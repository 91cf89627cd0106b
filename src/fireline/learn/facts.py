"""What a review needs beyond the incident itself, and what can be read off the incident."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fireline.terms.change import Change
from fireline.terms.incident import Incident
from fireline.terms.measure import Measure
from fireline.terms.noticed import noticed_at
from fireline.terms.standing import last_verdict
from fireline.terms.timeline import EntryKind
from fireline.terms.verdict import VerdictKind


@dataclass(frozen=True, slots=True)
class ReviewFacts:
    """Counted or known elsewhere; None means nobody knows, and then nothing is said.

    ``requests_affected`` are the events of the bad version or slice since the onset, ``requests_total`` all
    events since then, ``requests_avoidable`` those of the affected that came after a measure was (or would
    have been) in force. ``changes`` are all changes known. ``shadowed`` says whether the last-known-good
    answered in the shadow. ``runbook_text`` is the runbook's file as it stands, for a diff that can be
    applied.
    """

    now: datetime
    requests_affected: int | None = None
    requests_total: int | None = None
    requests_avoidable: int | None = None
    changes: tuple[Change, ...] = ()
    shadowed: bool | None = None
    runbook_text: str | None = None


@dataclass(frozen=True, slots=True)
class Canary:
    """A version's way out: to a few at ``began``, to everybody at ``ended`` (None: it never had a canary)."""

    version: str
    began: datetime
    ended: datetime | None


def alerts(incident: Incident) -> list[Mapping[str, Any]]:
    """The pages in the order they fired; the tickets where none paged."""
    ordered = sorted(incident.alerts, key=lambda a: (a["fired_at"], a["id"]))
    return [a for a in ordered if a["urgency"] == "page"] or ordered


def detected_at(incident: Incident) -> datetime:
    """When it was noticed, as on every page: the first page, else the first ticket, else its opening."""
    return noticed_at(incident.alerts, incident.opened_at)


def standing(incident: Incident) -> list[Mapping[str, Any]]:
    """The causes that were not ruled out, best first."""
    return [cause for cause in incident.causes if not cause.get("rejected")]


def held_by(incident: Incident) -> Measure | None:
    """The first measure that was confirmed and judged effective, and not taken back by a later verdict."""
    helped = {v.get("measure") for v in incident.verdicts if v["verdict"] == VerdictKind.EFFECTIVE.value}
    useless = (VerdictKind.INEFFECTIVE, VerdictKind.RELAPSED)
    found = [
        m
        for m in incident.measures
        if m.id in helped and m.confirmed_at and last_verdict(incident, m.id) not in useless
    ]
    return min(found, key=lambda m: (m.confirmed_at or m.requested_at, m.id)) if found else None


def contained_at(incident: Incident) -> datetime | None:
    """When a measure that helped was confirmed, or containment was waived."""
    measure = held_by(incident)
    if measure is not None:
        return measure.confirmed_at
    waived = [e.at for e in incident.timeline if e.kind is EntryKind.WAIVED]
    return waived[0] if waived else None


def by_itself(incident: Incident) -> datetime | None:
    """When it was found to have recovered without a measure of ours, or None."""
    for entry in incident.timeline:
        if entry.kind is EntryKind.VERDICT:
            said = entry.data["verdict"]
            if said["verdict"] == VerdictKind.RECOVERED.value and not said.get("measure"):
                return entry.at
    return None


def bad_version(incident: Incident) -> str | None:
    """The version that was taken out, or that the likeliest deploy brought."""
    for measure in incident.measures:
        found = measure.params.get("from") if measure.action == "rollback" else measure.params.get("version")
        if found and measure.action in ("rollback", "route_share"):
            return str(found)
    top = next(iter(standing(incident)), None)
    if top and top["cause"] == "deploy" and top.get("change"):
        version = top["change"].get("version")
        return str(version) if version else None
    return None


def canary_of(changes: tuple[Change, ...], version: str | None) -> Canary | None:
    """How ``version`` went out, read off the announced changes; None when they do not tell."""
    own = sorted((c for c in changes if version is not None and c.version == version and not c.inferred),
                 key=lambda c: c.at)  # fmt: skip
    if not own:
        return None
    return Canary(str(version), own[0].at, own[1].at if len(own) > 1 else None)
