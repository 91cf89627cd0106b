"""Jobs: training and ETL runs, and what each of them owes."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from fireline.runbook.part import Part
from fireline.runbook.values import Duration
from fireline.terms.alert import Urgency


class Job(Part):
    """A training or ETL job, by the name its runs give. Jobs that stand here or not: a failed run tells."""

    name: str = Field(min_length=1, description="The job's name, as its runs give it.")
    every: Duration | None = Field(
        default=None, description="How often a run must succeed; one that does not is late."
    )
    grace: Duration | None = Field(
        default=None, description="How much longer it may take; a quarter of `every` unless said."
    )
    shortest: Duration | None = Field(
        default=None, description="A run that ends sooner did too little; a quarter of the usual unless said."
    )
    longest: Duration | None = Field(
        default=None, description="A run that takes longer is stuck; four times the usual unless said."
    )
    parameters: dict[str, tuple[float, float]] = Field(
        default_factory=dict, description="Bounds of its hyper-parameters: the name, and [lowest, highest]."
    )
    gate: bool = Field(
        default=False, description="True: a run that succeeded must have passed its evaluation."
    )
    oldest_data: Duration | None = Field(
        default=None,
        description="How old the newest training data may be when a run ends (its `data_until`).",
    )
    urgency: Urgency = Field(default="ticket", description="page or ticket, when it is wrong.")
    because: str = Field(default="", description="What depends on it, in one sentence.")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for name, (low, high) in self.parameters.items():
            if low > high:
                raise PydanticCustomError("bounds", "{name} is bounded from {low} down to {high}",
                                          {"name": name, "low": low, "high": high})  # fmt: skip
        if self.shortest and self.longest and self.shortest > self.longest:
            raise PydanticCustomError("lengths", "`shortest` is longer than `longest`", {})
        return self
