"""When an incident is looked at again: harm at once, more of the same in its time."""

from datetime import UTC, datetime, timedelta

import pytest

from fireline.schedule import is_due
from fireline.terms.incident import Incident, State
from fireline.terms.timeline import Entry, EntryKind

T0 = datetime(2026, 2, 4, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)


def incident(*told: tuple[float, str]) -> Incident:
    """Opened at ``T0``; ``told`` are hours and "ticket", "page" or "assessed"."""
    entries = []
    for seq, (after, what) in enumerate(told, start=1):
        kind = EntryKind.CAUSES if what == "assessed" else EntryKind.ALERTED
        data = {} if what == "assessed" else {"alert": {"urgency": what}}
        entries.append(Entry("inc-1", seq, T0 + after * HOUR, kind, "triage", "because", data))
    return Incident(
        id="inc-1", service="s", mode="replay", title="", state=State.TRIAGING, opened_at=T0,
        timeline=tuple(entries),
    )  # fmt: skip


TICKET = ((0, "ticket"), (0, "assessed"), (2, "assessed"))


@pytest.mark.parametrize("after", [2.1, 4.0, 11.0])
def test_the_first_page_of_a_ticket_is_looked_at_at_once(after: float) -> None:
    now = T0 + after * HOUR
    assert is_due(incident(*TICKET, (after, "page")), now)
    assert not is_due(incident(*TICKET, (after, "page"), (after, "assessed")), now)


def test_further_pages_wait_half_an_hour_and_tickets_of_an_old_incident_longer() -> None:
    known = (*TICKET, (4, "page"), (4, "assessed"))
    assert not is_due(incident(*known, (4.2, "page")), T0 + 4.2 * HOUR)
    assert is_due(incident(*known, (4.2, "page")), T0 + 4.6 * HOUR)
    assert not is_due(incident(*known, (4.2, "ticket")), T0 + 4.6 * HOUR)
