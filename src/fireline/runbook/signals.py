"""Signals: what is sampled beside the requests: gauges, calls to dependencies, ages of tables, canaries."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from fireline.runbook.part import Part
from fireline.runbook.values import Duration

SignalKind = Literal["gauge", "age", "call", "canary", "report", "error"]


class Signal(Part):
    """One signal, and what is wrong with it. Signals that the reference holds need no line here."""

    name: str = Field(min_length=1, description="The signal's name, as its rows give it.")
    kind: SignalKind = Field(
        default="gauge",
        description="gauge (a figure such as CPU), age (seconds since a table or a feature was refreshed), "
        "call (to something this service depends on), canary, report (of a user) or error (a line of a log).",
    )
    above: float | None = Field(default=None, description="Values above this are too high.")
    below: float | None = Field(default=None, description="Values below this are too low.")
    slow_ms: float | None = Field(
        default=None,
        gt=0,
        description="Calls that take longer are slow; without it, 1.25 x the reference's p95.",
    )
    every: Duration | None = Field(
        default=None, description="How often it comes; one that stops for longer is an alarm."
    )
    because: str = Field(default="", description="What it means when it is wrong, in one sentence.")

    @model_validator(mode="after")
    def _limits(self) -> Self:
        if self.above is not None and self.below is not None and self.below >= self.above:
            raise PydanticCustomError(
                "limits", "`below` must lie under `above`: between them all is well", {}
            )
        if self.every is not None and self.every.total_seconds() < 1:
            raise PydanticCustomError("every", "`every` must be a second or more", {})
        return self
