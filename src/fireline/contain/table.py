"""The decision table: which rows hold, in their order."""

from __future__ import annotations

from collections.abc import Iterator

from fireline.contain.facts import Facts
from fireline.runbook.schema import DecisionRow, Runbook

NONE = "none"


def rows_that_hold(runbook: Runbook, facts: Facts) -> Iterator[tuple[int, DecisionRow]]:
    """The runbook's rows whose conditions all hold, with their place in the table."""
    for place, row in enumerate(runbook.decisions):
        if holds(row, facts):
            yield place, row


def holds(row: DecisionRow, facts: Facts) -> bool:
    """Whether every condition of ``row`` that is given is met."""
    when = row.when
    if "cause" in when and facts.kind not in when["cause"]:
        return False
    if "family" in when and not (facts.families and facts.families[0] in when["family"]):
        return False
    if "severity" in when and facts.severity not in when["severity"]:
        return False
    return "new_version" not in when or when["new_version"] == (facts.new_version is not None)
