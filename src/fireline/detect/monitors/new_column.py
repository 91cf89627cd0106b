"""Share of rows with a value in a column that nobody mapped and the reference never carried."""

from __future__ import annotations

from collections.abc import Sequence

from fireline.detect.kinds import Array, Behind, Kind, Monitor, Rates, Told
from fireline.detect.report import share_in_words
from fireline.terms.plan import Plan


class NewColumn(Kind):
    """A column that appeared: a field renamed, a source joined in, something logged that nobody agreed on.

    It harms nothing by itself, so it is a ticket; a renamed input is ``missing_column``'s beside it. A row
    counts once however many such columns it fills, so that a log counts alike however it is cut. Which
    columns they are is the incident's evidence: names are read from the events, counts hold none.

    >>> from fireline.detect.example import counted
    >>> from fireline.terms.counts import Series
    >>> from fireline.terms.plan import Layout
    >>> series = Series("new_columns", "conditions", 900, ("n", "new"))
    >>> layout = Layout("new_columns", (series,), {"service": 900})
    >>> NewColumn().ticks(*counted(layout, {"new_columns": [100, 40]}))
    Rates(hits=array([[40]]), n=array([[100]]))
    """

    name = "new_column"
    family = "schema"
    layout = "new_columns"
    scopes = ("service", "version")
    floor = 1e-3
    k = 3
    urgency = "ticket"

    def monitors(self, plan: Plan) -> Sequence[Monitor]:
        """One monitor."""
        return (Monitor(self.name, "new_columns"),) if self.laid_out(plan).series else ()

    def ticks(self, plan: Plan, counts: Array) -> Rates:
        """Rows with something new of rows [T, 1]."""
        return Rates(counts[:, 1:2], counts[:, :1])

    def tell(self, plan: Plan, monitor: Monitor, channel: int, behind: Behind) -> Told:
        """What it is about; the columns' names are in the evidence."""
        column = "a column that nobody mapped and the reference never carried"
        return Told(f"{share_in_words(behind.seen)} of the rows have a value in {column}")
