"""Which columns appeared that nobody mapped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from fireline.clock import iso
from fireline.terms.alert import Finding
from fireline.terms.evidence import Evidence
from fireline.terms.words import listing

MOST, NAMED = 8, 3
NEWCOMING = frozenset({"new_column"})
Appeared = Mapping[str, tuple[int, datetime]]


def newcomers(findings: Sequence[Finding], appeared: Appeared) -> tuple[Evidence, ...]:
    """One table of the columns that ``appeared`` (name -> rows that bring it, and the first), fullest first;
    none where no finding is about them, or no rows lie here to read their names from."""
    if not appeared or not any(f.monitor in NEWCOMING for f in findings):
        return ()
    ranked = sorted(appeared.items(), key=lambda item: (-item[1][0], item[0]))
    rows = [[name, count, iso(first)] for name, (count, first) in ranked[:MOST]]
    more = f" and {len(ranked) - NAMED} more" if len(ranked) > NAMED else ""
    return (
        Evidence(
            "table",
            f"Columns that nobody mapped: {listing([name for name, _ in ranked[:NAMED]])}{more}",
            "make each a feature, a segment or a flag, or list it under columns.ignore; then a new baseline",
            {"columns": ["column", "rows", "first seen"], "rows": rows},
        ),
    )
