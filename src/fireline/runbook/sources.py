"""Where rows are fetched from by the server itself: files that grow, tables, topics."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from fireline.runbook.part import Part
from fireline.runbook.values import Duration

Feed = Literal["events", "labels", "changes", "jobs", "signals"]
SHORTEST, LONGEST = timedelta(seconds=1), timedelta(days=1)
_NAME = re.compile(r"^[a-z0-9][a-z0-9_.-]{0,62}$", re.IGNORECASE)


def _plain_name(name: str) -> str:
    if not _NAME.match(name):
        raise PydanticCustomError(
            "source_name", "{name} is no name: write letters, digits, dots and dashes", {"name": repr(name)}
        )
    return name


def _between(length: timedelta) -> timedelta:
    if not SHORTEST <= length <= LONGEST:
        raise PydanticCustomError("every", "must be between 1s and 1d", {})
    return length


class Source(Part):
    """A source that `fireline serve` pulls from. Each kind has settings of its own beside these."""

    model_config = ConfigDict(frozen=True, extra="allow")  # the kind knows its keys, and refuses others

    name: Annotated[str, AfterValidator(_plain_name)] = Field(
        description="Its name: cursors and quarantined rows carry it. A new name begins anew."
    )
    kind: str = Field(min_length=1, description="What it is: folder, table, kafka, ...")
    feed: Feed = Field(
        default="events", description="What its rows are: events, labels, changes, jobs or signals."
    )
    every: Annotated[Duration, AfterValidator(_between)] = Field(
        default=timedelta(seconds=10), description="How often it is looked at, from 1s to 1d."
    )

    @property
    def own(self) -> Mapping[str, Any]:
        """The kind's own settings, as they are written."""
        return self.model_extra or {}


def _each_once(sources: tuple[Source, ...]) -> tuple[Source, ...]:
    names = [one.name for one in sources]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise PydanticCustomError("source_twice", "the name {name} is there twice", {"name": repr(twice[0])})
    return sources


Sources = Annotated[tuple[Source, ...], AfterValidator(_each_once)]
"""All of a runbook's sources, each under a name of its own."""
