"""A review: what happened, what it cost, what worked, and what is changed so that it does not come back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

ActionKind = Literal["detect", "prevent", "contain", "recover", "process"]


@dataclass(frozen=True, slots=True)
class ActionItem:
    """One thing to do, born from a fact of the incident; ``owner`` is a team or person, "" while nobody has
    it."""

    id: str
    kind: ActionKind
    what: str
    because: str
    owner: str = ""

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "kind": self.kind,
            "what": self.what,
            "because": self.because,
            "owner": self.owner,
        }


@dataclass(frozen=True, slots=True)
class Moment:
    """One of the four moments of an incident: onset, detected, contained, resolved.

    ``at`` is ISO 8601 or None when it has not come; ``after`` says how long after the one before, in words.
    """

    name: str
    at: str | None
    after: str
    because: str = ""

    def as_json(self) -> dict[str, Any]:
        return {"name": self.name, "at": self.at, "after": self.after, "because": self.because}


@dataclass(frozen=True, slots=True)
class Review:
    """The draft a person finishes. Every list holds whole sentences, and nothing in it is invented.

    ``timeline`` is the short one: (ISO time, sentence). ``guardrails`` is a unified diff against the runbook,
    or "".
    """

    incident: str
    service: str
    title: str
    severity: str | None
    state: str
    mode: str
    timezone: str
    summary: str
    moments: tuple[Moment, ...]
    harm: tuple[str, ...]
    requests_affected: int | None = None
    worked: tuple[str, ...] = ()
    did_not_work: tuple[str, ...] = ()
    timeline: tuple[tuple[str, str], ...] = ()
    causes: tuple[Mapping[str, Any], ...] = ()
    rejected: tuple[Mapping[str, Any], ...] = ()
    contributing: tuple[str, ...] = ()
    action_items: tuple[ActionItem, ...] = ()
    guardrails: str = ""
    open_questions: tuple[str, ...] = ()
    figures: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The review as a ``review`` entry carries it."""
        return {
            "incident": self.incident,
            "service": self.service,
            "title": self.title,
            "severity": self.severity,
            "state": self.state,
            "mode": self.mode,
            "timezone": self.timezone,
            "summary": self.summary,
            "moments": [m.as_json() for m in self.moments],
            "harm": list(self.harm),
            "requests_affected": self.requests_affected,
            "worked": list(self.worked),
            "did_not_work": list(self.did_not_work),
            "timeline": [list(pair) for pair in self.timeline],
            "causes": [dict(c) for c in self.causes],
            "rejected": [dict(c) for c in self.rejected],
            "contributing": list(self.contributing),
            "action_items": [item.as_json() for item in self.action_items],
            "guardrails": self.guardrails,
            "open_questions": list(self.open_questions),
            "figures": dict(self.figures),
        }

    @classmethod
    def of_json(cls, data: Mapping[str, Any]) -> Review:
        """The review that ``as_json`` wrote."""
        values = dict(data)
        values["moments"] = tuple(Moment(**m) for m in data["moments"])
        values["action_items"] = tuple(ActionItem(**i) for i in data["action_items"])
        values["timeline"] = tuple((at, says) for at, says in data["timeline"])
        for name in (
            "harm",
            "worked",
            "did_not_work",
            "causes",
            "rejected",
            "contributing",
            "open_questions",
        ):
            values[name] = tuple(data[name])
        return cls(**values)
