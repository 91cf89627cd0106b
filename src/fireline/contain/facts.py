"""What a decision rests on: the part of triage's assessment that the decision table asks about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from fireline.terms.cause import Cause, CauseKind
from fireline.terms.change import Change
from fireline.terms.incident import Incident
from fireline.terms.severity import Severity

OF_SETTINGS = ("config", "flag", "setting", "switch")
"""Words for a kind of change that brings no model and no code."""


class Assessed(Protocol):
    """What triage hands over, as far as a decision needs it."""

    @property
    def causes(self) -> tuple[Cause, ...]: ...

    @property
    def severity(self) -> Severity: ...

    @property
    def new_version(self) -> str | None: ...

    @property
    def equally_bad(self) -> tuple[str, ...]: ...


@dataclass(frozen=True, slots=True)
class Facts:
    """The facts of one decision.

    ``families`` are the alerts', the trigger's first. ``new_version`` is the version that alone is bad;
    ``equally_bad`` are the versions seen to be as bad as the suspect on the same traffic. ``shares`` is each
    live version's share of the traffic now, empty when not known; ``rung`` the rung of the ladder that
    answers now.
    """

    causes: tuple[Cause, ...] = ()
    families: tuple[str, ...] = ()
    severity: Severity | None = None
    new_version: str | None = None
    equally_bad: tuple[str, ...] = ()
    shares: Mapping[str, float] = field(default_factory=dict)
    rung: str | None = None

    @classmethod
    def of(
        cls,
        assessment: Assessed,
        incident: Incident,
        *,
        shares: Mapping[str, float] | None = None,
        rung: str | None = None,
    ) -> Facts:
        """The facts in triage's ``assessment`` and in the incident's alerts."""
        return cls(
            causes=tuple(assessment.causes),
            families=families_of(incident.alerts),
            severity=assessment.severity,
            new_version=assessment.new_version,
            equally_bad=tuple(assessment.equally_bad),
            shares=dict(shares or {}),
            rung=rung,
        )

    @property
    def suspect(self) -> Cause | None:
        """The likeliest cause that was not ruled out."""
        return next((cause for cause in self.causes if not cause.rejected), None)

    @property
    def kind(self) -> CauseKind:
        """The kind of the likeliest cause; ``unknown`` without one."""
        return self.suspect.cause if self.suspect else CauseKind.UNKNOWN

    @property
    def bad_version(self) -> str | None:
        """The version to be taken out: the one that alone is bad, else the one a suspected deploy brought."""
        if self.new_version is not None:
            return self.new_version
        suspect = self.suspect
        if suspect and suspect.cause is CauseKind.DEPLOY and suspect.change:
            return suspect.change.version
        return None

    @property
    def beside_versions(self) -> Change | None:
        """The suspected change where it is of the settings around the model and no version is seen to be bad
        alone: going back to an older version would leave it as it is."""
        suspect = self.suspect
        if self.new_version is not None or suspect is None or suspect.cause is not CauseKind.DEPLOY:
            return None
        change = suspect.change
        if change is None or change.version is not None:
            return None
        return change if any(word in change.kind.lower() for word in OF_SETTINGS) else None


def families_of(alerts: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """The families of ``alerts`` in the order they first fired."""
    ordered = sorted(alerts, key=lambda alert: (alert["fired_at"], alert["id"]))
    return tuple(dict.fromkeys(str(alert["family"]) for alert in ordered))
