"""Canaries: known inputs that are sent through the real service on a schedule, and the answers expected."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from fireline.runbook.part import Part
from fireline.runbook.values import Duration

Range = tuple[float, float]


def _no_secret(value: dict[str, str]) -> dict[str, str]:
    for name, text in value.items():
        secret = any(word in name.lower() for word in ("authorization", "token", "key", "cookie", "secret"))
        if secret and not text.startswith("env:"):
            raise PydanticCustomError(
                "secret", "a secret does not stand in a runbook: write {name}: env:NAME", {"name": name}
            )
    return value


class Expected(Part):
    """What a right answer is; everything that is said must hold."""

    status: int = Field(default=200, description="The HTTP status.")
    within: Duration | None = Field(default=None, description="How long it may take.")
    contains: str | None = Field(default=None, description="Text that must stand in the answer.")
    lacks: str | None = Field(default=None, description="Text that must not stand in the answer.")
    values: dict[str, Range | str | float | bool | None] = Field(
        default_factory=dict,
        description="Fields of a JSON answer by their path (score, result.0.name): a value, or a range "
        "[low, high].",
    )


class Canary(Part):
    """One known input."""

    name: str = Field(min_length=1, description="Its name: the signal that its runs give.")
    url: str = Field(min_length=1, description="Where it is sent; env:NAME where the address is a secret.")
    kind: Literal["http"] = Field(default="http", description="How it is sent.")
    method: Literal["GET", "POST", "PUT"] = Field(default="POST", description="The HTTP method.")
    headers: Annotated[dict[str, str], AfterValidator(_no_secret)] = Field(
        default_factory=dict, description="Headers; a secret one as env:NAME."
    )
    body: Any = Field(default=None, description="The input: sent as JSON, or as it is where it is text.")
    every: Duration = Field(default=timedelta(minutes=5), description="How often it is sent.")
    timeout: Duration = Field(default=timedelta(seconds=10), description="When an answer counts as missing.")
    expect: Expected = Field(default=Expected(), description="What a right answer is.")
    allow_private: bool = Field(
        default=False, description="True: it may go to an address in a private network, or to this machine."
    )
    because: str = Field(default="", description="What it stands for, in one sentence.")

    @model_validator(mode="after")
    def _bounds(self) -> Self:
        if self.every < timedelta(seconds=5):
            raise PydanticCustomError("every", "`every` must be 5 seconds or more", {})
        if self.timeout > timedelta(seconds=120):
            raise PydanticCustomError("timeout", "`timeout` must be two minutes or less", {})
        return self
