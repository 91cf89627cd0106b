"""Several classes: how often each was the truth, was said, and was both."""

from __future__ import annotations

from fireline.telemetry.pushdown.cells import Found, place
from fireline.telemetry.pushdown.dialects import Dialect
from fireline.telemetry.pushdown.further import Added, Further
from fireline.terms.plan import Layout, Plan


class Classes(Further):
    """The labels, the predictions and the hits of each class."""

    name = "classes"

    def added(self, sql: Dialect, plan: Plan, layout: Layout, found: Found) -> Added:
        """The class of each row's label and of its prediction, where both are known."""
        added, named = Added(), layout.by_name["support"].values
        if "truth" not in found or "said" not in found:
            return added
        truth, said = found["truth"], found["said"]
        both = f"{truth} IS NOT NULL AND {said} IS NOT NULL"
        for series, word, holds in (
            ("support", truth, both), ("said", said, both), ("hits", truth, f"{both} AND {truth} = {said}"),
        ):  # fmt: skip
            added.where(f"{layout.offsets[series]} + {place(sql, word, named)}", holds)
        return added
