"""An incident is the fold of its timeline.

``apply`` reads any entry of any kind and never judges it: whether an entry may be written is asked of
``allowed`` before it is. ``fold(a + b)`` equals ``reduce(apply, b, fold(a))``, so a projection may be kept
and continued.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from fireline.clock import iso, parse_time
from fireline.errors import StateError
from fireline.terms.guards import allowed, may_reach
from fireline.terms.incident import OVER, Incident, State
from fireline.terms.measure import Measure, MeasureState
from fireline.terms.severity import Severity
from fireline.terms.standing import held
from fireline.terms.timeline import Entry, EntryKind

__all__ = ["allowed", "apply", "fold", "may_reach", "measure_of_json"]


def fold(entries: Iterable[Entry]) -> Incident:
    """The incident that ``entries`` (in the order of ``seq``) tell of. Raises StateError when there are
    none."""
    incident: Incident | None = None
    for entry in entries:
        incident = apply(incident, entry)
    if incident is None:
        raise StateError("an incident needs at least one entry", todo="Write an `opened` entry first.")
    return incident


def apply(incident: Incident | None, entry: Entry) -> Incident:
    """``incident`` after ``entry``.

    Raises StateError when the entry cannot follow: it is another incident's, its ``seq`` leaves a hole, or
    the first one is not ``opened``. These are faults of the journal, not of what happened.
    """
    if incident is None:
        return _opened(entry)
    if entry.incident != incident.id:
        raise StateError(f"entry {entry.seq} belongs to {entry.incident}, not to {incident.id}",
                         todo="Read one incident's entries at a time.")  # fmt: skip
    if entry.seq != len(incident.timeline) + 1:
        raise StateError(f"{incident.id}: entry {entry.seq} follows entry {len(incident.timeline)}",
                         todo="Read the entries in order and without a gap.")  # fmt: skip
    changed = _READ[entry.kind](incident, entry)
    if entry.kind in (EntryKind.KEPT, EntryKind.UNDONE, EntryKind.EXPIRED):
        done = str(entry.data.get("measure"))  # what was to be done about it is done
        changed = replace(changed, checks=tuple(check for check in changed.checks if done not in check))
    if changed.state is State.CONTAINED and not held(changed):
        changed = replace(changed, state=State.CONTAINING)  # its measure ended or was judged useless
    return replace(changed, timeline=(*incident.timeline, entry))


def _opened(entry: Entry) -> Incident:
    if entry.kind is not EntryKind.OPENED or entry.seq != 1:
        raise StateError(f"{entry.incident} begins with {entry.kind.value} number {entry.seq}",
                         todo="The first entry of an incident is `opened`, number 1.")  # fmt: skip
    data = entry.data
    return Incident(
        id=entry.incident,
        service=data["service"],
        mode=data["mode"],
        title=data.get("title", ""),
        state=State.SUSPECTED,
        opened_at=entry.at,
        timeline=(entry,),
    )


# --- what was seen -----------------------------------------------------------------------------------------


def _titled(incident: Incident, entry: Entry) -> Incident:
    title = entry.data.get("title")
    return replace(incident, title=title) if title else incident


def _alerted(incident: Incident, entry: Entry) -> Incident:
    alert = entry.data["alert"]
    known = {a["id"]: a for a in incident.alerts}
    known[alert["id"]] = alert
    incident = replace(incident, alerts=tuple(known.values()))
    if incident.state in (
        State.RESOLVED,
        State.LEARNING,
    ):  # an alert is never swallowed by what was thought over
        return _moved_to(incident, State.TRIAGING, entry.at)
    return incident


def _severity(incident: Incident, entry: Entry) -> Incident:
    return replace(
        _titled(incident, entry), severity=Severity(entry.data["severity"]), severity_because=entry.because
    )


def _onset(incident: Incident, entry: Entry) -> Incident:
    return replace(incident, onset=(parse_time(entry.data["earliest"]), parse_time(entry.data["latest"])))


def _slice(incident: Incident, entry: Entry) -> Incident:
    return replace(incident, slice=entry.data.get("slice"))


def _causes(incident: Incident, entry: Entry) -> Incident:
    return replace(_titled(incident, entry), causes=tuple(entry.data["causes"]))


def _evidence(incident: Incident, entry: Entry) -> Incident:
    """Exhibits of one title are revised until a measure is applied; from then on the old one stays beside the
    new."""
    frozen = any(m.applied_at for m in incident.measures)
    kept = list(incident.evidence)
    for exhibit in entry.data["evidence"]:
        places = [i for i, known in enumerate(kept) if known["title"] == exhibit["title"]]
        if places and not frozen:
            kept[places[-1]] = exhibit
        elif exhibit not in kept:
            kept.append(exhibit)
    return replace(incident, evidence=tuple(kept))


def _next(incident: Incident, entry: Entry) -> Incident:
    return replace(incident, checks=tuple(entry.data["checks"]))


# -- what was decided and done -------------------------------------------------------------------------------


def _decided(incident: Incident, entry: Entry) -> Incident:
    said = {"at": iso(entry.at), "by": entry.by, "because": entry.because, **dict(entry.data)}
    return replace(incident, decisions=(*incident.decisions, said))


def measure_of_json(data: Mapping[str, Any], incident: str, service: str) -> Measure:
    """The measure that ``Measure.as_json`` wrote, of this incident and service."""

    def at(name: str) -> datetime | None:
        return parse_time(data[name]) if data.get(name) else None

    requested = at("requested_at")
    if requested is None:
        raise StateError(f"{incident}: measure {data.get('id')} does not say when it was requested",
                         todo="Write it as Measure.as_json gives it.")  # fmt: skip
    return Measure(
        id=data["id"],
        incident=incident,
        service=service,
        action=data["action"],
        params=dict(data.get("params") or {}),
        because=data.get("because", ""),
        authority=data.get("authority", "observe"),
        state=MeasureState(data["state"]),
        requested_at=requested,
        simulated=bool(data.get("simulated", False)),
        expected=data.get("expected", ""),
        dry_run=data.get("dry_run", ""),
        inverse=dict(data.get("inverse") or {}),
        temporary=bool(data.get("temporary", True)),
        expires_at=at("expires_at"),
        applied_at=at("applied_at"),
        confirmed_at=at("confirmed_at"),
        ended_at=at("ended_at"),
        approver=data.get("approver"),
        receipt=dict(data.get("receipt") or {}),
        effect=data.get("effect"),
    )


def _asked(incident: Incident, entry: Entry) -> Incident:
    return _with(
        incident, measure_of_json({**entry.data["measure"], "state": "asked"}, incident.id, incident.service)
    )


def _requested(incident: Incident, entry: Entry) -> Incident:
    data = {**entry.data["measure"], "state": "requested", "requested_at": iso(entry.at)}
    asked = next((m for m in incident.measures if m.id == data["id"]), None)
    if asked is not None:
        return _with(incident, replace(asked, state=MeasureState.REQUESTED, requested_at=entry.at))
    return _with(incident, measure_of_json(data, incident.id, incident.service))


def _with(incident: Incident, measure: Measure) -> Incident:
    known = {m.id: m for m in incident.measures}
    known[measure.id] = measure
    return replace(incident, measures=tuple(known.values()))


def _on_measure(change: Callable[[Measure, Entry], Measure]) -> Callable[[Incident, Entry], Incident]:
    """A reader of entries about one measure; an unknown measure changes nothing."""

    def read(incident: Incident, entry: Entry) -> Incident:
        measures = tuple(change(m, entry) if m.id == entry.data["measure"] else m for m in incident.measures)
        return replace(incident, measures=measures)

    return read


def _approved(measure: Measure, entry: Entry) -> Measure:
    return replace(measure, state=MeasureState.REQUESTED, approver=entry.by, requested_at=entry.at)


def _applied(measure: Measure, entry: Entry) -> Measure:
    receipt = dict(entry.data.get("receipt") or {})
    return replace(measure, state=MeasureState.APPLIED, applied_at=entry.at, receipt=receipt)


def _confirmed(measure: Measure, entry: Entry) -> Measure:
    return replace(measure, state=MeasureState.CONFIRMED, confirmed_at=entry.at)


def _failed(measure: Measure, entry: Entry) -> Measure:
    """What was claimed and may succeed the next time is requested again; act decides when it is enough."""
    if measure.state is MeasureState.CLAIMED and not entry.data.get("permanent", True):
        return replace(measure, state=MeasureState.REQUESTED)
    return replace(measure, state=MeasureState.FAILED, ended_at=entry.at)


def _effect(measure: Measure, entry: Entry) -> Measure:
    return replace(measure, effect=entry.data["effect"])


def _kept(measure: Measure, entry: Entry) -> Measure:
    return replace(measure, temporary=False, expires_at=None)


def _ended(state: MeasureState) -> Callable[[Measure, Entry], Measure]:
    def change(measure: Measure, entry: Entry) -> Measure:
        return replace(measure, state=state, ended_at=entry.at)

    return change


def _claimed(measure: Measure, entry: Entry) -> Measure:
    """The first claim has seen what was before, and says it best: after the effect nobody can see it any
    more."""
    inverse = dict(entry.data.get("inverse") or measure.inverse)
    return replace(measure, state=MeasureState.CLAIMED, inverse=inverse)


# -- where it stands -----------------------------------------------------------------------------------------


def _verdict(incident: Incident, entry: Entry) -> Incident:
    return replace(incident, verdicts=(*incident.verdicts, entry.data["verdict"]))


def _waived(incident: Incident, entry: Entry) -> Incident:
    return replace(incident, waivers=(*incident.waivers, entry.data["what"]))


def _moved(incident: Incident, entry: Entry) -> Incident:
    return _moved_to(incident, State(entry.data["to"]), entry.at)


def _moved_to(incident: Incident, to: State, at: datetime) -> Incident:
    if to is State.TRIAGING and incident.state in (State.VERIFYING, State.RESOLVED, State.LEARNING):
        # A new round: what was waived, watched and written about the last one no longer counts.
        return replace(incident, state=to, waivers=(), watch_until=None, resolved_at=None, review=None,
                       review_approved=False)  # fmt: skip
    if to is State.RESOLVED:
        return replace(incident, state=to, resolved_at=at)
    if to in OVER:
        return replace(incident, state=to, closed_at=at)
    return replace(incident, state=to)


def _watch(incident: Incident, entry: Entry) -> Incident:
    return replace(incident, watch_until=parse_time(entry.data["until"]))


def _role(incident: Incident, entry: Entry) -> Incident:
    return replace(incident, roles={**(incident.roles or {}), entry.data["role"]: entry.data["person"]})


def _review(incident: Incident, entry: Entry) -> Incident:
    return replace(incident, review=entry.data["review"], review_approved=False)


def _review_approved(incident: Incident, entry: Entry) -> Incident:
    return replace(incident, review_approved=True)


def _action_item(incident: Incident, entry: Entry) -> Incident:
    item = entry.data["item"]
    known = {i["id"]: i for i in incident.action_items}
    known[item["id"]] = item
    return replace(incident, action_items=tuple(known.values()))


def _only_told(incident: Incident, entry: Entry) -> Incident:
    return incident


_READ: Mapping[EntryKind, Callable[[Incident, Entry], Incident]] = {
    EntryKind.OPENED: _only_told,
    EntryKind.ALERTED: _alerted,
    EntryKind.SEVERITY: _severity,
    EntryKind.ONSET: _onset,
    EntryKind.SLICE: _slice,
    EntryKind.CAUSES: _causes,
    EntryKind.EVIDENCE: _evidence,
    EntryKind.NEXT: _next,
    EntryKind.DECIDED: _decided,
    EntryKind.ASKED: _asked,
    EntryKind.REQUESTED: _requested,
    EntryKind.APPROVED: _on_measure(_approved),
    EntryKind.DENIED: _on_measure(_ended(MeasureState.DENIED)),
    EntryKind.CLAIMED: _on_measure(_claimed),
    EntryKind.APPLIED: _on_measure(_applied),
    EntryKind.FAILED: _on_measure(_failed),
    EntryKind.CONFIRMED: _on_measure(_confirmed),
    EntryKind.EFFECT: _on_measure(_effect),
    EntryKind.UNDONE: _on_measure(_ended(MeasureState.UNDONE)),
    EntryKind.KEPT: _on_measure(_kept),
    EntryKind.EXPIRED: _on_measure(_ended(MeasureState.EXPIRED)),
    EntryKind.FREED: _on_measure(_ended(MeasureState.FREED)),
    EntryKind.VERDICT: _verdict,
    EntryKind.WAIVED: _waived,
    EntryKind.MOVED: _moved,
    EntryKind.WATCH: _watch,
    EntryKind.ROLE: _role,
    EntryKind.ACKED: _only_told,
    EntryKind.PAGED: _only_told,
    EntryKind.NOTE: _only_told,
    EntryKind.REVIEW: _review,
    EntryKind.REVIEW_APPROVED: _review_approved,
    EntryKind.ACTION_ITEM: _action_item,
}
