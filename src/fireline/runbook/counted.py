"""Counts made elsewhere: the service's rows stay where they are."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field

from fireline.runbook.part import Part
from fireline.runbook.values import Duration


class Counted(Part):
    """The service's events are counted where they lie (`fireline tally`), and only the counts come here.

    Ticks are judged once they are counted, however long that takes, but for `within`: what has not come by
    then is taken as not having happened, and traffic that seems to have stopped is told of.
    """

    within: Duration = Field(
        default=timedelta(hours=2), gt=timedelta(0),
        description="How long after a tick its counts may take to come.",
    )  # fmt: skip
    rows: str = Field(
        default="", description="Where the rows lie, for whoever looks for them: a table, a link."
    )
