"""What may be written next: the guards between an incident's states, and between a measure's.

``allowed`` is asked before an entry is written. It says no with a reason and with what to do instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NoReturn

from fireline.clock import iso
from fireline.errors import StateError
from fireline.terms.incident import OVER, Incident, State
from fireline.terms.measure import IN_FLIGHT, MeasureState
from fireline.terms.severity import Severity
from fireline.terms.standing import (
    SIMULATED_COUNTS,
    UNDOING,
    held,
    open_temporary,
    recovered_this_round,
    watch_passed,
)
from fireline.terms.timeline import Draft, EntryKind

FIRELINE = "fireline"
WAIVABLE = frozenset({"contained"})

S = State
_ENDS = frozenset({S.MERGED, S.CANCELLED})
MOVES: Mapping[State, frozenset[State]] = {
    S.SUSPECTED: frozenset({S.DECLARED, S.DECLINED}) | _ENDS,
    S.DECLARED: frozenset({S.TRIAGING, S.DECLINED}) | _ENDS,
    S.TRIAGING: frozenset({S.CONTAINING, S.VERIFYING, S.DECLINED}) | _ENDS,
    S.CONTAINING: frozenset({S.CONTAINED, S.TRIAGING, S.VERIFYING}) | _ENDS,
    S.CONTAINED: frozenset({S.CONTAINING, S.RECOVERING}) | _ENDS,
    S.RECOVERING: frozenset({S.CONTAINING, S.VERIFYING}) | _ENDS,
    S.VERIFYING: frozenset({S.RESOLVED, S.TRIAGING}) | _ENDS,
    S.RESOLVED: frozenset({S.LEARNING, S.TRIAGING}),
    S.LEARNING: frozenset({S.CLOSED, S.TRIAGING}),
    S.CLOSED: frozenset(),
    S.MERGED: frozenset(),
    S.DECLINED: frozenset(),
    S.CANCELLED: frozenset(),
}
"""State -> the states it may move to. ``triaging`` out of verifying is a relapse, out of resolved or learning
a reopening; ``verifying`` out of triaging or containing means that the service recovered by itself."""

_M = MeasureState
MEASURE_FROM: Mapping[EntryKind, frozenset[MeasureState]] = {
    EntryKind.APPROVED: frozenset({_M.ASKED}),
    EntryKind.DENIED: frozenset({_M.ASKED, _M.REQUESTED}),
    EntryKind.CLAIMED: frozenset({_M.REQUESTED, _M.CLAIMED}),
    EntryKind.APPLIED: frozenset({_M.CLAIMED}),
    EntryKind.FAILED: frozenset({_M.REQUESTED, _M.CLAIMED, _M.APPLIED}),
    EntryKind.CONFIRMED: frozenset({_M.APPLIED}),
    EntryKind.EFFECT: frozenset({_M.APPLIED, _M.CONFIRMED, _M.UNDONE, _M.EXPIRED, _M.FREED}),
    EntryKind.UNDONE: frozenset({_M.APPLIED, _M.CONFIRMED, _M.FREED, _M.EXPIRED}),
    EntryKind.KEPT: frozenset({_M.CONFIRMED}),
    EntryKind.EXPIRED: frozenset({_M.ASKED, _M.REQUESTED, _M.APPLIED, _M.CONFIRMED}),
    EntryKind.FREED: IN_FLIGHT,
}
"""Entry about a measure -> the states the measure may be in before it."""

_WHEN_OVER = frozenset({EntryKind.NOTE, EntryKind.ACTION_ITEM, EntryKind.PAGED})
_NEEDS_REASON = frozenset(
    {
        EntryKind.MOVED,
        EntryKind.DECIDED,
        EntryKind.ASKED,
        EntryKind.REQUESTED,
        EntryKind.DENIED,
        EntryKind.FREED,
        EntryKind.UNDONE,
        EntryKind.KEPT,
        EntryKind.WAIVED,
        EntryKind.VERDICT,
        EntryKind.SEVERITY,
    }
)


def allowed(incident: Incident | None, draft: Draft) -> None:
    """Return when ``draft`` may be written next; else raise StateError saying why not and what to do."""
    if incident is None:
        if draft.kind is not EntryKind.OPENED:
            raise StateError(f"there is no incident yet to write `{draft.kind.value}` to",
                             todo="Write an `opened` entry first.")  # fmt: skip
        return
    if draft.kind is EntryKind.OPENED:
        _no(incident, "it is open already", "Write to it, or open one with another id.")
    if draft.kind in _NEEDS_REASON and not draft.because.strip():
        _no(
            incident,
            f"`{draft.kind.value}` needs a reason",
            "Give `because`: one sentence a responder can read.",
        )
    if incident.state in OVER and draft.kind not in _WHEN_OVER and not _lands(incident, draft):
        _no(incident, f"it is {incident.state.value}, and `{draft.kind.value}` would change it",
            "Open a new incident, and link this one in a note.")  # fmt: skip
    if draft.kind in (EntryKind.ASKED, EntryKind.REQUESTED):
        _measure_may_begin(incident, draft)
    elif draft.kind in MEASURE_FROM:
        _measure_may_change(incident, draft)
    else:
        _by_kind(incident, draft)


def _by_kind(incident: Incident, draft: Draft) -> None:
    match draft.kind:
        case EntryKind.ALERTED:
            _alert_is_heard(incident)
        case EntryKind.MOVED:
            _may_move(incident, draft)
        case EntryKind.WAIVED:
            _may_waive(incident, draft)
        case EntryKind.WATCH:
            if incident.state is not State.VERIFYING:
                _no(incident, f"a watch period belongs to verifying, and it is {incident.state.value}",
                    "Move to verifying first.")  # fmt: skip
        case EntryKind.REVIEW_APPROVED:
            if incident.review is None:
                _no(incident, "there is no review to approve", "Write the review first.")
            if draft.by == FIRELINE:
                _no(
                    incident,
                    "a review is approved by a person",
                    "Ask the incident commander to read and approve it.",
                )


def _alert_is_heard(incident: Incident) -> None:
    if incident.state in (State.RESOLVED, State.LEARNING):
        _no(incident, f"it is {incident.state.value}, and a new alert must not vanish in it",
            "Reopen it first (move to triaging), or open a new incident.")  # fmt: skip


# -- states -----------------------------------------------------------------------------------------------


def may_reach(incident: Incident, to: State) -> str | None:
    """None when ``incident`` may move to ``to`` now, else the reason why not."""
    try:
        _may_move(incident, Draft(EntryKind.MOVED, "asked only", {"to": to.value, "into": "another"}))
    except StateError as error:
        return f"{error.message} -> {error.todo}"
    return None


def _may_move(incident: Incident, draft: Draft) -> None:
    to = _state(incident, draft.data.get("to"))
    if to not in MOVES[incident.state]:
        ways = sorted(s.value for s in MOVES[incident.state])
        _no(incident, f"there is no way from {incident.state.value} to {to.value}",
            f"From here it may move to: {', '.join(ways) or 'nowhere, it is over'}.")  # fmt: skip
    if to is State.CONTAINED:
        _is_contained(incident)
    elif to is State.VERIFYING and incident.state in (State.TRIAGING, State.CONTAINING):
        if not recovered_this_round(incident):
            _no(incident, "nothing shows that the service recovered by itself",
                "Wait for a `recovered` verdict, or contain it first.")  # fmt: skip
    elif to is State.RESOLVED:
        _watch_has_passed(incident)
        _nothing_temporary(incident, to)
    elif to is State.CLOSED:
        _review_is_done(incident)
        _nothing_temporary(incident, to)
    elif to in OVER:
        _nothing_temporary(incident, to)
        if to is State.MERGED and not draft.data.get("into"):
            _no(incident, "a merged incident must say into which", "Give `into`: the other incident's id.")


def _state(incident: Incident, name: object) -> State:
    try:
        return State(str(name))
    except ValueError:
        _no(incident, f"{name!r} is not a state", f"States are: {', '.join(s.value for s in State)}.")


def _is_contained(incident: Incident) -> None:
    if held(incident):
        return
    live = [m for m in incident.live_measures if m.in_flight]
    if live:
        _no(
            incident,
            f"measure {live[-1].id} ({live[-1].action}) is {live[-1].state.value}, not confirmed in traffic",
            "Wait until live traffic is seen to obey it, or waive containment with a reason.",
        )
    simulated = [m for m in incident.measures if m.simulated and m.state is MeasureState.CONFIRMED]
    if simulated and incident.mode not in SIMULATED_COUNTS:
        _no(incident, "its only measure was simulated, and nothing on production changed",
            "Take a real measure, or waive containment with a reason.")  # fmt: skip
    _no(incident, "no live measure holds the harm",
        "Take a measure and confirm it in traffic, or waive containment with a reason.")  # fmt: skip


def _watch_has_passed(incident: Incident) -> None:
    if incident.watch_until is None:
        _no(incident, "no watch period was begun", "Begin one with `watch`, and let it pass.")
    elif not watch_passed(incident):
        _no(incident, f"its watch period lasts until {iso(incident.watch_until)} and was not seen to pass",
            "Wait for a `recovered` verdict at or after that time.")  # fmt: skip


def _nothing_temporary(incident: Incident, to: State) -> None:
    left = open_temporary(incident)
    if left:
        names = ", ".join(f"{m.id} ({m.action}, {m.state.value})" for m in left)
        _no(incident, f"it cannot be {to.value} over a live temporary measure: {names}",
            "Undo it, or accept it as permanent (`kept`).")  # fmt: skip


def _review_is_done(incident: Incident) -> None:
    review = incident.review
    if review is None:
        _no(incident, "it has no review", "Write the review; the draft names what is missing.")
    if incident.severity in (Severity.SEV1, Severity.SEV2) and not incident.review_approved:
        _no(
            incident,
            f"the review of a {incident.severity.value} must be approved",
            "Ask a person to approve it.",
        )
    known = {item["id"] for item in incident.action_items}
    missing = [item["what"] for item in review.get("action_items", ()) if item["id"] not in known]
    if missing:
        _no(incident, f"{len(missing)} of the review's action items are not on record: {missing[0]}",
            "Write an `action_item` entry for each.")  # fmt: skip


def _may_waive(incident: Incident, draft: Draft) -> None:
    what = draft.data.get("what")
    if what not in WAIVABLE:
        _no(incident, f"{what!r} cannot be waived", "Only containment (`contained`) can.")
    if draft.by == FIRELINE:
        _no(incident, "a guard is waived by a person", "Ask the incident commander.")


# -- measures ---------------------------------------------------------------------------------------------


def _measure_may_begin(incident: Incident, draft: Draft) -> None:
    measure = draft.data["measure"]
    if incident.state in (State.RESOLVED, State.LEARNING) and measure["action"] != UNDOING:
        _no(incident, f"it is {incident.state.value}: nothing is done about what is over", "Reopen it first.")
    for other in incident.measures:
        if other.id == measure["id"]:
            if other.state is MeasureState.ASKED and draft.kind is EntryKind.REQUESTED:
                continue
            _no(incident, f"measure {other.id} is on record already ({other.state.value})",
                "Approve the one that is asked for, or request a new one.")  # fmt: skip
        if other.in_flight:
            _no(incident, f"measure {other.id} ({other.action}) is still in flight ({other.state.value})",
                "One change at a time: wait for it, or free it if it hangs.")  # fmt: skip


def _lands(incident: Incident, draft: Draft) -> bool:
    """Whether ``draft`` is part of taking back, later, what a closed incident left in force for good, or lets
    land what was still on its way when it closed: in flight, it would hold up every other measure."""
    if incident.state is not State.CLOSED:
        return False
    if draft.kind is EntryKind.REQUESTED:
        return bool(draft.data["measure"]["action"] == UNDOING)
    name = draft.data.get("measure")
    about = next((m for m in incident.measures if m.id == name), None)
    if about is None or draft.kind not in MEASURE_FROM:
        return False
    kept = draft.kind is EntryKind.UNDONE and not about.temporary
    return about.in_flight or about.action == UNDOING or kept


def _measure_may_change(incident: Incident, draft: Draft) -> None:
    name = draft.data["measure"]
    measure = next((m for m in incident.measures if m.id == name), None)
    if measure is None:
        _no(incident, f"it knows no measure {name}", "Ask for it or request it first.")
    if measure.state not in MEASURE_FROM[draft.kind]:
        ok = ", ".join(sorted(s.value for s in MEASURE_FROM[draft.kind]))
        _no(incident, f"measure {name} is {measure.state.value} and cannot be `{draft.kind.value}`",
            f"That is possible while it is: {ok}.")  # fmt: skip
    if draft.kind is EntryKind.KEPT and draft.by == FIRELINE and not measure.simulated:
        _no(incident, "a measure on production is made permanent by a person", "Ask the measure's approver.")


def _no(incident: Incident, why: str, todo: str) -> NoReturn:
    raise StateError(f"incident {incident.id}: {why}", todo=todo)
