"""Where the rows lie, for a service of which only counts come here."""

from __future__ import annotations

from fireline.clock import iso
from fireline.terms.evidence import Evidence
from fireline.triage.case import Case


def elsewhere(case: Case) -> tuple[Evidence, ...]:
    """A note of what was not looked for and where to look, where only counts come."""
    counted = case.runbook.counts
    if counted is None or case.after.rows:
        return ()
    place = counted.rows or "where they are counted"
    says = (
        "Only counts come here. What needs rows (the slice inside a segment, examples, two columns at once) "
        f"was not looked for: look at {place}, from {iso(case.trigger.since or case.trigger.at)} on."
    )
    because = "this service's events are counted elsewhere"
    return (Evidence("note", "The rows lie elsewhere", because, {"text": says}),)
