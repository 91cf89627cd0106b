"""What a person may tell Fireline to do: entries in the journal, through the same gate as the loop's.

Every command says who gave it. Raises StateError or StoreError, with what to do, where the incident or the
measure does not allow it; nothing is written then.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from fireline.act import plan, undoing
from fireline.clock import Clock, iso
from fireline.errors import StateError
from fireline.ids import stable_id
from fireline.store import Store
from fireline.terms.guards import may_reach
from fireline.terms.incident import Incident, Mode, State
from fireline.terms.measure import Measure, MeasureState
from fireline.terms.role import Role
from fireline.terms.severity import Severity
from fireline.terms.standing import ERRANDS, standing
from fireline.terms.timeline import Draft, EntryKind

K = EntryKind
NAMES = (
    "ack", "note", "approve", "deny", "undo", "keep", "free", "resolve", "move", "role", "waive",
    "approve_review",
)  # fmt: skip
"""The commands about an incident, as the API and the pages name them; ``declare`` opens one."""


def _write(store: Store, clock: Clock, incident: str, *drafts: Draft) -> Incident:
    with store.begin() as tx:
        for draft in drafts:
            tx.append(incident, draft, clock.now())
    return store.incident(incident)


def _done_errand(measure: Measure) -> bool:
    """Whether it was about another measure and has done that."""
    return measure.action in ERRANDS and measure.state is MeasureState.CONFIRMED


def _known(store: Store, incident: str) -> Incident:
    return store.incident(incident)


def _measure(store: Store, incident: str, measure: str) -> Measure:
    found = next((m for m in _known(store, incident).measures if m.id == measure), None)
    if found is None:
        raise StateError(
            f"incident {incident} knows no measure {measure}", todo=f"see `fireline show {incident}`"
        )
    return store.measure(measure)  # with its place in the order, which the journal does not tell


def the_measure(incident: Incident, states: tuple[MeasureState, ...], wanted: str | None = None) -> str:
    """The id of the one measure that a command without a name can only mean. Raises StateError."""
    found = [m.id for m in incident.measures if m.state in states and not _done_errand(m)]
    if wanted is not None:
        return wanted
    if len(found) != 1:
        words = " or ".join(state.value for state in states)
        if not found:
            raise StateError(
                f"incident {incident.id} has no measure that is {words}",
                todo=f"see what there is with `fireline show {incident.id}`",
            )
        raise StateError(
            f"incident {incident.id} has {len(found)} measures that are {words}",
            todo="name one of them: " + ", ".join(found),
        )
    return found[0]


def ack(store: Store, clock: Clock, incident: str, by: str, text: str = "") -> Incident:
    """``by`` has seen it: paging rests for a while. It is not silence: what gets worse pages again."""
    return _write(store, clock, incident, Draft(K.ACKED, text or f"{by} has it.", {"person": by}, by=by))


def note(store: Store, clock: Clock, incident: str, by: str, text: str) -> Incident:
    """A line in the timeline."""
    if not text.strip():
        raise StateError("the note is empty", todo="write what you saw or did")
    return _write(store, clock, incident, Draft(K.NOTE, text.strip(), {"text": text.strip()}, by=by))


def approve(
    store: Store, clock: Clock, incident: str, measure: str | None, by: str, text: str = ""
) -> Incident:
    """Yes to a measure that was asked for; it is done at once."""
    name = the_measure(_known(store, incident), (MeasureState.ASKED,), measure)
    _measure(store, incident, name)
    return _write(
        store, clock, incident, Draft(K.APPROVED, text or f"{by} said yes.", {"measure": name}, by=by)
    )


def deny(store: Store, clock: Clock, incident: str, measure: str | None, by: str, text: str = "") -> Incident:
    """No to a measure that was asked for or is not begun; it is not proposed again in this round."""
    name = the_measure(_known(store, incident), (MeasureState.ASKED, MeasureState.REQUESTED), measure)
    _measure(store, incident, name)
    return _write(store, clock, incident, Draft(K.DENIED, text or f"{by} said no.", {"measure": name}, by=by))


def undo(store: Store, clock: Clock, incident: str, measure: str | None, by: str, text: str = "") -> Incident:
    """Take a measure back: a measure of its own, done like any other, one change at a time."""
    name = the_measure(_known(store, incident), (MeasureState.APPLIED, MeasureState.CONFIRMED), measure)
    found = _measure(store, incident, name)
    if found.state not in (MeasureState.APPLIED, MeasureState.CONFIRMED, MeasureState.FREED):
        raise StateError(
            f"measure {name} is {found.state.value}: there is nothing to take back",
            todo="deny it while it is asked for, or look at the ledger",
        )
    back = undoing(found, text or f"{by} takes it back.", clock.now(), by)
    drafts = [Draft(K.REQUESTED, back.because, {"measure": back.as_json()}, by=by)]
    if found.state is MeasureState.APPLIED:  # it would stand in the way of what takes it back
        why = f"{by} takes it back before live traffic was seen to obey it."
        drafts.insert(0, Draft(K.FREED, why, {"measure": name}, by=by))
    return _write(store, clock, incident, *drafts)


def keep(store: Store, clock: Clock, incident: str, measure: str | None, by: str, text: str = "") -> Incident:
    """Make a confirmed measure permanent, so that it does not end by itself and no longer blocks closing."""
    name = the_measure(_known(store, incident), (MeasureState.CONFIRMED,), measure)
    found = _measure(store, incident, name)
    if found.state is not MeasureState.CONFIRMED or not found.temporary:
        raise StateError(
            f"measure {name} is {'permanent already' if not found.temporary else found.state.value}",
            todo="only a confirmed temporary measure can be kept",
        )
    now = clock.now()
    kept = Measure(
        id=stable_id("msr", name, "keep", iso(now)),
        incident=incident,
        service=found.service,
        action="keep",
        params={"measure": name},
        because=text or f"{by} keeps it for good.",
        authority="auto",
        state=MeasureState.REQUESTED,
        requested_at=now,
        simulated=found.simulated,
        temporary=False,
        approver=by,
    )
    return _write(
        store, clock, incident, Draft(K.REQUESTED, kept.because, {"measure": plan(kept).as_json()}, by=by)
    )


def free(store: Store, clock: Clock, incident: str, measure: str | None, by: str, text: str = "") -> Incident:
    """Let go of a measure that hangs, so that another may begin. What it did to production is not undone."""
    states = (MeasureState.ASKED, MeasureState.REQUESTED, MeasureState.CLAIMED, MeasureState.APPLIED)
    name = the_measure(_known(store, incident), states, measure)
    _measure(store, incident, name)
    why = text or f"{by} frees it: it hangs. What it did, if anything, is still in force."
    return _write(store, clock, incident, Draft(K.FREED, why, {"measure": name}, by=by))


def take_role(
    store: Store, clock: Clock, incident: str, by: str, role: str, person: str | None = None
) -> Incident:
    """``person`` (default: who gives the command) takes ``role``."""
    try:
        known = Role(role)
    except ValueError:
        names = ", ".join(r.value for r in Role)
        raise StateError(f"there is no role {role!r}", todo=f"use one of: {names}") from None
    who = person or by
    data = {"role": known.value, "person": who}
    return _write(store, clock, incident, Draft(K.ROLE, f"{who} is {known.value}.", data, by=by))


def waive(store: Store, clock: Clock, incident: str, by: str, text: str, what: str = "contained") -> Incident:
    """Go on without a measure confirmed in traffic, with the reason."""
    if not text.strip():
        raise StateError("a waiver needs a reason", todo="say why nothing needs to hold the harm")
    return _write(store, clock, incident, Draft(K.WAIVED, text.strip(), {"what": what}, by=by))


def move(
    store: Store, clock: Clock, incident: str, by: str, to: str, text: str, into: str | None = None
) -> Incident:
    """Move the incident to another state, with the reason; the same guards hold as for the loop."""
    if not text.strip():
        raise StateError("a move needs a reason", todo="say why in one sentence")
    data = {"to": to} | ({"into": into} if into else {})
    return _write(store, clock, incident, Draft(K.MOVED, text.strip(), data, by=by))


def resolve(store: Store, clock: Clock, incident: str, by: str, text: str = "") -> Incident:
    """End it: resolved where its watch period has passed, declined where no harm was ever confirmed.

    An incident that nobody contained and whose alert was wrong is declined with the reason; one in which
    nothing is in force any more is cancelled with the reason; one whose watch period still runs cannot be
    resolved, and the error says until when.
    """
    found = _known(store, incident)
    if found.state in (State.SUSPECTED, State.DECLARED, State.TRIAGING):
        if not text.strip():
            raise StateError(
                f"incident {incident} is {found.state.value}: nothing was done about it yet",
                todo="say why it is no incident (it is declined then), or contain it first",
            )
        return move(store, clock, incident, by, State.DECLINED.value, text)
    if found.state in (State.CONTAINING, State.CONTAINED, State.RECOVERING):
        if left := standing(found):
            names = ", ".join(f"{m.id} ({m.action}, {m.state.value})" for m in left)
            raise StateError(
                f"incident {incident} is {found.state.value}, with measures in force or on the way: {names}",
                todo="undo or keep it first; what was just undone is over once live traffic is seen to obey",
            )
        if not text.strip():
            raise StateError(
                f"incident {incident} is {found.state.value}, and nothing is in force",
                todo="say why it is over (it is cancelled then), or wait for the figures to recover",
            )
        return move(store, clock, incident, by, State.CANCELLED.value, text)
    why_not = may_reach(found, State.RESOLVED)
    if why_not is not None:
        raise StateError(why_not, todo="see what is still open in the ledger and the watch period")
    return move(store, clock, incident, by, State.RESOLVED.value, text or f"{by} resolved it.")


def approve_review(store: Store, clock: Clock, incident: str, by: str, text: str = "") -> Incident:
    """The review is read and approved; what it asks for goes on record."""
    found = _known(store, incident)
    known = {item["id"] for item in found.action_items}
    wanted = (found.review or {}).get("action_items", ())
    items = [
        Draft(K.ACTION_ITEM, str(item["what"]), {"item": dict(item)}, by=by)
        for item in wanted
        if item["id"] not in known
    ]
    approved = Draft(K.REVIEW_APPROVED, text or f"{by} approved the review.", {"person": by}, by=by)
    return _write(store, clock, incident, approved, *items)


def declare(
    store: Store,
    clock: Clock,
    service: str,
    by: str,
    title: str,
    severity: str | None = None,
    mode: Mode = "real",
) -> Incident:
    """Open an incident that no monitor has seen."""
    if not title.strip():
        raise StateError("an incident needs a title", todo="say in one sentence what is wrong")
    level = _level(severity) if severity else None
    now = clock.now()
    name = stable_id("inc", service, by, title, iso(now))
    said = {"service": service, "mode": mode, "title": title.strip()}
    drafts = [
        Draft(K.OPENED, f"{by} declared it: {title.strip()}", said, by=by),
        Draft(K.MOVED, "A person declared it.", {"to": State.DECLARED.value}, by=by),
        Draft(K.MOVED, "What it is, since when and why is worked out next.", {"to": "triaging"}, by=by),
    ]
    if level is not None:
        drafts.append(Draft(K.SEVERITY, f"{by} called it {level.value}.", {"severity": level.value}, by=by))
    return _write(store, clock, name, *drafts)


def _level(name: str) -> Severity:
    try:
        return Severity(name.upper())
    except ValueError:
        known = ", ".join(level.value for level in Severity)
        raise StateError(f"there is no severity {name!r}", todo=f"use one of: {known}") from None


def act_now(
    store: Store,
    clock: Clock,
    incident: str,
    by: str,
    action: str,
    params: dict[str, object],
    text: str,
    expires: timedelta = timedelta(hours=24),
) -> Incident:
    """A person takes a measure of their own: planned, checked and done like the loop's, at once."""
    found = _known(store, incident)
    now: datetime = clock.now()
    because = text.strip() or f"{by} asked for it."
    measure = Measure(
        id=stable_id("msr", incident, len(found.measures) + 1, action, iso(now)),
        incident=incident,
        service=found.service,
        action=action,
        params=params,
        because=because,
        authority="auto",
        state=MeasureState.REQUESTED,
        requested_at=now,
        simulated=False,
        approver=by,
        expires_at=now + expires,
    )
    drafts = [Draft(K.REQUESTED, because, {"measure": plan(measure).as_json()}, by=by)]
    if found.state is State.TRIAGING:
        drafts.append(Draft(K.MOVED, "A measure was chosen by a person.", {"to": "containing"}, by=by))
    return _write(store, clock, incident, *drafts)
