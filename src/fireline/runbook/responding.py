"""What is done about it, and by whom: ownership, exposure, severity, decisions, the ladder, comms."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field
from typing_extensions import TypedDict

from fireline.runbook.part import Part
from fireline.runbook.values import Duration, Family, Instant, OneOrMore, Share
from fireline.terms.alert import Urgency
from fireline.terms.cause import CauseKind
from fireline.terms.measure import Authority
from fireline.terms.role import Role
from fireline.terms.severity import Severity

RungKind = Literal["current", "last_known_good", "reduced", "cached", "rules", "closed", "open"]


class Contact(Part):
    """Somebody who can be reached."""

    name: str = Field(min_length=1, description="The person's or the rota's name.")
    role: Role = Field(
        description="The role taken in an incident: incident commander, ops, ML owner or comms."
    )
    reach: str = Field(
        default="", description="How to reach them at 3 a.m.: a phone number, a pager address, a chat handle."
    )


class Ownership(Part):
    """Whose service it is."""

    team: str = Field(default="", description="The team that owns the service.")
    contacts: tuple[Contact, ...] = Field(
        default=(), description="Who is called, by role. A SEV1 needs an incident commander."
    )


class Exposure(Part):
    """Who is hurt when the service is wrong, and how badly. Severity starts from here."""

    users: str = Field(default="", description="Who sees or feels the answers, and how many of them.")
    reversible: bool = Field(
        default=True, description="Whether the harm of a bad answer can be undone afterwards."
    )
    harm: Literal["low", "medium", "high"] = Field(
        default="medium",
        description="What one bad answer does at worst: low (annoying), medium (costs money or time), "
        "high (hurts somebody).",
    )
    autonomy: Literal["advises", "supervised", "alone"] = Field(
        default="supervised",
        description="advises: a person decides with its help; supervised: it decides and a person can step "
        "in; alone: it decides and nobody looks.",
    )


class SeverityWhen(TypedDict, total=False):
    """Conditions of a severity rule; all that are given must hold."""

    __pydantic_config__ = ConfigDict(extra="forbid")  # type: ignore[misc]

    family: Annotated[
        list[Family], OneOrMore, Field(description="The family of any of the incident's alerts.")
    ]
    urgency: Annotated[Urgency, Field(description="page or ticket: the most urgent alert so far.")]
    harm: Annotated[list[Literal["low", "medium", "high"]], OneOrMore, Field(description="`exposure.harm`.")]
    reversible: Annotated[bool, Field(description="`exposure.reversible`.")]
    autonomy: Annotated[
        list[Literal["advises", "supervised", "alone"]], OneOrMore, Field(description="`exposure.autonomy`.")
    ]
    share_at_least: Annotated[Share, Field(description="The share of the traffic that is affected.")]
    effect_at_least: Annotated[
        float, Field(ge=0, description="How much worse, relative to usual: 1 means twice as bad.")
    ]
    burn_at_least: Annotated[
        float,
        Field(
            ge=0,
            description="How fast the error budget of an objective burns that the alerts have to do with: "
            "the lower rate of the two windows of the fastest rule that holds.",
        ),
    ]


class SeverityRule(Part):
    """One line of the severity map; the first line that holds decides."""

    when: SeverityWhen = Field(default_factory=SeverityWhen, description="Conditions; none means always.")
    severity: Severity = Field(description="SEV1, SEV2 or SEV3.")
    because: str = Field(default="", description="Why, in one sentence.")


class DecisionWhen(TypedDict, total=False):
    """Conditions of a decision row; all that are given must hold."""

    __pydantic_config__ = ConfigDict(extra="forbid")  # type: ignore[misc]

    cause: Annotated[list[CauseKind], OneOrMore, Field(description="The likeliest cause is one of these.")]
    family: Annotated[
        list[Family], OneOrMore, Field(description="The incident's first alert is of one of these families.")
    ]
    severity: Annotated[
        list[Severity], OneOrMore, Field(description="The incident's severity is one of these.")
    ]
    new_version: Annotated[
        bool, Field(description="Whether one version alone is bad, and another one is live or known good.")
    ]


class DecisionRow(Part):
    """One row of the decision table; the first row that fits decides."""

    when: DecisionWhen = Field(default_factory=DecisionWhen, description="Conditions; none means always.")
    action: str = Field(min_length=1, description="What to do: rollback, route_share, fallback, or none.")
    params: dict[str, Any] = Field(default_factory=dict, description="The action's parameters.")
    authority: Authority = Field(
        default="observe",
        description="observe: only say what would have been done; ask: ask a person first; auto: do it "
        "at once.",
    )
    expires: Duration = Field(
        default=timedelta(hours=24), description="When the measure ends by itself unless somebody keeps it."
    )
    unanswered: Literal["do", "leave"] = Field(
        default="leave", description="What happens when nobody answers an `ask`: do it or leave it."
    )
    answer_within: Duration = Field(
        default=timedelta(minutes=15), description="How long an `ask` waits for an answer."
    )
    because: str = Field(default="", description="Why, in one sentence a responder can read at 3 a.m.")


class Rung(Part):
    """One rung of the fallback ladder, from the best answer down to none."""

    name: str = Field(min_length=1, description="The rung's name.")
    kind: RungKind = Field(
        description="current, last_known_good, reduced (a simpler model), cached, rules, closed (refuse) "
        "or open (let pass)."
    )
    version: str | None = Field(
        default=None, description="The version that serves on this rung, where it is fixed."
    )
    fails: Literal["", "open", "closed"] = Field(
        default="", description="open or closed: what happens when this rung fails too."
    )
    because: str = Field(
        default="", description="What is lost on this rung, and why it is still better than the one above."
    )


class LastKnownGood(Part):
    """The version to go back to."""

    version: str = Field(min_length=1, description="The version.")
    known_by: str = Field(
        default="", description="How it is known to be good: what was measured, over which time."
    )
    since: Instant | None = Field(default=None, description="Since when it is known to be good.")


class Comms(Part):
    """Who is told, and how often."""

    cadence: dict[Severity, Duration] = Field(
        default_factory=lambda: {
            Severity.SEV1: timedelta(minutes=30),
            Severity.SEV2: timedelta(hours=2),
            Severity.SEV3: timedelta(days=1),
        },
        description="How often an update is due, by severity.",
    )
    channels: tuple[str, ...] = Field(
        default=(), description="Where updates go: a chat channel, a mailing list, a status page."
    )
