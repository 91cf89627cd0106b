"""The runbook: what the team agreed before anything burns, as one frozen value.

Every field says what it means; the reference page is generated from these descriptions.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from hashlib import blake2b
from typing import Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from fireline.runbook.canaries import Canary
from fireline.runbook.counted import Counted
from fireline.runbook.jobs import Job
from fireline.runbook.part import Part
from fireline.runbook.promises import Slo, nonsense
from fireline.runbook.responding import (
    Comms,
    Contact,
    DecisionRow,
    DecisionWhen,
    Exposure,
    LastKnownGood,
    Ownership,
    Rung,
    RungKind,
    SeverityRule,
    SeverityWhen,
)
from fireline.runbook.signals import Signal
from fireline.runbook.sources import Sources
from fireline.runbook.spans import Spans
from fireline.runbook.values import Duration, TimeZone, zones
from fireline.runbook.watching import (
    Budget,
    Columns,
    FeatureKind,
    Labels,
    MonitorRule,
    Reference,
    Scorer,
    Silence,
    Training,
)

__all__ = [
    "Budget",
    "Columns",
    "Comms",
    "Contact",
    "DecisionRow",
    "DecisionWhen",
    "Exposure",
    "FeatureKind",
    "Job",
    "Labels",
    "LastKnownGood",
    "MonitorRule",
    "Ownership",
    "Reference",
    "Runbook",
    "Rung",
    "RungKind",
    "Scorer",
    "SeverityRule",
    "SeverityWhen",
    "Signal",
    "Silence",
    "Slo",
    "Task",
    "Training",
    "contradictions",
    "upgrade",
]

SCHEMA_VERSION = 1

Task = Literal["binary", "multiclass", "regression", "ranking", "llm", "unknown"]


class Runbook(Part):
    """What the team agreed about one service."""

    fireline: int = Field(default=SCHEMA_VERSION, description="Version of this schema.")
    service: str = Field(min_length=1, description="The service's name, as its events and changes give it.")
    purpose: str = Field(default="", description="What the service is for, in one sentence.")
    timezone: TimeZone = Field(
        default="UTC", description="Where its users' day begins and ends: the season is learnt in this zone."
    )
    task: Task = Field(
        default="unknown", description="binary, multiclass, regression, ranking, llm or unknown."
    )
    ownership: Ownership = Field(default=Ownership(), description="Whose service it is.")
    exposure: Exposure = Field(default=Exposure(), description="Who is hurt when it is wrong.")
    columns: Columns = Field(description="Which column of the event log plays which part.")
    labels: Labels | None = Field(
        default=None, description="When the truth is known; absent where there are no labels."
    )
    reference: Reference = Field(description="The stretch of past that is called normal.")
    training: Training | None = Field(default=None, description="The training data, where it is at hand.")
    allowed_lateness: Duration = Field(
        default=timedelta(minutes=5), description="How late an event may come and still be judged."
    )
    clock_skew: Duration = Field(
        default=timedelta(minutes=5), description="How far ahead of us a row's clock may be."
    )
    dedup_horizon: Duration = Field(
        default=timedelta(hours=24), description="How long a request id is remembered."
    )
    false_pages_per_30d: float = Field(
        default=1.0, gt=0, description="How many false pages in 30 days the team accepts."
    )
    budget: Budget = Field(default=Budget(), description="How those are shared out among the monitors.")
    scorers: dict[str, Scorer] = Field(
        default_factory=dict,
        description="A flag, and how well its scorer judges: the rate is then corrected for its errors.",
    )
    monitors: tuple[MonitorRule, ...] = Field(
        default=(), description="Monitors that differ from what is inferred."
    )
    slos: tuple[Slo, ...] = Field(default=(), description="What is promised.")
    severity: tuple[SeverityRule, ...] = Field(
        default=(), description="The severity map; the first line that holds decides."
    )
    decisions: tuple[DecisionRow, ...] = Field(
        default=(), description="The decision table; the first row that fits decides."
    )
    ladder: tuple[Rung, ...] = Field(default=(), description="The fallback ladder, best answer first.")
    last_known_good: LastKnownGood | None = Field(default=None, description="The version to go back to.")
    watch: Duration = Field(
        default=timedelta(hours=24), description="How long all must be quiet before an incident is resolved."
    )
    retraining: str = Field(
        default="", description="How often the model is retrained: a length of time such as 30d, or a word."
    )
    comms: Comms = Field(default=Comms(), description="Who is told, and how often.")
    signals: tuple[Signal, ...] = Field(
        default=(), description="What is sampled beside the requests: gauges, calls, ages, canaries."
    )
    canaries: tuple[Canary, ...] = Field(
        default=(), description="Known inputs sent through the real service on a schedule."
    )
    jobs: tuple[Job, ...] = Field(default=(), description="Training and ETL jobs, and what each owes.")
    counts: Counted | None = Field(
        default=None, description="The service's events are counted elsewhere: only counts come here."
    )
    spans: Spans | None = Field(
        default=None, description="The service's events are GenAI spans that come by OpenTelemetry."
    )
    silences: tuple[Silence, ...] = Field(default=(), description="What must not alert for a while.")
    sources: Sources = Field(default=(), description="Where the server fetches rows itself.")

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        """The runbook in ``plain`` (as read from YAML or JSON), upgraded if it is of an older schema.

        Times without an offset are taken in the runbook's time zone. Raises pydantic.ValidationError.
        """
        zone = plain.get("timezone", "UTC")
        known = isinstance(zone, str) and zone in zones()
        return cls.model_validate(upgrade(plain), context={"timezone": zone if known else "UTC"})

    def plain(self) -> dict[str, Any]:
        """The runbook as JSON values: durations and times as they are written."""
        return self.model_dump(mode="json")

    @property
    def zone(self) -> ZoneInfo:
        """The time zone."""
        return ZoneInfo(self.timezone)

    @property
    def identity(self) -> str:
        """Hash of everything in it: two runbooks of the same identity decide alike."""
        return blake2b(json.dumps(self.plain(), sort_keys=True).encode(), digest_size=8).hexdigest()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        found = contradictions(self)
        if found:
            text = "; ".join(f"{'.'.join(map(str, key))}: {says}" for key, says in found)
            raise PydanticCustomError("contradictions", "{text}", {"text": text, "found": found})
        return self


def contradictions(runbook: Runbook) -> list[tuple[tuple[str | int, ...], str]]:
    """What cannot be true at once: (key, what is wrong) for each."""
    found: list[tuple[tuple[str | int, ...], str]] = []
    reference, columns, budget = runbook.reference, runbook.columns, runbook.budget
    if reference.since >= reference.until:
        found.append((("reference", "until"), "the reference ends before it begins"))
    listed: dict[str, Any] = {"signals": runbook.signals, "jobs": runbook.jobs, "canaries": runbook.canaries}
    for key, ones in listed.items():
        names = [one.name for one in ones]
        twice = [at for at, name in enumerate(names) if name in names[:at]]
        found += [((key, at, "name"), f"{names[at]!r} is there twice") for at in twice]
    total = budget.service + budget.drift + budget.segments
    if abs(total - 1) > 1e-6:
        found.append((("budget",), f"the shares add up to {total:g}, not to 1"))
    future = {
        columns.label: "the label",
        columns.label_time: "the label's time",
        columns.outcome: "the outcome",
    }
    for name in columns.features:
        if name in future:
            found.append(
                (
                    ("columns", "features", name),
                    f"is {future[name]}: a feature must be known when the request is answered",
                )
            )
    for at, name in enumerate(columns.answers):
        if name not in columns.texts and name not in columns.features:
            says = f"{name!r} is neither one of `columns.texts` nor of `columns.features`"
            found.append((("columns", "answers", at), says))
    for name in runbook.scorers:
        if name not in columns.flags:
            found.append((("scorers", name), "is not one of `columns.flags`"))
    for name in columns.feature_times:
        if name not in columns.features:
            found.append((("columns", "feature_times", name), "is not one of `columns.features`"))
    for name, seen in _repeated(columns.roles()):
        found.append((("columns", name), f"the column is already used as `{seen}`"))
    found += nonsense(runbook.slos, columns, runbook.signals)
    return found


def _repeated(roles: Mapping[str, str]) -> list[tuple[str, str]]:
    first: dict[str, str] = {}
    return [(role, first[column]) for role, column in roles.items() if first.setdefault(column, role) != role]


UPGRADES: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}
"""Schema version -> what turns a runbook of that version into one of the next."""


def upgrade(plain: Mapping[str, Any]) -> dict[str, Any]:
    """``plain`` brought to the schema of this release, one version after the other."""
    found = dict(plain)
    at = found.get("fireline", SCHEMA_VERSION)
    while isinstance(at, int) and at < SCHEMA_VERSION and at in UPGRADES:
        found = UPGRADES[at](found)
        at += 1
        found["fireline"] = at
    return found
