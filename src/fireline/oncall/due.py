"""Which pages are due now: a pure function of the journal and of the pages there have been.

Nothing is scheduled ahead, so nothing can be forgotten or left over: whoever asks, after a crash or an
hour's sleep, gets what is due now, once, and an incident that ended has nothing due. A call goes through the
steps and then repeats, until somebody answers, until ``max`` calls, or until the incident ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from fireline.ids import stable_id
from fireline.oncall.attention import ENDED, HELD, MODES, Attention, Reason, attention
from fireline.oncall.settings import Paging
from fireline.oncall.write import Telling, written
from fireline.terms import words
from fireline.terms.incident import Incident
from fireline.terms.page import Page, PageDraft, PageKind, PageState
from fireline.terms.severity import Severity

SETTLES = timedelta(minutes=2)
"""How long the first update waits for the severity."""
USUAL_CADENCE = timedelta(hours=2)


@dataclass(frozen=True)
class Arrangement:
    """All that a plan depends on besides the incident: what was agreed, and how messages are written."""

    paging: Paging
    base_url: str = ""
    timezone: str = "UTC"
    cadence: Mapping[Severity, timedelta] = field(default_factory=dict)


@dataclass(frozen=True)
class _Slot:
    """One moment of calling: the same message by several channels."""

    kind: PageKind
    series: str
    ordinal: str
    channels: tuple[str, ...]
    because: str
    plan: Mapping[str, int]
    last: bool = False
    lapsed: bool = False


def due(
    incident: Incident, arrangement: Arrangement, known: Sequence[Page], now: datetime
) -> list[PageDraft]:
    """The pages of ``incident`` that are due at ``now`` and not among the ``known`` ones."""
    seen = attention(incident)
    if incident.state in ENDED:
        slots = [_ended(seen, known)]
    else:
        slots = [
            _call(incident, seen, arrangement.paging, known, now),
            _update(incident, seen, arrangement, known, now),
        ]
    there = {page.key for page in known}
    drafts = [draft for slot in slots if slot for draft in _drafts(incident, slot, arrangement, now)]
    return [draft for draft in drafts if draft.key not in there]


def _drafts(incident: Incident, slot: _Slot, arrangement: Arrangement, now: datetime) -> Iterable[PageDraft]:
    again = None if slot.last or slot.series != "call" else arrangement.paging.repage_every
    telling = Telling(arrangement.base_url, arrangement.timezone, slot.because, again, slot.last, slot.lapsed)
    message = written(incident, slot.kind, telling, now)
    for channel in slot.channels:
        key = stable_id("page", incident.id, slot.series, slot.ordinal, channel, size=8)
        yield PageDraft(
            incident.id, incident.service, slot.kind, channel, key, now, slot.because, message, slot.plan
        )


# -- calls: until somebody answers ---------------------------------------------------------------------------


def _call(
    incident: Incident, seen: Attention, paging: Paging, known: Sequence[Page], now: datetime
) -> _Slot | None:
    if not paging.steps:
        return None
    if seen.open:
        return _chain(seen, seen.open, seen.open[0].at, paging, known, now)
    if not seen.reasons or seen.answer is None:
        return None
    lapsed = seen.answer.at + paging.ack_lasts
    begun = any(page.calls and page.plan["anchor"] == seen.answer.seq for page in known)
    if now < lapsed or (incident.state in HELD and not begun):
        return None
    since = words.length(now - seen.answer.at)
    because = f"{seen.answer.by} took it {since} ago, and it is not contained."
    return _chain(seen, (Reason(seen.answer.seq, lapsed, because),), lapsed, paging, known, now)


def _chain(
    seen: Attention,
    reasons: Sequence[Reason],
    start: datetime,
    paging: Paging,
    known: Sequence[Page],
    now: datetime,
) -> _Slot | None:
    """The next call of the chain that began with the first of ``reasons``; a later reason calls everybody
    reached so far at once."""
    anchor, newest = reasons[0], reasons[-1]
    chain = [page for page in known if page.calls and page.plan["anchor"] == anchor.seq]
    reached = max((page.plan["step"] for page in chain), default=-1)
    spent = len({page.plan["n"] for page in chain if page.plan["reason"] == newest.seq})
    if spent >= paging.max:
        return None
    step = max((i for i, s in enumerate(paging.steps) if start + s.after <= now), default=-1)
    dead = _all_failed(chain)
    if dead and reached + 1 < len(paging.steps):
        step = max(step, reached + 1)
    ordinal = max((page.plan["n"] for page in chain), default=-1) + 1
    plan = {
        "anchor": anchor.seq,
        "reason": newest.seq,
        "n": ordinal,
        "step": max(step, reached),
        "round": seen.round,
    }

    def slot(kind: PageKind, steps: range, because: str) -> _Slot:
        names = dict.fromkeys(name for i in steps for name in paging.steps[i].channels)
        last, number = spent + 1 >= paging.max, f"{anchor.seq}.{ordinal}"
        return _Slot(kind, "call", number, tuple(names), because, plan, last, answered)

    answered = seen.answer is not None and anchor.seq == seen.answer.seq
    if not chain:
        kind = PageKind.REPAGE if answered else PageKind.PAGE
        return slot(kind, range(step + 1), newest.because or anchor.because) if step >= 0 else None
    if newest.seq > max(page.plan["reason"] for page in chain):
        return slot(PageKind.PAGE, range(max(step, reached) + 1), newest.because)
    if step > reached:
        why = "Nobody could be reached on the step before." if dead else _nobody(now - start)
        return slot(PageKind.ESCALATE, range(reached + 1, step + 1), why)
    if max(page.created_at for page in chain) + paging.repage_every <= now:
        return slot(PageKind.REPAGE, range(reached + 1), _nobody(now - start))
    return None


def _nobody(span: timedelta) -> str:
    return f"Nobody acknowledged for {words.length(span)}."


def _all_failed(chain: Sequence[Page]) -> bool:
    """Whether the last call of the chain reached nobody and never will."""
    newest = max((page.plan["n"] for page in chain), default=-1)
    return bool(chain) and all(p.state is PageState.FAILED for p in chain if p.plan["n"] == newest)


# -- telling: how it stands, and that it ended ---------------------------------------------------------------


def _update(
    incident: Incident, seen: Attention, arrangement: Arrangement, known: Sequence[Page], now: datetime
) -> _Slot | None:
    """An update when it is opened, and then, for what calls people, on the runbook's cadence."""
    if not arrangement.paging.updates or incident.mode not in MODES:
        return None
    told = [page for page in known if page.kind is PageKind.UPDATE]
    every = arrangement.cadence.get(incident.severity or Severity.SEV2, USUAL_CADENCE)
    if not told:
        fresh = incident.severity is None and now < incident.opened_at + SETTLES
        next_at = None if fresh else now
    elif not seen.reasons:
        next_at = None  # a ticket is told of once
    else:
        next_at = max(page.created_at for page in told) + every
    if next_at is None or now < next_at:
        return None
    n = max((page.plan["n"] for page in told), default=-1) + 1
    because = f"Next update in {words.length(every)}." if seen.reasons else ""
    plan = {"n": n, "round": seen.round}
    return _Slot(PageKind.UPDATE, "update", str(n), arrangement.paging.updates, because, plan)


