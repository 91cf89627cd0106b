"""Act: claims what was requested, does it, writes the receipt. It decides nothing.

A measure is done at most once as far as production can tell, whatever dies when: the claim says who does it
and until when, the idempotency key lets the data plane answer "already done" to who tries again, the switch's
version lets it refuse who comes too late, and the receipt is taken only from who still holds the claim.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from fireline.actions import Action, Hands, found, named
from fireline.clock import Clock, iso
from fireline.errors import FirelineError, StateError
from fireline.ids import stable_id
from fireline.store import Claim, Store, Tx
from fireline.terms.measure import LIVE, Measure, MeasureState
from fireline.terms.switch import Switch, SwitchBoard, Told
from fireline.terms.timeline import Draft, EntryKind

LEASE = timedelta(minutes=2)
TRIES = 5
FIRST_WAIT = timedelta(seconds=30)
"""How long the second try waits; every further one waits twice as long."""

UNCERTAIN = "Whether production obeys is not known: look at the traffic."


@dataclass(frozen=True)
class SimulatedSwitchBoard:
    """Performs nothing, and says what would have been. ``told`` is the last switch that would be out."""

    told: Switch | None = None

    def current(self, service: str) -> Switch | None:
        return self.told

    def put(self, switch: Switch, key: str) -> Told:
        return Told(switch.version, False, f"Would have told the data plane: {switch}.")


@dataclass(frozen=True)
class Worker:
    """One who does measures. ``name`` is for people; workers of one store may be many and may die at any
    moment."""

    store: Store
    switches: SwitchBoard
    clock: Clock
    name: str = "act"
    lease: timedelta = LEASE
    tries: int = TRIES
    actions: Mapping[str, Action] = field(default_factory=found)

    def work(self) -> tuple[str, ...]:
        """Do everything that waits now; ids of the measures whose receipt this worker wrote.

        What an action raises becomes a `failed` entry. Raises StoreError when the store itself cannot be
        used.
        """
        waiting = self.store.claimable(self.clock.now())
        return tuple(measure.id for measure in waiting if self._take(measure))

    def _take(self, measure: Measure) -> bool:
        if measure.state is MeasureState.REQUESTED and self._ran_out(measure):
            self._expire(measure)
            return False
        inverse, trouble = self._look(measure)
        with self.store.begin() as tx:
            claim = tx.claim(measure.id, self.name, self.clock.now(), self.lease, inverse)
            if claim is None:
                return False
            if measure.simulated:  # nothing happens outside, so claim and receipt are one
                return self._write(tx, claim, self._do(claim, trouble))
        done = self._do(claim, trouble)
        with self.store.begin() as tx:
            written = self._write(tx, claim, done)
        if not written and not isinstance(done, Exception):
            self._came_too_late(claim, done)
        return written

    def _do(self, claim: Claim, trouble: Exception | None) -> Mapping[str, Any] | Exception:
        """The receipt of the measure done, or what went wrong."""
        measure = claim.measure
        trouble = trouble or self._not_any_more(claim)
        if trouble is not None:
            return trouble
        hands = Hands(self._board(measure), self.clock.now())
        try:
            return named(self.actions, measure.action).perform(hands, measure, key=measure.id)
        except Exception as error:  # whatever a hand does wrong must become an entry that people can read
            return error

    def _write(self, tx: Tx, claim: Claim, done: Mapping[str, Any] | Exception) -> bool:
        """Write what came of it; whether it was done, and the claim still held."""
        if isinstance(done, Exception):
            self._fail(tx, claim, done)
            return False
        written = tx.applied(claim, done, self.clock.now(), str(done["told"]))
        if written and done.get("undid"):
            self._undone(tx, str(done["undid"]), claim.measure)
        if written and done.get("kept"):
            self._kept(tx, str(done["kept"]), claim.measure)
        return written

    def _look(self, measure: Measure) -> tuple[Mapping[str, Any] | None, Exception | None]:
        """What would take the measure back, seen before anything is touched; or why that cannot be said."""
        try:
            action = named(self.actions, measure.action)
            action.check(measure.params)
            return _inverse(action, measure, self._board(measure).current(measure.service)), None
        except (
            Exception
        ) as error:  # a measure that cannot even be looked at fails in the journal, not in a log
            return None, error

    def _board(self, measure: Measure) -> SwitchBoard:
        """The real board, or, for a simulated measure, one that cannot reach production at all."""
        if measure.simulated:
            return SimulatedSwitchBoard(simulated_switch(self.store.measures(measure.service)))
        return self.switches

    def _ran_out(self, measure: Measure) -> bool:
        return measure.expires_at is not None and measure.expires_at <= self.clock.now()

    def _expire(self, measure: Measure) -> None:
        because = "Nobody did it before it was to end, so it is not done at all."
        if self._was_tried(measure):  # the line may have broken after production obeyed
            because = f"It was tried and not done in time: if it began, it has ended by itself. {UNCERTAIN}"
        self._if_allowed(
            measure.incident, Draft(EntryKind.EXPIRED, because, {"measure": measure.id}, by=self.name)
        )

    def _was_tried(self, measure: Measure) -> bool:
        told = [e for e in self.store.entries(measure.incident) if e.data.get("measure") == measure.id]
        return any(e.kind is EntryKind.CLAIMED for e in told)

    def _not_any_more(self, claim: Claim) -> FirelineError | None:
        """Why a claimed measure is given up before it is tried (again)."""
        if claim.attempt > self.tries:
            return FirelineError(
                f"it was claimed {claim.attempt - 1} times and never finished", todo=UNCERTAIN
            )
        if self._ran_out(claim.measure):
            return FirelineError("it was to end before it was finished, and has ended by itself if it began")
        return None

    def _fail(self, tx: Tx, claim: Claim, error: Exception) -> None:
        because, permanent = _said(error)
        now = self.clock.now()
        retry_at = now + FIRST_WAIT * 2 ** (claim.attempt - 1)
        if not permanent and claim.attempt >= self.tries:
            because, permanent = f"Given up after {claim.attempt} tries: {because}. {UNCERTAIN}", True
        tx.failed(claim, because, now, permanent=permanent, retry_at=None if permanent else retry_at)

    def _undone(self, tx: Tx, undone: str, by: Measure) -> None:
        """The measure that was taken back says so in its own journal, in the transaction of the receipt."""
        measure = tx.measure(undone)
        if measure.state in (MeasureState.APPLIED, MeasureState.CONFIRMED):
            because = f"Taken back by {by.id}: {by.because}"
            draft = Draft(EntryKind.UNDONE, because, {"measure": undone}, by=self.name)
            tx.append(measure.incident, draft, self.clock.now())

    def _kept(self, tx: Tx, kept: str, by: Measure) -> None:
        """The measure that was made permanent says so, by whom it was asked for."""
        measure = tx.measure(kept)
        if measure.state is MeasureState.CONFIRMED and measure.temporary:
            draft = Draft(EntryKind.KEPT, by.because, {"measure": kept}, by=by.approver or self.name)
            tx.append(measure.incident, draft, self.clock.now())

    def _came_too_late(self, claim: Claim, receipt: Mapping[str, Any]) -> None:
        """The claim was lost while the hand was at work. Where nobody else goes on with it, people must
        know."""
        state = self.store.measure(claim.measure.id).state
        if state in LIVE:
            return
        text = (
            f"{self.name} finished measure {claim.measure.id} after it was {state.value}: {receipt['told']}"
        )
        data = {"text": text, "measure": claim.measure.id, "receipt": receipt}
        self._if_allowed(
            claim.measure.incident, Draft(EntryKind.NOTE, f"{text} {UNCERTAIN}", data, by=self.name)
        )

    def _if_allowed(self, incident: str, draft: Draft) -> None:
        """Write ``draft`` unless somebody was faster and it is no longer true."""
        try:
            with self.store.begin() as tx:
                tx.append(incident, draft, self.clock.now())
        except StateError:
            return


def _said(error: Exception) -> tuple[str, bool]:
    """What went wrong in words, and whether trying again is useless; of a stranger's error nobody knows."""
    if isinstance(error, FirelineError):
        return str(error), error.permanent
    return f"{type(error).__name__}: {error}", False


