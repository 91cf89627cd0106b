"""What failing dependencies said: error messages by template, counted before and since."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from fireline.terms.alert import Finding
from fireline.terms.evidence import Evidence

MOST = 8
SAMPLED = frozenset({"dependency_errors", "error_lines"})


def messages(findings: Sequence[Finding], rows: Iterable[Mapping[str, Any]]) -> tuple[Evidence, ...]:
    """One table for each failing dependency or logger: its commonest messages since it began to fail,
    and how often each came in the stretch before.

    ``rows`` are canonical signals with ``time``, ``name``, ``ok`` and ``message``, masked when they came in.
    """
    failing = {f.feature: f.since or f.at for f in findings if f.monitor in SAMPLED and f.feature}
    if not failing:
        return ()
    said: dict[str, tuple[Counter[str], Counter[str]]] = {name: (Counter(), Counter()) for name in failing}
    for row in rows:
        if row["name"] in said and row["ok"] is not True and row["message"]:
            since: datetime = failing[row["name"]]
            said[row["name"]][row["time"] >= since].update([row["message"]])
    return tuple(_table(name, *counted) for name, counted in said.items() if counted[1])


def _table(name: str, before: Counter[str], since: Counter[str]) -> Evidence:
    rows = [[text, count, before.get(text, 0)] for text, count in since.most_common(MOST)]
    data = {"columns": ["message", "since", "before"], "rows": rows}
    return Evidence(
        "table",
        f"What {name} said",
        "failed calls and error lines by their message, without what differs",
        data,
    )
