"""Contain: at most one measure is asked for, and what was done is seen to be in force."""

from __future__ import annotations

from collections.abc import Sequence

from fireline.contain.advance import advance
from fireline.contain.decide import decide
from fireline.contain.recall import recall
from fireline.loop.house import House
from fireline.sheet import Sheet
from fireline.terms.incident import State
from fireline.terms.measure import IN_FLIGHT, MeasureState
from fireline.terms.timeline import Draft, EntryKind
from fireline.verify import judge_obedience


def contain(house: House, sheet: Sheet) -> list[Sheet]:
    """What follows by itself, then at most one measure."""
    settle(sheet)
    if sheet.incident.causes and sheet.incident.state in (State.TRIAGING, State.CONTAINING):
        facts = recall(sheet.incident, house.file.shares(sheet.now))
        chosen = decide(sheet.incident, facts, house.runbook, sheet.now)
        if not _waits(house, chosen):
            sheet.add(chosen)
    return []


def _waits(house: House, chosen: Sequence[Draft]) -> bool:
    """One change at a time: what another incident of the service has in flight must land first."""
    asks = any(draft.kind in (EntryKind.ASKED, EntryKind.REQUESTED) for draft in chosen)
    return asks and bool(house.store.measures(house.service, states=IN_FLIGHT))


def settle(sheet: Sheet) -> None:
    """What follows by itself."""
    while drafts := advance(sheet.incident, sheet.now):
        sheet.add(drafts)


def confirm(house: House, sheet: Sheet) -> list[Sheet]:
    """A simulated measure is in force at once: no traffic can say otherwise. A real one waits for traffic."""
    for measure in sheet.incident.measures:
        if measure.state is MeasureState.APPLIED and measure.simulated:
            says = "Nothing was performed: from here on the replay reckons with it."
            sheet.add([Draft(EntryKind.CONFIRMED, says, {"measure": measure.id})])
        elif measure.state is MeasureState.APPLIED:
            seen = house.file.obedience(house.store.measure(measure.id), sheet.now)
            sheet.add(judge_obedience(sheet.incident, measure, seen, sheet.now))
    settle(sheet)
    return []