def _inverse(action: Action, measure: Measure, before: Switch | None) -> dict[str, Any]:
    inverse = dict(action.inverse(measure.params, before))
    if inverse.get("action") == "restore":
        inverse["params"] = {"measure": measure.id, **inverse["params"]}
    return inverse


def simulated_switch(measures: list[Measure]) -> Switch | None:
    """The switch that would be out had the simulated ones of a service's ``measures`` been performed.

    It is read off their receipts, so that a replay that was killed and begun again goes on as it was.
    """
    told = [m for m in measures if m.simulated and m.receipt.get("switch")]
    if not told:
        return None
    last = max(told, key=lambda m: m.ordinal)
    switch = Switch.of_json(last.receipt["switch"])
    ended = {m.id for m in told if m.state not in LIVE}
    return replace(switch, routes=tuple(route for route in switch.routes if route.measure not in ended))


def plan(
    measure: Measure, before: Switch | None = None, actions: Mapping[str, Action] | None = None
) -> Measure:
    """``measure`` with what its action says of it, where it does not say so itself: dry run, expected,
    inverse.

    Raises RunbookError when the action is not known or cannot be done with these parameters.
    """
    action = named(actions or found(), measure.action)
    action.check(measure.params)
    return replace(
        measure,
        dry_run=measure.dry_run or action.dry_run(measure.params),
        expected=measure.expected or action.expected(measure.params),
        inverse=measure.inverse or _inverse(action, measure, before),
    )


def undoing(measure: Measure, because: str, now: datetime, by: str | None = None) -> Measure:
    """The measure that takes ``measure`` back: to be requested like any other, one change at a time.

    Raises StateError when nothing takes it back.
    """
    inverse = measure.inverse
    if not inverse.get("action"):
        raise StateError(
            f"nothing takes back measure {measure.id} ({measure.action})",
            todo="request the measure you want instead",
        )
    undo = Measure(
        id=stable_id("msr", measure.id, "undo", iso(now)),
        incident=measure.incident,
        service=measure.service,
        action=inverse["action"],
        params=inverse["params"],
        because=because,
        authority=measure.authority,
        state=MeasureState.REQUESTED,
        requested_at=now,
        simulated=measure.simulated,
        temporary=False,
        approver=by,
    )
    return plan(undo)
