"""What a person decides about a baseline: accept, reject, go back. Each is one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from fireline.baselines import shelf as shelves
from fireline.baselines.days import day_of, is_harmless, stand_ins, told_harmless
from fireline.baselines.propose import check_frozen
from fireline.clock import Clock, iso, micros
from fireline.detect.baseline import Baseline
from fireline.errors import InputError, StateError, Where
from fireline.recording import Archive
from fireline.reference import learn_window
from fireline.runbook.schema import Runbook
from fireline.store import Store
from fireline.terms.incident import Incident, State
from fireline.terms.proposal import Kept, Proposal, Shelf, Standing
from fireline.terms.timeline import Draft, EntryKind

MINUTE = 60 * 1_000_000
OWN = "own"
"""What the runbook's own baseline is called where it is to be gone back to."""
_OPEN = (State.SUSPECTED, State.DECLARED, State.TRIAGING)


def waiting(found: Shelf, name: str) -> Proposal:
    """The proposal ``name``, which waits for a decision. Raises StateError."""
    one = shelves.find(found, name)
    if one is None:
        raise StateError(f"there is no proposal {name!r}", todo="see `fireline baseline list`")
    if one.standing != "proposed":
        raise StateError(f"proposal {one.id} is {one.standing} already", todo="see `fireline baseline list`")
    return one


def is_in_force(found: Shelf, name: str) -> bool:
    """Whether ``name`` is the proposal that was accepted last, and not gone back on."""
    one = shelves.find(found, name)
    return one is not None and one.standing == "accepted" and one.id == found.active


def with_proposal(store: Store, found: Shelf, one: Proposal) -> Shelf:
    """``found`` with ``one`` proposed, kept; ``found`` itself where it was proposed before. The same days are
    proposed once, whatever else came to pass on them; a newer proposal takes the place of an older one of the
    same reason that still waits."""
    if any(_is_same(known, one) for known in found.proposals):
        return found
    was, rest = found, tuple(
        known for known in found.proposals
        if not (known.standing == "proposed" and known.reason == one.reason)
    )  # fmt: skip
    found = shelves.said(
        replace(found, proposals=(*rest, one)), one.at, "proposed", one.by, one.because, proposal=one.id
    )
    with store.begin() as tx:
        shelves.put(tx, one.service, found, was)
    return found


def _is_same(known: Proposal, one: Proposal) -> bool:
    days = (known.reason, known.since, known.until) == (one.reason, one.since, one.until)
    return known.id == one.id or (days and known.standing != "proposed" and one.by == known.by == "fireline")


def reject(store: Store, clock: Clock, found: Shelf, name: str, by: str, because: str) -> Shelf:
    """No: it is not proposed again for the same days. Raises StateError without a reason."""
    one = waiting(found, name)
    if not because.strip():
        raise StateError("a rejection needs a reason", todo="say why these days are not usual")
    was, found = found, _decided(found, one, "rejected")
    found = shelves.said(found, clock.now(), "rejected", by, because.strip(), proposal=one.id)
    with store.begin() as tx:
        shelves.put(tx, one.service, found, was)
    return found


def take(
    runbook: Runbook, archive: Archive, one: Proposal, folder: Path | None = None
) -> tuple[Runbook, Baseline]:
    """The baseline that ``one`` proposes, learnt from the events kept, and the runbook that goes with it;
    ``folder`` is where the runbook's training data lies. Raises InputError when too few events are kept, and
    StateError where some of them lie elsewhere: what is learnt from a part is not usual."""
    if runbook.counts is not None:
        place = f" ({runbook.counts.rows})" if runbook.counts.rows else ""
        raise InputError(
            "a baseline is learnt from rows, and only counts of this service come here",
            where=Where(key="counts"),
            todo=f"take it from a sample of the rows{place}: fireline init SAMPLE --until {iso(one.until)}, "
            "then give the runbook to the server and to the schedule that counts",
        )
    away, files = archive.elsewhere(one.since, one.until)
    if away:
        raise StateError(
            f"{away} of {files} files of events from {iso(one.since)} to {iso(one.until)} do not lie in this "
            "server's lake",
            todo="give the servers one folder with --lake, and copy each one's files there",
        )
    reference = runbook.reference.model_copy(update={"since": one.since, "until": one.until})
    changed = runbook.model_copy(update={"reference": reference})
    age = runbook.labels.age if runbook.labels else timedelta(0)
    table = archive.events(one.since, one.until)
    labels = archive.labels(one.since, one.until + age)
    out = [day_of(day) for day in one.left_out]
    aside = stand_ins(one.since, one.until, out)
    sampled = archive.signals(one.since, one.until)
    training = folder / runbook.training.file if folder and runbook.training else None
    return changed, learn_window(changed, table, labels, stand_in=aside, signals=sampled, training=training)


