"""Understand: triage assesses what is new, and what one change explains becomes one incident."""

from __future__ import annotations

from fireline.clock import iso
from fireline.loop.house import SEATED, House
from fireline.schedule import is_due
from fireline.sheet import Sheet
from fireline.terms.alert import finding_of
from fireline.terms.incident import Incident, State
from fireline.terms.timeline import Draft, EntryKind
from fireline.triage.case import Assessment
from fireline.triage.join import same_change
from fireline.triage.onset import has_moved


def understand(house: House, sheet: Sheet) -> list[Sheet]:
    """Assesses what is new; one incident for one cause."""
    incident = sheet.incident
    if not incident.alerts or not is_due(incident, sheet.now):
        return []  # what a person declared before any monitor saw it has nothing to be assessed from
    found = house.assess(house.file.case([finding_of(a) for a in incident.alerts], sheet.now))
    sheet.add(assessed(incident, found))
    others = [i for i in house.open() if i.id != incident.id and i.state not in SEATED]
    other = same_change(sheet.incident, others)
    return [] if other is None else [_merged(sheet, Sheet(other, sheet.now))]


def assessed(incident: Incident, found: Assessment) -> list[Draft]:
    """The entries of what triage ``found`` that the incident does not say yet."""
    earliest, latest = found.onset
    causes = [cause.as_json() for cause in found.causes]
    data = {
        "causes": causes,
        "new_version": found.new_version,
        "equally_bad": list(found.equally_bad),
    }
    drafts = []
    if has_moved(incident.onset, found.onset):
        span = {"earliest": iso(earliest), "latest": iso(latest)}
        drafts.append(Draft(EntryKind.ONSET, found.onset_because or "Told from the monitors' traces.", span))
    if incident.severity is not found.severity:
        said = {"severity": found.severity.value, "title": found.title}
        drafts.append(Draft(EntryKind.SEVERITY, found.severity_because, said))
    if found.slice != incident.slice:
        drafts.append(
            Draft(EntryKind.SLICE, found.slice_because or "Told from raw events.", {"slice": found.slice})
        )
    because = found.causes[0].because if found.causes else "No cause stands out."
    drafts.append(Draft(EntryKind.CAUSES, because, {**data, "title": found.title}))
    if found.evidence:
        kept = [exhibit.as_json() for exhibit in found.evidence]
        drafts.append(Draft(EntryKind.EVIDENCE, "Kept before anything is touched.", {"evidence": kept}))
    if found.checks and found.checks != incident.checks:
        drafts.append(Draft(EntryKind.NEXT, found.checks[0], {"checks": list(found.checks)}))
    return drafts


def _merged(sheet: Sheet, other: Sheet) -> Sheet:
    """The younger one's alerts move to ``other``; it ends with a pointer."""
    home = other.incident
    known = {a["id"] for a in home.alerts}
    fresh = [a for a in sheet.incident.alerts if a["id"] not in known]
    other.add(Draft(EntryKind.ALERTED, a["because"], {"alert": dict(a)}) for a in fresh)
    because = f"The same change explains {home.id}, which is open: one incident for one cause."
    sheet.add([Draft(EntryKind.MOVED, because, {"to": State.MERGED.value, "into": home.id})])
    return other
