"""What a house knows of the journal between ticks."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa

from fireline.clock import ManualClock
from fireline.drill.simulation.scene import BEGIN
from fireline.loop import tick
from fireline.store import Store
from fireline.terms.timeline import Draft, EntryKind
from tests.simulation.looping import Script, open_house
from tests.support.incidents import opened


def test_an_instant_at_which_nothing_is_due_asks_for_no_incident_again() -> None:
    with Store.open(":memory:") as store:
        clock = ManualClock(BEGIN)
        house = open_house(store, clock, Script(0), None, "loop")
        tick(house, [])
        asked: list[str] = []
        sa.event.listen(store.database, "before_cursor_execute", lambda *given: asked.append(given[2]))
        for minute in range(1, 4):
            clock.move_to(BEGIN + timedelta(minutes=minute))
            tick(house, [])
        assert not [one for one in asked if "FROM incidents" in one or "FROM entries" in one]


def test_what_somebody_else_wrote_is_known_once_it_is_read_anew() -> None:
    with Store.open(":memory:") as store:
        house = open_house(store, ManualClock(BEGIN), Script(0), None, "loop")
        assert house.open() == []
        with store.begin() as tx:
            tx.append("inc-1", opened(), BEGIN)
        house.forget()
        assert [incident.id for incident in house.open()] == ["inc-1"]
        with store.begin() as tx:
            tx.append("inc-1", Draft(EntryKind.MOVED, "no harm", {"to": "declined"}), BEGIN)
        house.forget()
        assert house.open() == []