def accept(
    store: Store,
    clock: Clock,
    found: Shelf,
    one: Proposal,
    baseline: Baseline,
    incidents: Sequence[Incident],
    by: str,
    because: str,
) -> Shelf:
    """Puts ``baseline`` in force: its series begin with the next whole minute but one. What it takes for
    usual is over: the harmless incidents it is about are declined with that reason."""
    check_frozen(incidents)
    now, told = clock.now(), told_harmless(incidents)
    why = because.strip() or f"{by} accepts {iso(one.since)} to {iso(one.until)} as usual."
    was, kept = found, Kept(one.id, one.since, one.until, now, by, why)
    found, over = _without_waiting(_decided(found, one, "accepted"))
    found = replace(found, active=one.id, begins=_begins(now), kept=(*found.kept, kept))
    found = shelves.said(found, now, "accepted", by, why, proposal=one.id, **over)
    with store.begin() as tx:
        shelves.put_file(tx, one.service, one.id, baseline)
        shelves.put(tx, one.service, found, was)
        for incident in incidents:
            if incident.id in one.incidents and is_harmless(incident, told) and incident.state in _OPEN:
                text = f"Taken for usual: {why}"
                tx.append(incident.id, Draft(EntryKind.MOVED, text, {"to": "declined"}, by=by), now)
    return found


def go_back(
    store: Store, clock: Clock, service: str, found: Shelf, name: str, by: str, because: str
) -> Shelf:
    """Puts an earlier baseline in force again (``own`` is the runbook's); its series begin anew. Raises
    StateError."""
    if not because.strip():
        raise StateError("going back needs a reason", todo="say why the older baseline is right")
    wanted = "" if name == OWN else next((k.id for k in found.kept if name and k.id.startswith(name)), None)
    if wanted is None:
        raise StateError(f"no baseline {name!r} is kept", todo="see `fireline baseline list`")
    if wanted == found.active:
        raise StateError("that baseline is in force already", todo="see `fireline baseline list`")
    now, was = clock.now(), found
    found, over = _without_waiting(found)
    found = replace(found, active=wanted, begins=_begins(now))
    found = shelves.said(found, now, "went back", by, because.strip(), to=wanted or OWN, **over)
    with store.begin() as tx:
        shelves.put(tx, service, found, was)
    return found


def _without_waiting(found: Shelf) -> tuple[Shelf, dict[str, list[str]]]:
    """``found`` without what Fireline proposed and nobody decided: it was seen against the baseline that is
    over now, and is proposed anew where it still holds. And which that was, for the journal."""
    over = [one.id for one in found.proposals if one.standing == "proposed" and one.by == "fireline"]
    kept = tuple(one for one in found.proposals if one.id not in over)
    return replace(found, proposals=kept), {"withdrawn": over} if over else {}


def _begins(now: datetime) -> int:
    """The first whole minute that every server counts from its beginning under the new identity: who counts
    now hears of it within seconds."""
    return (-(-micros(now) // MINUTE) + 1) * MINUTE


def _decided(found: Shelf, one: Proposal, standing: Standing) -> Shelf:
    changed = tuple(
        replace(known, standing=standing) if known.id == one.id else known for known in found.proposals
    )
    return replace(found, proposals=changed)
