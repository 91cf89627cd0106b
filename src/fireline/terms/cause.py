"""Hypotheses: what may have caused an incident, ranked, with what speaks for and against each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from fireline.terms.change import Change


class CauseKind(StrEnum):
    """The kinds of cause triage tells apart."""

    DEPLOY = "deploy"
    UPSTREAM_DATA = "upstream_data"
    NATURAL_DRIFT = "natural_drift"
    CONCEPT_DRIFT = "concept_drift"
    INFRASTRUCTURE = "infrastructure"
    ATTACK = "attack"
    LABEL_PIPELINE = "label_pipeline"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Cause:
    """One ranked hypothesis; ``score`` is its share of belief, ``rejected`` names a suspect that was ruled
    out."""

    cause: CauseKind
    score: float
    because: str
    change: Change | None = None
    supports: tuple[str, ...] = ()
    contradicts: tuple[str, ...] = ()
    rejected: bool = False
    next_check: str = ""

    def as_json(self) -> dict[str, Any]:
        """The cause as ``incidents.json`` shows it."""
        return {
            "cause": self.cause.value,
            "score": round(self.score, 4),
            "because": self.because,
            "change": self.change.as_json() if self.change else None,
            "supports": list(self.supports),
            "contradicts": list(self.contradicts),
            "rejected": self.rejected,
            "next_check": self.next_check,
        }

    @classmethod
    def of_json(cls, data: Mapping[str, Any]) -> Cause:
        """The cause that ``as_json`` wrote."""
        return cls(
            cause=CauseKind(data["cause"]),
            score=data["score"],
            because=data["because"],
            change=Change.of_json(data["change"]) if data["change"] else None,
            supports=tuple(data["supports"]),
            contradicts=tuple(data["contradicts"]),
            rejected=data["rejected"],
            next_check=data["next_check"],
        )
