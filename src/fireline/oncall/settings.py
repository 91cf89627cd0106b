"""What a team agreed about being called: the steps, how long a yes lasts, how often it is asked again."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from fireline.runbook.part import Part
from fireline.runbook.values import Duration, OneOrMore

Names = Annotated[tuple[str, ...], OneOrMore]


class Step(Part):
    """One step of the escalation."""

    channels: Names = Field(min_length=1, description="The channels that are called on this step, by name.")
    after: Duration = Field(
        default=timedelta(0),
        description="How long after the call began this step is reached, unless somebody acknowledged.",
    )


class Heartbeat(Part):
    """The dead-man's switch: an address that is asked while Fireline ticks; a watchdog there notices when it
    is not."""

    url: str = Field(default="", description="The address to ask. Not here if the address is a secret.")
    url_env: str | None = Field(default=None, description="The environment variable that holds the address.")
    url_file: Path | None = Field(default=None, description="The file that holds the address.")
    every: Duration = Field(
        default=timedelta(minutes=1), description="How often it is asked, by the wall clock."
    )
    allow_private: bool = Field(
        default=False, description="Allow http:// and addresses of this machine and of private networks."
    )
    ca_file: str | None = Field(
        default=None, description="Certificates to trust instead of the system's, in one PEM file."
    )


class Paging(Part):
    """Who is called when an incident wants a person, and what next when nobody answers."""

    steps: tuple[Step, ...] = Field(
        default=(), description="The escalation, first step first. Without steps nobody is called."
    )
    repage_every: Duration = Field(
        default=timedelta(minutes=5),
        description="How long after the last call everybody called so far is called again, unless somebody "
        "acknowledged.",
    )
    ack_lasts: Duration = Field(
        default=timedelta(minutes=30),
        description="How long an acknowledgement rests the paging of an incident that is not contained.",
    )
    max: int = Field(
        default=12,
        ge=1,
        le=1000,
        description="How many times one call is made, escalations and repeats together, before giving up.",
    )
    updates: Names = Field(
        default=(),
        description="Channels that are told how it stands, as often as the runbook's `comms.cadence` says.",
    )
    heartbeat: Heartbeat | None = Field(default=None, description="The dead-man's switch.")

    @model_validator(mode="after")
    def _fits(self) -> Paging:
        waits = [step.after for step in self.steps]
        if waits != sorted(waits):
            raise ValueError("`steps` go from the soonest to the latest: `after` counts from the first call")
        if len(self.steps) > self.max:
            raise ValueError(
                f"`max` is {self.max} and there are {len(self.steps)} steps: some would never be reached"
            )
        if self.repage_every < timedelta(seconds=30):
            raise ValueError("`repage_every` is at least 30s: nobody answers quicker than that")
        if self.ack_lasts < timedelta(minutes=1):
            raise ValueError("`ack_lasts` is at least 1m")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """Every channel that is named, once."""
        return tuple(dict.fromkeys([n for step in self.steps for n in step.channels] + list(self.updates)))