def _ended(seen: Attention, known: Sequence[Page]) -> _Slot | None:
    """Whoever may have read a page of this round is told that it is over."""
    mine = [page for page in known if page.plan["round"] == seen.round and page.may_have_arrived]
    if not any(page.calls for page in mine):
        return None
    channels = tuple(dict.fromkeys(page.channel for page in mine if page.kind is not PageKind.RESOLVED))
    plan = {"n": seen.round, "round": seen.round}
    return _Slot(PageKind.RESOLVED, "resolved", str(seen.round), channels, "", plan)


# -- what waits and is not wanted any more -------------------------------------------------------------------


def unwanted(incident: Incident, known: Sequence[Page]) -> list[tuple[Page, str]]:
    """Pages in the outbox that must not be sent any more, each with the reason."""
    seen = attention(incident)
    waiting = [page for page in known if page.state in (PageState.WAITING, PageState.CLAIMED)]
    found = ((page, _why_not(page, incident, seen, known)) for page in waiting)
    return [(page, why) for page, why in found if why]


def _why_not(page: Page, incident: Incident, seen: Attention, known: Sequence[Page]) -> str:
    ended = incident.state in ENDED
    if page.kind is PageKind.RESOLVED:
        return "" if ended and page.plan["round"] == seen.round else "it is back"
    if ended:
        return f"it is {incident.state.value}"
    if page.calls and seen.answer is not None and seen.answer.seq > page.plan["reason"]:
        return f"{seen.answer.by} has it"
    if any(_replaces(other, page) for other in known):
        return "a later one says more"
    return ""


def _replaces(other: Page, page: Page) -> bool:
    return other.id > page.id and other.channel == page.channel and other.calls == page.calls
